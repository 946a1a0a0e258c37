// The one argument of a job: its input and its capabilities. Every capability is a few lines over the mailbox; what it
// may do is decided outside.
import type { AbortSignal } from "./abort.ts";
import { writeFields } from "./console.ts";
import { decodeStrictUtf8, decodeUtf8, encodeUtf8 } from "./encoding.ts";
import { fetch } from "./fetch-later.ts";
import { type Answer, call } from "./mailbox.ts";

interface ContextParts {
  runId: string;
  job: string;
  spiffeId: string;
  /** JSON text. */
  input: string;
  signal: AbortSignal;
}

type SqlValue = string | number | boolean | null;

export function makeContext(parts: ContextParts): object {
  return Object.freeze({
    input: JSON.parse(parts.input),
    credential: Object.freeze({
      fetch: async () => ((await call("credential.fetch", {})).value as { value: string }).value,
      query: async (sql: string, params: readonly SqlValue[] = []) =>
        JSON.parse(decodeUtf8((await call("credential.query", { sql, params })).bytes)),
      command: async (...args: readonly (string | number)[]) =>
        JSON.parse(decodeUtf8((await call("credential.command", { args: args.map(String) })).bytes)),
      exec,
    }),
    identity: Object.freeze({
      spiffeId: parts.spiffeId,
      token: async (audience: string) =>
        ((await call("identity.token", { audience })).value as { token: string }).token,
    }),
    files: Object.freeze({
      read: async (path: string) => (await call("files.read", { path })).bytes,
      readText,
      write: (path: string, content: string | Uint8Array) => write(path, content, "replace"),
      append: (path: string, content: string | Uint8Array) => write(path, content, "append"),
      list: (path: string) => value(call("files.list", { path })),
      stat: (path: string) => value(call("files.stat", { path })),
      mkdir: async (path: string) => void (await call("files.mkdir", { path })),
      remove: async (path: string) => void (await call("files.remove", { path })),
    }),
    fetch,
    log: Object.freeze({
      debug: (message: unknown, fields?: Record<string, unknown>) => writeFields("debug", message, fields),
      info: (message: unknown, fields?: Record<string, unknown>) => writeFields("info", message, fields),
      warn: (message: unknown, fields?: Record<string, unknown>) => writeFields("warn", message, fields),
      error: (message: unknown, fields?: Record<string, unknown>) => writeFields("error", message, fields),
    }),
    signal: parts.signal,
    run: Object.freeze({ id: parts.runId, job: parts.job }),
  });
}

async function exec(input: string | Uint8Array = ""): Promise<object> {
  const answer = await call("credential.exec", {}, typeof input === "string" ? encodeUtf8(input) : input);
  const { exitCode, stdoutBytes } = answer.value as { exitCode: number; stdoutBytes: number };
  return { exitCode, stdout: answer.bytes.slice(0, stdoutBytes), stderr: answer.bytes.slice(stdoutBytes) };
}

async function readText(path: string): Promise<string> {
  const { bytes } = await call("files.read", { path });
  try {
    return decodeStrictUtf8(bytes);
  } catch {
    throw new TypeError(`${path} is not UTF-8 text: read its bytes with files.read`);
  }
}

async function write(path: string, content: string | Uint8Array, mode: "replace" | "append"): Promise<void> {
  if (typeof content !== "string" && !(content instanceof Uint8Array)) {
    throw new TypeError(`files.${mode === "append" ? "append" : "write"} takes a string or a Uint8Array`);
  }
  await call("files.write", { path, mode }, typeof content === "string" ? encodeUtf8(content) : content);
}

async function value(answer: Promise<Answer>): Promise<unknown> {
  return (await answer).value;
}
