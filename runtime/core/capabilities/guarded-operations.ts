// The guest's operations with the leak guard around them. What a refusal or a failure says, and what the audit says of a
// call, holds no credential; a path that does is refused before it becomes a name; and what the supervisor did with a
// credential for the job gives no part of it back. Bodies of requests and responses are network-leaks.ts's.
import { type LeakGuard, marker } from "../leases/leak-guard.ts";
import { type Answer, type CallContext, Denied, Failed, hintOf, type Operation } from "./capability.ts";
import type { Operations } from "./gate.ts";

/** Of these the answer's bytes come from whoever the credential is for. */
const results: readonly string[] = ["credential.query", "credential.command", "credential.exec"];

export function guardOperations(operations: Operations, guard: LeakGuard): Operations {
  const guarded = Object.entries(operations).map(([name, operation]) => {
    return [name, guarding(name, operation as Operation<unknown, unknown>, guard)];
  });
  return Object.fromEntries(guarded) as Operations;
}

function guarding(name: string, operation: Operation<unknown, unknown>, guard: LeakGuard): Operation<unknown, unknown> {
  const { target } = operation;
  return {
    authorize: (args, body, context) =>
      withCleanErrors(guard, async () => {
        if (name.startsWith("files.")) refuseName(args as { path: string }, guard);
        return operation.authorize(args, body, context);
      }),
    act: (plan, body, context) =>
      withCleanErrors(guard, async () => {
        const answer = await operation.act(plan, body, context);
        return results.includes(name) ? withoutEcho(name, answer, guard, context) : answer;
      }),
    ...(target === undefined ? {} : { target: (plan: unknown) => guard.clean(target(plan)) }),
  };
}

async function withCleanErrors<T>(guard: LeakGuard, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw cleanError(guard, error);
  }
}

/** Errors and their targets without the credential, whoever put it there. */
export function cleanError(guard: LeakGuard, thrown: unknown, put = marker): unknown {
  if (thrown instanceof Failed) return new Failed(thrown.code, guard.clean(thrown.message, put), thrown.cause);
  if (!(thrown instanceof Denied)) return thrown;
  const { code, message, target } = thrown;
  return new Denied(code, guard.clean(message, put), guard.clean(target, put), guard.cleanAll(hintOf(thrown), put));
}

/** A name is listed, recorded and kept. A path may hold the text whole, or cut by its slashes. */
function refuseName({ path }: { path: string }, guard: LeakGuard): void {
  const form = guard.find(path) ?? guard.find(path.replaceAll("/", ""));
  if (form === undefined) return;
  guard.report("file name", form);
  throw new Denied("leak", "the path holds the run's credential; name the file for what is in it", marker);
}

async function withoutEcho(name: string, answer: Answer, guard: LeakGuard, context: CallContext): Promise<Answer> {
  const { value, body } = answer;
  const form = body === undefined ? undefined : guard.find(body);
  if (body === undefined || form === undefined) return answer;
  await context.record({ type: "credential.echoed", capability: name, detail: `in the result, ${form}` });
  if (name !== "credential.exec") return { ...answer, body: cleanJson(body, guard) };
  const { exitCode, stdoutBytes } = value as { exitCode: number; stdoutBytes: number };
  const [stdout, stderr] = [body.subarray(0, stdoutBytes), body.subarray(stdoutBytes)].map((each) =>
    cleanBytes(each, guard),
  );
  return {
    value: { exitCode, stdoutBytes: stdout?.length ?? 0 },
    body: Buffer.concat([stdout, stderr].filter((each) => each !== undefined)),
  };
}

/** Text by text, since a marker across a quote would be no JSON; where that doesn't reach it, nothing is given. */
export function cleanJson(bytes: Uint8Array, guard: LeakGuard): Uint8Array {
  const clean = Buffer.from(JSON.stringify(guard.cleanAll(JSON.parse(Buffer.from(bytes).toString()))));
  return guard.find(clean) === undefined ? clean : Buffer.from(JSON.stringify(marker));
}

function cleanBytes(bytes: Uint8Array, guard: LeakGuard): Uint8Array {
  const stream = guard.stream(marker, () => {});
  return stream === undefined ? bytes : Buffer.concat([stream.push(bytes), stream.end()]);
}
