// What a recording says: the guest's side of one run, event by event, in the order in which its bridge saw them.
//
//   about         version; the run, its clock's start, its seed, its limits        once, and the first
//   input, code, map                       the run's input; its bundle and the source map of it, gzip
//   placeholders  the texts that stand where credentials stood
//   call          id, op, digest           arguments; bodies that went up are a digest
//   sent          call, seq, last, digest  one piece of a request's body
//   reply         id, ok, nowMs            the value or the error, and the content that came with it
//   piece         id, bytes, last, nowMs   so many bytes of the response to a call reached the guest, or an error did
//   content       id                       the bytes themselves, in order; their borders are those of the pieces
//   pull          id, seq, again, nowMs    the guest was asked for a piece
//   signal        nowMs                    the job's `signal` was aborted, with this text
//   log           level                    a line as the run's log has it
//   end           how the run ended
//   cut           why nothing more was kept
//
// An event is a head, data (JSON) and bytes. Kept, it is a frame (frame.ts) whose header has the head and the length of the
// data; the body is the data and the bytes. Exported in the clear it is a line of JSON. What is read is not believed: an
// exported file may come from anywhere.
import { z } from "zod";
import { bodyBytesMax, encodeFrame, type Frame, FrameDecoder, FrameError } from "./frame.ts";

export const recordingVersion = 1;

const id = z.int().min(1);
const at = { nowMs: z.number().min(0) };
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const heads = {
  about: z.strictObject({ type: z.literal("about"), version: z.literal(recordingVersion) }),
  input: z.strictObject({ type: z.literal("input") }),
  code: z.strictObject({ type: z.literal("code") }),
  map: z.strictObject({ type: z.literal("map") }),
  placeholders: z.strictObject({ type: z.literal("placeholders") }),
  call: z.strictObject({ type: z.literal("call"), id, op: z.string().max(64), digest: digest.optional() }),
  sent: z.strictObject({
    type: z.literal("sent"),
    call: id,
    seq: id,
    last: z.boolean(),
    digest: digest.optional(),
  }),
  reply: z.strictObject({ type: z.literal("reply"), id, ok: z.boolean(), ...at }),
  piece: z.strictObject({ type: z.literal("piece"), id, bytes: count, last: z.boolean(), ...at }),
  content: z.strictObject({ type: z.literal("content"), id }),
  pull: z.strictObject({ type: z.literal("pull"), id, seq: id, again: z.boolean(), ...at }),
  signal: z.strictObject({ type: z.literal("signal"), ...at }),
  log: z.strictObject({ type: z.literal("log"), level: z.enum(["debug", "info", "warn", "error"]) }),
  end: z.strictObject({ type: z.literal("end") }),
  cut: z.strictObject({ type: z.literal("cut") }),
} as const;

export type EventType = keyof typeof heads;
export type EventHead = { [Type in EventType]: z.infer<(typeof heads)[Type]> }[EventType];

export interface RecordedEvent {
  head: EventHead;
  /** undefined when there is none. */
  data: unknown;
  bytes: Uint8Array;
}

/** The data of `about`. */
export const about = z.strictObject({
  runId: z.string().max(64),
  job: z.string().max(64),
  spiffeId: z.string().max(2_048),
  /** The guest's time at its launch, ms since the epoch. */
  nowMs: z.number().min(0),
  /** 32 bytes, hex: all randomness of the run. */
  seed: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of the bundle. */
  digest: z.string().max(128),
  limits: z.record(z.string().max(64), z.number()),
  /** What of V8 the job had that is off otherwise. */
  isolate: z.strictObject({ webAssembly: z.boolean(), sharedMemory: z.boolean() }),
  /** Node and V8 of the executor. */
  engine: z.string().max(256),
});
export type About = z.infer<typeof about>;

/** The data of `end`: the ending as it was kept in the run's record. */
export const end = z.strictObject({
  state: z.enum(["succeeded", "failed", "limit", "killed"]),
  result: z.unknown(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
});
export type RecordedEnd = z.infer<typeof end>;

/** The data of a `reply` or `piece` that failed. */
export const guestError = z.strictObject({ code: z.string(), message: z.string() });

/** What can't be an event. The text is ours and quotes nothing. */
export class RecordingInvalid extends Error {
  override readonly name = "RecordingInvalid";
}

const none = new Uint8Array(0);

export function event(head: EventHead, data?: unknown, bytes: Uint8Array = none): RecordedEvent {
  return { head, data, bytes };
}

/** The event as it is kept; undefined when it is larger than a frame. */
export function encodeEvent({ head, data, bytes }: RecordedEvent): Uint8Array | undefined {
  const json = data === undefined ? none : Buffer.from(JSON.stringify(data));
  if (json.length + bytes.length > bodyBytesMax) return undefined;
  const body = json.length === 0 ? bytes : bytes.length === 0 ? json : Buffer.concat([json, bytes]);
  return Buffer.concat(encodeFrame({ header: { ...head, data: json.length }, body }));
}

/** @throws RecordingInvalid */
export function decodeEvent({ header, body }: Frame): RecordedEvent {
  const { data: length, ...head } = header;
  if (typeof length !== "number" || !Number.isInteger(length) || length < 0 || length > body.length)
    throw new RecordingInvalid("an event without its length");
  return {
    head: headOf(head),
    data: length === 0 ? undefined : parsed(Buffer.from(body.buffer, body.byteOffset, length).toString("utf8")),
    bytes: body.subarray(length),
  };
}

/** All events that are whole in these bytes. Rejects with RecordingInvalid. */
export async function decodeEvents(
  pieces: AsyncGenerator<Uint8Array, boolean>,
): Promise<{ events: RecordedEvent[]; isWhole: boolean }> {
  const decoder = new FrameDecoder();
  const events: RecordedEvent[] = [];
  try {
    for (;;) {
      const { value, done } = await pieces.next();
      if (done === true) return { events, isWhole: value };
      for (const frame of decoder.push(value)) events.push(decodeEvent(frame));
    }
  } catch (error) {
    throw error instanceof FrameError ? new RecordingInvalid(error.message) : error;
  }
}

/** For people and for tests: bytes are text where they are UTF-8, and Base64 where they aren't. */
export function eventToLine({ head, data, bytes }: RecordedEvent): string {
  const content = bytes.length === 0 ? {} : contentOf(bytes);
  return JSON.stringify({ ...head, ...(data === undefined ? {} : { data }), ...content });
}

function contentOf(bytes: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

/** @throws RecordingInvalid */
export function eventFromLine(line: string): RecordedEvent {
  const value = parsed(line);
  if (typeof value !== "object" || value === null) throw new RecordingInvalid("a line that is no event");
  const { data, text, base64, ...head } = value as Record<string, unknown>;
  const bytes =
    typeof text === "string" ? Buffer.from(text) : typeof base64 === "string" ? Buffer.from(base64, "base64") : none;
  return { head: headOf(head), data, bytes };
}

function headOf(head: Record<string, unknown>): EventHead {
  const { type, version } = head;
  if (typeof type !== "string" || !Object.hasOwn(heads, type)) throw new RecordingInvalid("an event of unknown type");
  if (type === "about" && version !== recordingVersion)
    throw new RecordingInvalid(
      `version ${typeof version === "number" ? version : `(a ${typeof version})`}, where this Mayfly reads ${recordingVersion}`,
    );
  const checked = heads[type as EventType].safeParse(head);
  if (!checked.success) throw new RecordingInvalid(`an event of type ${type} that is none`);
  return checked.data as EventHead;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RecordingInvalid("an event whose data is no JSON");
  }
}
