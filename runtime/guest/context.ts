// The one argument of a job: its input and its capabilities. Every capability is a few lines over the mailbox; what it
// may do is decided outside.
import type { AbortSignal } from "./abort.ts";
import { writeFields } from "./console.ts";
import { decodeUtf8, encodeUtf8 } from "./encoding.ts";
import { fetch } from "./fetch-later.ts";
import { files } from "./files.ts";
import { call } from "./mailbox.ts";

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
    files,
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
