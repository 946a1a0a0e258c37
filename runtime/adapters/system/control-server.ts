// Serves submissions and revocations on a unix socket that only this user can open. Parses and bounds; what a submission means is the
// scheduler's, reached through `handlers`.
import { chmodSync, unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { z } from "zod";
import { MayflyError } from "../../model/error.ts";
import type { Lease } from "../../model/lease.ts";
import type { RunEvent } from "../../model/run-event.ts";
import {
  type RevocationRequest,
  type RevokeLine,
  revocation,
  type StatusAnswer,
  type SubmissionAnswer,
  submission,
  submissionBytesMax,
  toErrorAnswer,
} from "../../protocol/control.ts";

export interface ControlHandlers {
  submit(request: { job: string; input: string; key?: string }): Promise<SubmissionAnswer>;
  /** Calls for each event of the run from now on, and ends with `ended`. Returns the way to stop; undefined for an unknown run. */
  follow(id: string, onEvent: (event: RunEvent) => void): (() => void) | undefined;
  kill(id: string): boolean;
  /** Calls for each lease when it is proven dead or its tries are over; resolves when all are. */
  revoke(request: RevocationRequest, onEnd: (lease: Lease) => void): Promise<void>;
  status(): StatusAnswer;
}

export interface ControlServer {
  close(): Promise<void>;
}

/** sun_path of a unix socket, bytes with its closing zero (unix(7)). */
const socketPathBytesMax = 108;

/** The caller is the only `start` of this state directory: a socket that is there is a dead one's. */
export async function serveControl(path: string, handlers: ControlHandlers): Promise<ControlServer> {
  if (Buffer.byteLength(path) >= socketPathBytesMax) {
    throw new MayflyError({
      code: "state_directory",
      message: "the submission socket's path is too long for a unix socket",
      found: `${Buffer.byteLength(path)} bytes: ${path}`,
      needed: `less than ${socketPathBytesMax} bytes`,
      next: 'choose a shorter state directory with `state: "…"` in sandbox.config.ts',
    });
  }
  removeSocket(path);
  const server = createServer({ requestTimeout: 30_000, maxHeaderSize: 8_192 }, (request, response) => {
    route(request, response, handlers).catch((error: unknown) => answerError(response, error));
  });
  await listen(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177); // 0600 from the first moment
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

async function route(request: IncomingMessage, response: ServerResponse, handlers: ControlHandlers): Promise<void> {
  const { method, url = "" } = request;
  const [, id, what] = /^\/v1\/runs\/(run_[0-9a-f]{32})\/(events|kill)$/.exec(url) ?? [];
  if (method === "POST" && url === "/v1/runs")
    answer(response, 202, await handlers.submit(await readSubmission(request)));
  else if (method === "GET" && id !== undefined && what === "events") stream(response, id, handlers);
  else if (method === "POST" && id !== undefined && what === "kill")
    answer(response, 200, { killed: handlers.kill(id) });
  else if (method === "POST" && url === "/v1/revoke") await streamRevocation(request, response, handlers);
  else if (method === "GET" && url === "/v1/status") answer(response, 200, handlers.status());
  else throw new MayflyError({ code: "usage", message: `no such route: ${method} ${url.slice(0, 100)}` });
}

async function readSubmission(request: IncomingMessage): Promise<{ job: string; input: string; key?: string }> {
  const { job, input, key } = await readBody(request, submission, '{"job": "…", "input": …, "key": "…"}');
  return { job, input: JSON.stringify(input ?? null), ...(key === undefined ? {} : { key }) };
}

async function readBody<T>(request: IncomingMessage, shape: z.ZodType<T>, needed: string): Promise<T> {
  const invalid = (found: string) => {
    const message = "the request can't be read";
    return new MayflyError({ code: "input_invalid", message, found, needed });
  };
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > submissionBytesMax) throw invalid(`more than ${submissionBytesMax} bytes`);
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw invalid("no JSON");
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}

// What was asked for goes on when whoever asked is gone.
async function streamRevocation(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: ControlHandlers,
): Promise<void> {
  const asked = await readBody(request, revocation, '{"target": {"lease": "…"}, "reason": "…"}');
  const write = (line: RevokeLine) => response.write(`${JSON.stringify(line)}\n`);
  response.setHeader("content-type", "application/x-ndjson");
  response.flushHeaders();
  try {
    await handlers.revoke(asked, (lease) => write({ lease }));
    write({ done: true });
  } catch (error) {
    write(toErrorAnswer(knownError(error)));
  }
  response.end();
}

function stream(response: ServerResponse, id: string, handlers: ControlHandlers): void {
  const write = (event: RunEvent) => {
    response.write(`${JSON.stringify(event)}\n`);
    if (event.type === "ended") response.end();
  };
  response.setHeader("content-type", "application/x-ndjson");
  const stop = handlers.follow(id, write); // throws before anything is sent, for a run that nobody knows
  if (!response.headersSent) response.flushHeaders();
  if (stop === undefined) {
    response.end();
    return;
  }
  response.on("close", stop);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

const statusOf: Partial<Record<MayflyError["code"], number>> = {
  key_conflict: 409,
  job_unknown: 404,
  run_unknown: 404,
  draining: 503,
  store_unavailable: 503,
};

function answerError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const known = knownError(error);
  answer(response, statusOf[known.code] ?? 400, toErrorAnswer(known));
}

function knownError(error: unknown): MayflyError {
  if (error instanceof MayflyError) return error;
  return new MayflyError({ code: "internal", message: "the runtime failed at this request" });
}
