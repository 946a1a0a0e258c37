// What passes a run's gate, made into events of its recording: copied when it passes, cleaned when it is its turn. What has
// no part in a replay is left out: credit for a window, a timer that is cleared, a request that is given up. Log lines are
// taken as the run's log has them, and not as the guest sent them.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { LogLine } from "../../ports/run-archive.ts";
import type { PieceHeader, PullHeader, ReplyHeader } from "../../protocol/channel.ts";
import { type About, event, type RecordedEnd, type RecordedEvent, recordingVersion } from "../../protocol/recording.ts";
import { type CleanStream, type Digester, type Redactor, sliceBytes } from "./redactor.ts";

const compress = promisify(gzip);
/** What an event costs beside its content, bytes: about. */
const eventBytes = 200;
const left: readonly string[] = ["log.write", "http.abort", "http.credit", "timer.clear"];

/** A call as the gate has decoded it; what it could not decode is of operation `bridge`. */
export interface PassedCall {
  id: number;
  op: string;
  args: unknown;
}

export interface RecordedEventsParts {
  redactor: Redactor;
  /** `bytes`: what the maker holds until it is called. */
  take(bytes: number, make: () => AsyncIterable<RecordedEvent>): void;
  breathe(): Promise<void>;
}

export interface RecordedEvents {
  prologue(about: About, parts: { input: string; bundle: { code: Uint8Array; sourceMap: string } }): void;
  /** Before the gate has it. */
  called(call: PassedCall, body: Uint8Array): void;
  /** What goes down to the guest. */
  answered(header: ReplyHeader | PieceHeader | PullHeader, body: Uint8Array): void;
  signalled(reason: string, nowMs: number): void;
  logged(line: LogLine): void;
  /** The redactor has learnt a text. */
  armed(): void;
  end(ending: RecordedEnd): void;
  /** Lets go what was being looked at. */
  close(): Promise<void>;
}

export function makeRecordedEvents({ redactor, take, breathe }: RecordedEventsParts): RecordedEvents {
  /** Operations of calls whose answer needs more than a look. */
  const tokens = new Map<number, string>();
  /** Bodies that go up, since their last beginning. */
  const uploads = new Map<number, { digester: Digester; from: number }>();
  const downloads = new Map<number, CleanStream>();

  async function digestOf(bytes: Uint8Array, digester = redactor.digester()): Promise<Digester> {
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      if (at > 0) await breathe();
      digester.update(bytes.subarray(at, at + sliceBytes));
    }
    return digester;
  }

  function called({ id, op, args }: PassedCall, body: Uint8Array): void {
    if (left.includes(op)) return;
    if (op === "credential.fetch" || op === "identity.token") tokens.set(id, op);
    const bytes = new Uint8Array(body); // a copy: a Buffer's own slice would be none
    take(eventBytes + bytes.length + sizeOf(args), async function* () {
      if (op === "http.piece") yield* sent(args as SentArguments, bytes);
      else {
        const digest = bytes.length === 0 ? {} : { digest: (await digestOf(bytes)).end() };
        yield event({ type: "call", id, op, ...digest }, redactor.compared(args));
      }
    });
  }

  async function* sent({ call, seq, last }: SentArguments, bytes: Uint8Array): AsyncGenerator<RecordedEvent> {
    const upload = uploads.get(call);
    const isOld = upload !== undefined && seq < upload.from; // a redirect came while it was on its way
    const digester = isOld ? undefined : await digestOf(bytes, upload?.digester);
    if (digester !== undefined) uploads.set(call, { digester, from: upload?.from ?? seq });
    if (last && !isOld) uploads.delete(call);
    const digest = last && digester !== undefined ? { digest: digester.end() } : {};
    yield event({ type: "sent", call, seq, last, ...digest });
  }

  function answered(header: ReplyHeader | PieceHeader | PullHeader, body: Uint8Array): void {
    const bytes = new Uint8Array(body); // a copy: a Buffer's own slice would be none
    const nowMs = header.nowMs ?? 0;
    if (header.type === "pull") {
      const { id, seq, again } = header;
      take(eventBytes, async function* () {
        if (again) uploads.set(id, { digester: redactor.digester(), from: seq });
        yield event({ type: "pull", id, seq, again, nowMs });
      });
    } else if (header.type === "piece") {
      take(eventBytes + bytes.length, () => piece(header, bytes, nowMs));
    } else {
      const op = tokens.get(header.id);
      tokens.delete(header.id);
      take(eventBytes + bytes.length + sizeOf(header.value), () => reply(header, op, bytes, nowMs));
    }
  }

  async function* reply(
    { id, ok, value, error }: ReplyHeader,
    op: string | undefined,
    bytes: Uint8Array,
    nowMs: number,
  ): AsyncGenerator<RecordedEvent> {
    let given = value;
    if (ok && op === "identity.token") {
      redactor.arm([String((value as { token?: unknown }).token)]);
      yield event({ type: "placeholders" }, redactor.placeholders);
    }
    if (ok && op !== undefined) given = withStandIns(value, redactor);
    const data = ok ? redactor.given(given) : redactor.compared(error);
    yield event({ type: "reply", id, ok, nowMs }, data, await cleaned(bytes));
  }

  async function cleaned(bytes: Uint8Array): Promise<Uint8Array> {
    if (bytes.length === 0) return bytes;
    const stream = redactor.stream();
    return Buffer.concat([await stream.push(bytes), await stream.end()]);
  }

  // Its borders are kept beside the content: what is held back to be looked at must not move them.
  async function* piece(
    { id, last, error }: PieceHeader,
    bytes: Uint8Array,
    nowMs: number,
  ): AsyncGenerator<RecordedEvent> {
    const stream = downloads.get(id) ?? redactor.stream();
    downloads.set(id, stream);
    const out = [await stream.push(bytes)];
    if (last === true || error !== undefined) {
      out.push(await stream.end());
      downloads.delete(id);
    }
    for (const content of out) if (content.length > 0) yield event({ type: "content", id }, undefined, content);
    const head = { type: "piece", id, bytes: bytes.length, last: last === true, nowMs } as const;
    yield event(head, error === undefined ? undefined : redactor.compared(error));
  }

  return {
    prologue(about, { input, bundle }) {
      take(eventBytes + input.length, async function* () {
        yield event({ type: "about", version: recordingVersion }, about);
        yield event({ type: "input" }, undefined, Buffer.from(redactor.compared(input)));
        yield event({ type: "code" }, undefined, await compress(bundle.code));
        yield event({ type: "map" }, undefined, await compress(bundle.sourceMap));
      });
    },
    called,
    answered,
    signalled(reason, nowMs) {
      take(eventBytes, async function* () {
        yield event({ type: "signal", nowMs }, undefined, Buffer.from(reason));
      });
    },
    logged({ level, text }) {
      take(eventBytes + text.length, async function* () {
        yield event({ type: "log", level }, undefined, Buffer.from(redactor.compared(text)));
      });
    },
    armed() {
      take(eventBytes, async function* () {
        yield event({ type: "placeholders" }, redactor.placeholders);
      });
    },
    end(ending) {
      take(eventBytes + sizeOf(ending), async function* () {
        yield event({ type: "end" }, redactor.compared(ending));
      });
    },
    async close() {
      for (const stream of downloads.values()) await stream.end().catch(() => undefined);
      downloads.clear();
    },
  };
}

interface SentArguments {
  call: number;
  seq: number;
  last: boolean;
}

/** What the guest was given as a credential or as its identity. */
function withStandIns(value: unknown, { standIn }: Redactor): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, typeof each === "string" ? standIn(each) : each]),
  );
}

/** About, in memory. */
function sizeOf(value: unknown): number {
  return value === undefined ? 0 : JSON.stringify(value).length;
}
