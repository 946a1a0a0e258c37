// A recording as it is read: events become the calls that were made and, in one list, what the guest was given. It may end
// anywhere, and what is in it may come from anywhere: an exported file is anybody's. Nothing of it is run here.
import { gunzipSync } from "node:zlib";
import { MayflyError } from "../../model/error.ts";
import { defaultLimits, type Limits } from "../../model/limits.ts";
import type { Bundle } from "../../ports/bundler.ts";
import type { LogLine } from "../../ports/run-archive.ts";
import {
  type About,
  about,
  type EventHead,
  end,
  guestError,
  type RecordedEnd,
  type RecordedEvent,
  RecordingInvalid,
} from "../../protocol/recording.ts";
import { digestOf } from "../bundle/digest.ts";

/** Larger ones no bundler of ours makes; source maps have the sources in them. */
const codeBytesMax = 8_388_608;
const mapBytesMax = 134_217_728;

export interface RecordedCall {
  id: number;
  op: string;
  args: unknown;
  /** Of the body that came with it, cleaned. */
  digest: string | undefined;
}

export interface Sent {
  seq: number;
  last: boolean;
  digest: string | undefined;
}

/** What reached the guest, in order. */
export type Given =
  | ({ type: "reply"; ok: true; value: unknown; body: Uint8Array } & Answering)
  | ({ type: "reply"; ok: false; error: { code: string; message: string } } & Answering)
  | ({ type: "piece"; body: Uint8Array; last: boolean; error?: { code: string; message: string } } & Answering)
  | ({ type: "pull"; seq: number; again: boolean } & Answering)
  | { type: "signal"; reason: string; nowMs: number };

interface Answering {
  /** The call's. */
  id: number;
  /** Pieces of the call's body that had come by then. */
  behind: number;
  nowMs: number;
}

export interface Recording {
  about: About;
  /** JSON text. */
  input: string;
  bundle: Bundle;
  placeholders: readonly string[];
  /** In the order in which they were made. */
  calls: readonly RecordedCall[];
  given: readonly Given[];
  /** Of each call whose body was streamed up. */
  sent: ReadonlyMap<number, readonly Sent[]>;
  lines: readonly Pick<LogLine, "level" | "text">[];
  /** null when it isn't in there. */
  end: RecordedEnd | null;
  /** Why it ends before the run did; null for a whole one. */
  cut: string | null;
  /** The run went on behind its last event, or was ended by what a replay has not: its deadline, a kill, a leak, a crash. */
  isOpen: boolean;
  limits: Limits;
}

/** Endings that the same job comes to by itself. */
const ownFailures: readonly string[] = ["job_threw", "job_shape"];
const ownLimits: readonly string[] = ["cpu", "memory", "output", "logs", "calls"];

function isOwn({ state, error }: RecordedEnd): boolean {
  if (state === "limit") return ownLimits.includes(error?.code ?? "");
  return state === "succeeded" || (state === "failed" && ownFailures.includes(error?.code ?? ""));
}

interface Draft {
  about?: About;
  input?: string;
  code?: Uint8Array;
  sourceMap: string;
  placeholders: readonly string[];
  calls: RecordedCall[];
  given: Given[];
  /** Bytes of pieces until their content is known. */
  pieces: Map<Given, number>;
  content: Map<number, Uint8Array[]>;
  sent: Map<number, Sent[]>;
  lines: Pick<LogLine, "level" | "text">[];
  end: RecordedEnd | null;
  cut: string | null;
}

/**
 * @param isWhole whether the file's own end was there.
 * @throws MayflyError `recording_invalid`
 */
export function makeRecording(events: Iterable<RecordedEvent>, isWhole: boolean): Recording {
  const draft: Draft = {
    sourceMap: "{}",
    placeholders: [],
    ...{ calls: [], given: [], lines: [], pieces: new Map(), content: new Map(), sent: new Map() },
    ...{ end: null, cut: null },
  };
  try {
    for (const each of events) add(draft, each);
    return finished(draft, isWhole);
  } catch (error) {
    throw invalid(error);
  }
}

/** What a reader's own parser said becomes an error that helps its reader. */
export function invalid(error: unknown): unknown {
  if (!(error instanceof RecordingInvalid)) return error;
  return new MayflyError({
    code: "recording_invalid",
    message: "that is no recording",
    found: error.message,
    needed: "a recording as Mayfly wrote it",
    next: "record the run again: record: true in its job's config",
    cause: error,
  });
}

function add(draft: Draft, { head, data, bytes }: RecordedEvent): void {
  const text = () => Buffer.from(bytes).toString("utf8");
  switch (head.type) {
    case "about":
      draft.about = parse(about, data, "about");
      return;
    case "input":
      draft.input = text();
      return;
    case "code":
      draft.code = unpacked(bytes, codeBytesMax);
      return;
    case "map":
      draft.sourceMap = Buffer.from(unpacked(bytes, mapBytesMax)).toString("utf8");
      return;
    case "placeholders":
      if (!Array.isArray(data) || !data.every((each) => typeof each === "string"))
        throw new RecordingInvalid("placeholders that are no texts");
      draft.placeholders = data;
      return;
    case "call":
      draft.calls.push({ id: head.id, op: head.op, args: data, digest: head.digest });
      return;
    case "sent":
      pushTo(draft.sent, head.call, { seq: head.seq, last: head.last, digest: head.digest });
      return;
    case "content":
      pushTo(draft.content, head.id, bytes);
      return;
    case "log":
      draft.lines.push({ level: head.level, text: text() });
      return;
    case "end":
      draft.end = parse(end, data, "end");
      return;
    case "cut":
      draft.cut = text();
      return;
    default:
      addGiven(draft, head, data, bytes);
  }
}

type GivenHead = Extract<EventHead, { type: "reply" | "piece" | "pull" | "signal" }>;

function addGiven(draft: Draft, head: GivenHead, data: unknown, bytes: Uint8Array): void {
  const { nowMs } = head;
  if (head.type === "signal") {
    draft.given.push({ type: "signal", reason: Buffer.from(bytes).toString("utf8"), nowMs });
    return;
  }
  const answering: Answering = { id: head.id, behind: draft.sent.get(head.id)?.length ?? 0, nowMs };
  if (head.type === "pull") draft.given.push({ type: "pull", seq: head.seq, again: head.again, ...answering });
  else if (head.type === "piece") {
    const failed = data === undefined ? {} : { error: parse(guestError, data, "piece") };
    const piece: Given = { type: "piece", body: bytes, last: head.last, ...failed, ...answering };
    draft.given.push(piece);
    draft.pieces.set(piece, head.bytes);
  } else if (head.ok) {
    draft.given.push({ type: "reply", ok: true, value: data, body: bytes, ...answering });
  } else {
    draft.given.push({ type: "reply", ok: false, error: parse(guestError, data, "reply"), ...answering });
  }
}

function finished(draft: Draft, isWhole: boolean): Recording {
  const { about: run, input, code, calls, sent, lines, placeholders } = draft;
  if (run === undefined || input === undefined || code === undefined)
    throw new RecordingInvalid("it ends before its run has begun");
  const digest = digestOf(code);
  if (digest !== run.digest) throw new RecordingInvalid("a bundle of another digest than the run's");
  const cut = draft.cut ?? (isWhole && draft.end !== null ? null : "it ends before its run does");
  return {
    ...{ about: run, input, placeholders, calls, sent, lines },
    bundle: { code, digest, sourceMap: draft.sourceMap, inputs: [] },
    given: withContent(draft, cut !== null),
    end: draft.end,
    cut,
    isOpen: cut !== null || draft.end === null || !isOwn(draft.end),
    limits: { ...defaultLimits, ...run.limits },
  };
}

/**
 * Each piece gets its bytes. A placeholder of another length than what it stands for moves what follows: the last piece
 * with bytes then takes the rest. In a recording that was cut the end of a content may be missing: its piece is left out.
 */
function withContent({ given, pieces, content }: Draft, isCut: boolean): Given[] {
  const whole = new Map([...content].map(([id, parts]) => [id, Buffer.concat(parts)]));
  const lastOf = new Map<number, Given>();
  for (const each of given) if (each.type === "piece" && (pieces.get(each) ?? 0) > 0) lastOf.set(each.id, each);
  const at = new Map<number, number>();
  const missing = new Set<number>();
  return given.filter((each) => {
    if (each.type !== "piece" || missing.has(each.id)) return each.type !== "piece";
    const from = at.get(each.id) ?? 0;
    const all = whole.get(each.id) ?? Buffer.alloc(0);
    const to = lastOf.get(each.id) === each && !isCut ? all.length : from + (pieces.get(each) ?? 0);
    if (to > all.length && isCut) {
      missing.add(each.id);
      return false;
    }
    each.body = all.subarray(from, to);
    at.set(each.id, Math.min(to, all.length));
    return true;
  });
}

function pushTo<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const before = map.get(key);
  if (before === undefined) map.set(key, [value]);
  else before.push(value);
}

function unpacked(bytes: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch {
    throw new RecordingInvalid("a bundle that can't be unpacked");
  }
}

interface Shape<Out> {
  safeParse(value: unknown): { success: true; data: Out } | { success: false };
}

function parse<Out>(shape: Shape<Out>, value: unknown, what: string): Out {
  const parsed = shape.safeParse(value);
  if (!parsed.success) throw new RecordingInvalid(`${what} without what belongs to it`);
  return parsed.data;
}
