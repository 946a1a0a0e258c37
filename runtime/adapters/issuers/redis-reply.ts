// Reads what a Redis server sends (RESP3, redis.io/docs/latest/develop/reference/protocol-spec), as the JSON that a job
// gets. Answers for never holding more than what has arrived: a length that is announced makes nothing grow, where the
// usual clients allocate lists of the announced length, and twenty lines of a few bytes end the process. How many bytes
// may arrive is the connection's to bound.
//
//   status, text                  text; bytes that are no UTF-8: {"base64": "…"} (RFC 4648)
//   integer, double               a number; what a JSON number would lose (beyond 2^53, inf, nan) stays text
//   big number                    text
//   boolean, null                 true, false, null
//   list, set                     a list
//   map                           a list of [key, value], for `Object.fromEntries` or `new Map`: keys may be of any type
//   an error within a list        {"error": "…"}
//
// Streamed replies, attributes and pushes are not asked for; what nobody asked for is garbage.
import { isUtf8 } from "node:buffer";

export type RedisValue = null | boolean | number | string | { base64: string } | { error: string } | RedisValue[];

export type Reply = { ok: true; value: RedisValue } | { ok: false; error: string };

/** The bytes are no replies; nothing that follows can be read. */
export class ReplyGarbage extends Error {
  override readonly name = "ReplyGarbage";
}

export interface ReplyReader {
  /** The replies that these bytes complete. @throws ReplyGarbage, and from then on always. */
  read(bytes: Uint8Array): Reply[];
}

/** Redis's own replies are nested four deep at most (XINFO STREAM FULL). */
const depthMax = 16;
/** Statuses and errors are lines; an error may quote a command, which the server cuts at some hundred bytes. */
const lineBytesMax = 65_536;

interface Frame {
  kind: "list" | "map";
  /** Values that are still to come. */
  left: number;
  items: RedisValue[];
}

class NestedError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export function makeReplyReader(): ReplyReader {
  let pieces: Uint8Array[] = [];
  let heldBytes = 0;
  /** With fewer nothing can be read. */
  let neededBytes = 1;
  let held = Buffer.alloc(0);
  let at = 0;
  /** A text whose length has been read. */
  let text: { type: string; bytes: number } | undefined;
  const frames: Frame[] = [];
  let replies: Reply[] = [];
  let failed: ReplyGarbage | undefined;

  function read(bytes: Uint8Array): Reply[] {
    if (failed !== undefined) throw failed;
    pieces.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes < neededBytes) return [];
    held = Buffer.concat(pieces);
    at = 0;
    replies = [];
    try {
      while (readText() || readLine()); // each true: something was read
    } catch (error) {
      failed = error instanceof ReplyGarbage ? error : new ReplyGarbage("a reply that can't be read", { cause: error });
      throw failed;
    }
    pieces = at === held.length ? [] : [held.subarray(at)];
    heldBytes = held.length - at;
    held = Buffer.alloc(0);
    return replies;
  }

  function readText(): boolean {
    if (text === undefined) return false;
    const { type, bytes } = text;
    if (held.length - at < bytes + 2) {
      neededBytes = bytes + 2;
      return false;
    }
    const end = at + bytes;
    if (held[end] !== 0x0d || held[end + 1] !== 0x0a) throw new ReplyGarbage("a text longer than it said");
    const from = type === "=" ? at + 4 : at; // "txt:"
    if (from > end) throw new ReplyGarbage("a verbatim text without its form");
    const body = held.subarray(from, end);
    at = end + 2;
    text = undefined;
    complete(type === "!" ? new NestedError(body.toString("utf8")) : textOf(body));
    return true;
  }

  function readLine(): boolean {
    if (text !== undefined) return false;
    const end = held.indexOf("\r\n", at);
    if ((end < 0 ? held.length : end) - at > lineBytesMax) throw new ReplyGarbage("a line that is too long");
    if (end < 0) {
      neededBytes = held.length - at + 1;
      return false;
    }
    const type = String.fromCharCode(held[at] ?? 0);
    const rest = held.subarray(at + 1, end);
    at = end + 2;
    begin(type, rest);
    return true;
  }

  function begin(type: string, rest: Buffer): void {
    const line = rest.toString("latin1");
    if (type === "+") complete(textOf(rest));
    else if (type === "-") complete(new NestedError(rest.toString("utf8")));
    else if (type === ":") complete(integerOf(line));
    else if (type === ",") complete(doubleOf(line));
    else if (type === "(") complete(integerOf(line, true));
    else if (type === "#" && /^[tf]$/.test(line)) complete(line === "t");
    else if (type === "_" && line === "") complete(null);
    else if ((type === "$" || type === "*") && line === "-1")
      complete(null); // RESP2
    else if ("$=!".includes(type)) text = { type, bytes: lengthOf(line) };
    else if (type === "*" || type === "~") open("list", lengthOf(line));
    else if (type === "%") open("map", 2 * lengthOf(line));
    else throw new ReplyGarbage("a reply of no known type");
  }

  function open(kind: Frame["kind"], left: number): void {
    if (frames.length >= depthMax) throw new ReplyGarbage("a reply that is nested too deeply");
    if (left === 0) complete([]);
    else frames.push({ kind, left, items: [] });
  }

  function complete(value: RedisValue | NestedError): void {
    let whole = value;
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      frame.items.push(whole instanceof NestedError ? { error: whole.text } : whole);
      frame.left -= 1;
      if (frame.left > 0) return;
      frames.pop();
      whole = frame.kind === "map" ? pairsOf(frame.items) : frame.items;
    }
    replies.push(whole instanceof NestedError ? { ok: false, error: whole.text } : { ok: true, value: whole });
  }

  return { read };
}

function lengthOf(line: string): number {
  if (!/^\d{1,10}$/.test(line)) throw new ReplyGarbage("a length that is none");
  return Number(line);
}

function textOf(bytes: Buffer): RedisValue {
  return isUtf8(bytes) ? bytes.toString("utf8") : { base64: bytes.toString("base64") };
}

function integerOf(line: string, isBig = false): RedisValue {
  if (!/^[+-]?\d+$/.test(line)) throw new ReplyGarbage("an integer that is none");
  const value = Number(line);
  if (!isBig && Number.isSafeInteger(value)) return value + 0; // -0 is no integer
  return line.replace(/^\+/, "");
}

function doubleOf(line: string): RedisValue {
  if (!/^(?:[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|-?inf|-?nan)$/.test(line))
    throw new ReplyGarbage("a number that is none");
  const value = Number(line);
  return Number.isFinite(value) ? value : line;
}

function pairsOf(items: readonly RedisValue[]): RedisValue[] {
  const pairs: RedisValue[] = [];
  for (let at = 0; at + 1 < items.length; at += 2) pairs.push([items[at] ?? null, items[at + 1] ?? null]);
  return pairs;
}
