// All that a guest may call, and nothing else: the wire between ring 1 and ring 3.
//
//   operation          arguments                                     bytes up   answer                                 bytes down
//   files.read         path                                          –          –                                      the file
//   files.write        path, mode                                    content    –                                      –
//   files.list         path                                          –          [{name, kind}]                         –
//   files.stat         path                                          –          {kind, bytes, modifiedAtMs} or null    –
//   files.mkdir        path                                          –          –                                      –
//   files.remove       path                                          –          –                                      –
//   http.request       url, method, headers, redirect, body,         the body   {status, statusText, headers, url,     –
//                      bodyBytes                                     if inline   redirected}
//   http.piece         call, seq, last                               a piece    no answer
//   http.credit        call, bytes                                   –          no answer
//   http.abort         call                                          –          no answer
//   credential.fetch   –                                             –          {value, expiresAt}                     –
//   credential.query   sql, params                                   –          –                                      {columns, rows} as JSON
//   credential.command args                                          –          –                                      the reply as JSON
//   credential.exec    –                                             stdin      {exitCode, stdoutBytes}                stdout, stderr
//   identity.token     audience                                      –          {token, expiresAt}                     –
//   log.write          level, text                                   –          no answer                              –
//   timer.set          timer, delayMs                                –          an answer when it is due (host clock)  –
//   timer.clear        timer                                         –          no answer (host clock)                 –
//   turn               –                                             –          an answer at once (channel.ts)         –
//
// A call is {id, op, args} and bytes; its answer is {id, ok: true, value} and bytes, or {id, ok: false, error: {code, message}}.
// What comes up is hostile until `decodeCall` has returned it.
//
// Bodies stream with back-pressure, and neither side sends what the other has no room for:
//   down  the answer to http.request has no body. Its bytes follow as `piece` frames (channel.ts), `windowBytes` of them at
//         most until the guest gives credit for what it has consumed.
//   up    a body that is not inline is sent one `http.piece` for each `pull` frame, none without.
import { z } from "zod";
import { escapeLine } from "../model/error.ts";
import { bodyBytesMax } from "./frame.ts";
import { inlineBodyBytesMax, pieceBytesMax } from "./sizes.ts";

export { inlineBodyBytesMax, pieceBytesMax, windowBytes } from "./sizes.ts";

/** Longest path that a guest may name, UTF-16 units: Linux's PATH_MAX. */
export const pathCharsMax = 4_096;
/** Longest URL: what common servers take at most. */
export const urlCharsMax = 8_192;
/** Header fields of one request. */
export const headerFieldsMax = 128;
/** Longest SQL text. */
export const sqlCharsMax = 65_536;
/** Longest piece of text in one log call; the guest cuts longer lines itself. */
export const logCharsMax = 65_536;
/** Parameters of one query. */
export const queryParamsMax = 256;

/** Words of one command, its name included. */
export const commandArgsMax = 256;
/** Longest word of a command. */
export const commandArgCharsMax = 65_536;
/** Longest audience of an identity token: a URL or a name. */
export const audienceCharsMax = 512;

/** What is said of an argument that is refused: it goes into the run's record and the audit. */
const refusalCharsMax = 300;

/** Of one operation; twice what any has. */
const argumentsMax = 12;

const path = z.string().max(pathCharsMax);
const callId = z.int().min(1);
const timer = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

const operations = {
  "files.read": z.strictObject({ path }),
  "files.write": z.strictObject({ path, mode: z.enum(["replace", "append"]) }),
  "files.list": z.strictObject({ path }),
  "files.stat": z.strictObject({ path }),
  "files.mkdir": z.strictObject({ path }),
  "files.remove": z.strictObject({ path }),
  "http.request": z.strictObject({
    url: z.string().max(urlCharsMax),
    method: z.string().max(32),
    headers: z.array(z.tuple([z.string().max(256), z.string().max(16_384)])).max(headerFieldsMax),
    redirect: z.enum(["follow", "manual", "error"]),
    /** `again`: streamed, and the guest can begin anew, for a redirect that repeats it. */
    body: z.enum(["none", "inline", "stream", "again"]),
    /** Its whole length, when the guest knows it: becomes Content-Length. */
    bodyBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullable(),
  }),
  "http.piece": z.strictObject({ call: callId, seq: z.int().min(1), last: z.boolean() }),
  "http.credit": z.strictObject({ call: callId, bytes: z.int().min(1).max(Number.MAX_SAFE_INTEGER) }),
  "http.abort": z.strictObject({ call: callId }),
  "credential.fetch": z.strictObject({}),
  "credential.query": z.strictObject({
    sql: z.string().min(1).max(sqlCharsMax),
    params: z.array(z.union([z.string().max(65_536), z.number(), z.boolean(), z.null()])).max(queryParamsMax),
  }),
  "credential.command": z.strictObject({
    args: z.array(z.string().max(commandArgCharsMax)).min(1).max(commandArgsMax),
  }),
  "credential.exec": z.strictObject({}),
  "identity.token": z.strictObject({ audience: z.string().min(1).max(audienceCharsMax) }),
  "log.write": z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]), text: z.string().max(logCharsMax) }),
  "timer.set": z.strictObject({ timer, delayMs: z.number().min(0).max(2_147_483_647) }),
  "timer.clear": z.strictObject({ timer }),
  turn: z.strictObject({}),
} as const;

export type OperationName = keyof typeof operations;
export type Arguments<Name extends OperationName> = z.infer<(typeof operations)[Name]>;

export type Call = { [Name in OperationName]: { id: number; op: Name; args: Arguments<Name> } }[OperationName];

export const operationNames = Object.keys(operations) as OperationName[];

export type DecodedCall = { ok: true; call: Call } | { ok: false; id: number | null; message: string };

const contentBytesMax: Partial<Record<OperationName, number>> = {
  "files.write": bodyBytesMax,
  "http.request": inlineBodyBytesMax,
  "http.piece": pieceBytesMax,
  "credential.exec": bodyBytesMax,
};

/** What a call of this operation may bring along, bytes; 0 where there is no such operation. */
export function contentBytesMaxOf(op: unknown): number {
  return typeof op === "string" && Object.hasOwn(contentBytesMax, op) ? (contentBytesMax[op as OperationName] ?? 0) : 0;
}

/** A call as it came up the pipe. The message of a refusal names the operation and the argument, never a value. */
export function decodeCall(header: { readonly [key: string]: unknown }): DecodedCall {
  const { id, op, args } = header;
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 1)
    return { ok: false, id: null, message: "call without an id" };
  if (typeof op !== "string" || !Object.hasOwn(operations, op)) return { ok: false, id, message: "no such operation" };
  // Each key that doesn't belong there costs its refusal time, and a header holds some thirty thousand of them.
  if (typeof args === "object" && args !== null && Object.keys(args).length > argumentsMax)
    return { ok: false, id, message: `${op}: more than ${argumentsMax} arguments` };
  const parsed = operations[op as OperationName].safeParse(args);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    // A key that no operation has is the guest's own text, of any length.
    const what = escapeLine(issue?.message ?? "invalid", refusalCharsMax);
    return { ok: false, id, message: `${op}: ${issue?.path.join(".") || "arguments"}: ${what}` };
  }
  return { ok: true, call: { id, op, args: parsed.data } as Call };
}

export interface GuestError {
  code: string;
  message: string;
}
