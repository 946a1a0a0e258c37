// Hands a run to a running `mayfly start` and waits for its end: a script to copy from. It speaks the socket's HTTP
// itself (runtime/protocol/control.ts has the whole protocol), so that it can be written again in any language.
//
//   node scripts/submit.ts <job> [input as JSON] [idempotency key]
//
// stdout: the job's result. Exit code: 0 succeeded, 1 otherwise, 2 usage.
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";

const socketPath = process.env.MAYFLY_SOCKET ?? ".mayfly/mayfly.sock";

function send(method: string, path: string, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, method, path }, resolve).on("error", reject).end(body);
  });
}

async function readJson(message: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
}

async function main(): Promise<number> {
  const [job, input = "null", key] = process.argv.slice(2);
  if (job === undefined || job.startsWith("-")) {
    console.error("usage: node scripts/submit.ts <job> [input as JSON] [idempotency key]");
    return 2;
  }
  const submission = JSON.stringify({
    job,
    input: JSON.parse(input) as unknown,
    ...(key === undefined ? {} : { key }),
  });
  const answer = await readJson(await send("POST", "/v1/runs", submission));
  if (typeof answer.id !== "string") {
    console.error(answer.error);
    return 1;
  }
  const events = createInterface({ input: await send("GET", `/v1/runs/${answer.id}/events`) });
  for await (const line of events) {
    const event = JSON.parse(line) as {
      type: string;
      text?: string;
      record?: { state: string; result: unknown; error: unknown };
    };
    if (event.type === "log") console.error(event.text);
    if (event.type !== "ended" || event.record === undefined) continue;
    const { state, result, error } = event.record;
    if (state === "succeeded") console.log(JSON.stringify(result));
    else console.error(state, error);
    return state === "succeeded" ? 0 : 1;
  }
  console.error(`the connection ended before run ${answer.id} did; it was accepted and is not lost`);
  return 1;
}

process.exitCode = await main().catch((error: NodeJS.ErrnoException) => {
  console.error(`${error.message} (is \`mayfly start\` up, and ${socketPath} its socket?)`);
  return 1;
});
