// Keeps what a run's guest asked and was answered, so that the run can be repeated (protocol/recording.ts has the words).
// It stands beside the gate and decides nothing. It never holds a run up and never fails one: what it is told it copies,
// and cleans, seals and writes it when the loop has time. What it can't keep cuts the recording there, for good:
//
//   open     events are kept
//   cut      nothing more is: its bound is reached, it came faster than it could be written, the disk or the key refused,
//            or there was a credential in it that can't be taken out. The reason is the recording's last word
//   closed   written to its end, or given up after `closeWaitMs`
import type { RecordingNote } from "../../model/run.ts";
import { formatSize } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Recordings, RecordingWriter } from "../../ports/recordings.ts";
import type { LogLine } from "../../ports/run-archive.ts";
import type { About, RecordedEnd, RecordedEvent } from "../../protocol/recording.ts";
import { encodeEvent, event } from "../../protocol/recording.ts";
import { makeRecordedEvents, type RecordedEvents } from "./recorded-events.ts";
import { makeRedactor, Unclean } from "./redactor.ts";

/** Copied and not yet written, bytes: two of the largest bodies. Beyond it the recording is cut rather than the run held up. */
const waitingBytesMax = 33_554_432;
/** Written in such pieces. */
const pieceBytes = 1_048_576;
/** Of its bound, kept for saying why it was cut. */
const lastWordBytes = 1_024;
/** Of its bound, what a source map may take. */
const mapShare = 4;
/** For the rest to be written once the run is over, ms. */
const closeWaitMs = 5_000;

export interface RecorderParts {
  about: Omit<About, "engine" | "seed">;
  /** JSON text. */
  input: string;
  bundle: { code: Uint8Array; sourceMap: string };
  bytesMax: number;
  recordings: Pick<Recordings, "create" | "engine">;
  random: Random;
  clock: Clock;
  /** In everybody's hands, though it may stand in a credential. */
  known: readonly string[];
}

export interface Recorder extends Omit<RecordedEvents, "prologue" | "armed" | "end" | "close"> {
  /** 32 bytes, hex: where the run's randomness comes from. */
  readonly seed: string;
  logged(line: LogLine): void;
  /** The guest is about to be given what these give away. */
  arm(texts: readonly string[]): void;
  /** Writes the rest. Never rejects, and takes `closeWaitMs` at most. */
  close(ending: RecordedEnd): Promise<RecordingNote>;
}

/** What waits to be kept; made into events when it is its turn. */
interface Item {
  bytes: number;
  make(): AsyncIterable<RecordedEvent>;
}

export function makeRecorder(parts: RecorderParts): Recorder {
  const { clock, random, recordings, about, bytesMax } = parts;
  const redactor = makeRedactor({ known: parts.known, random });
  const seed = Buffer.from(random.bytes(32)).toString("hex");
  const kept = makeKept(recordings.create(about.runId), bytesMax);
  let waiting: Item[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let isTaking = true;

  function take(bytes: number, make: Item["make"]): void {
    if (!isTaking || kept.cut() !== null) return;
    if (waitingBytes + bytes > waitingBytesMax) cutHere("it came faster than it could be written");
    else wait({ bytes, make });
  }

  function wait(item: Item): void {
    waitingBytes += item.bytes;
    waiting.push(item);
    writing ??= breathe(clock).then(write);
  }

  /** Behind what waits: that is kept. */
  function cutHere(reason: string): void {
    isTaking = false;
    wait({ bytes: 0, make: () => cutting(reason) });
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      for (const { bytes, make } of batch) {
        await keepAll(make);
        waitingBytes -= bytes;
      }
      await kept.flush();
    }
    writing = undefined;
  }

  async function keepAll(make: Item["make"]): Promise<void> {
    if (kept.cut() !== null) return;
    try {
      for await (const each of make()) {
        await kept.add(each);
        if (kept.cut() !== null) return;
      }
    } catch (error) {
      const reason = error instanceof Unclean ? `it would have held ${error.message}` : undefined;
      kept.cutOff(reason ?? (error instanceof Cut ? error.message : "it could not be made"));
    }
  }

  const events = makeRecordedEvents({ redactor, take, breathe: () => breathe(clock) });
  events.prologue({ ...about, engine: recordings.engine, seed }, parts);

  return {
    seed,
    called: events.called,
    answered: events.answered,
    signalled: events.signalled,
    logged: events.logged,
    arm(texts) {
      try {
        redactor.arm(texts);
        events.armed();
      } catch (error) {
        if (isTaking) cutHere(`it would have held ${(error as Error).message}`);
      }
    },
    async close(ending) {
      events.end(ending);
      const done = (async () => {
        await writing;
        await events.close();
        await kept.close();
      })();
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = clock.setTimer(closeWaitMs, resolve);
      await Promise.race([done, late.then(() => kept.cutOff("it was not written in time"))]);
      cancel();
      return { bytes: kept.bytes(), cut: kept.cut() };
    },
  };
}

class Cut extends Error {}

// biome-ignore lint/correctness/useYield: it ends what is kept, and keeps nothing
async function* cutting(reason: string): AsyncGenerator<RecordedEvent> {
  throw new Cut(reason);
}

function breathe(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.setTimer(0, resolve));
}

interface Kept {
  cut(): string | null;
  cutOff(reason: string): void;
  add(event: RecordedEvent): Promise<void>;
  /** What was added is with the disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
  bytes(): number;
}

/** Within its bound, and in pieces. Nothing rejects: what the disk refuses cuts the recording. */
function makeKept(creating: Promise<RecordingWriter>, bytesMax: number): Kept {
  let cut: string | null = null;
  let bytes = 0;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  creating.catch(() => cutOff("it could not be begun"));

  function cutOff(reason: string): void {
    cut ??= reason;
  }

  function put(encoded: Uint8Array): void {
    pending.push(encoded);
    pendingBytes += encoded.length;
    bytes += encoded.length;
  }

  async function flush(): Promise<void> {
    if (pendingBytes === 0) return;
    const piece = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    try {
      const writer = await creating;
      for (let at = 0; at < piece.length; at += pieceBytes) await writer.write(piece.subarray(at, at + pieceBytes));
    } catch {
      bytes -= piece.length;
      cutOff("the disk or the key refused it");
    }
  }

  return {
    cut: () => cut,
    cutOff,
    flush,
    bytes: () => bytes,
    async add(each) {
      const encoded = encodeEvent(each);
      // Without its source map a replay only names no lines.
      if (each.head.type === "map" && (encoded?.length ?? bytesMax) > bytesMax / mapShare) return;
      if (encoded === undefined || bytes + encoded.length > bytesMax - lastWordBytes)
        return cutOff(`its bound of ${formatSize(bytesMax)} is reached`);
      put(encoded);
      if (pendingBytes >= pieceBytes) await flush();
    },
    async close() {
      if (cut !== null) put(encodeEvent(event({ type: "cut" }, undefined, Buffer.from(cut))) ?? new Uint8Array(0));
      await flush();
      try {
        await (await creating).close();
      } catch {
        cutOff("the disk or the key refused its end");
        await creating.then((writer) => writer.abandon()).catch(() => undefined);
      }
    },
  };
}
