// Keeps credentials out of a recording, and makes a recorded call and a replayed one comparable. Two ways to clean:
//
//   compared   arguments, bodies that go up, log lines, the ending: each find becomes the same marker. In the run the guard
//              looks for the credential and in the replay for its placeholder, so both give the same text, in whatever form
//              the job has put it
//   given      values and content that the guest was answered with: each find becomes the placeholder, which a replay
//              gives to the job in the credential's place
//
// What it can't clean is not kept: a credential that can't be looked for, one across two texts or in compressed bytes.
import { createHash } from "node:crypto";
import type { Random } from "../../ports/random.ts";
import { type LeakGuard, makeLeakGuard, marker } from "../leases/leak-guard.ts";
import { makeBorders, withoutBorders } from "./borders.ts";
import { disguise } from "./disguise.ts";

/** Texts of one run, identity tokens among them; the forms of each take some hundred kilobytes. */
export const textsMax = 16;

/** Something holds a credential in a way that can't be taken out. */
export class Unclean extends Error {
  override readonly name = "Unclean";
}

export interface Redactor {
  /** The guest is about to be given these, or what holds them. @throws Unclean when they can't be looked for. */
  arm(texts: readonly string[]): void;
  /** Goes up each time that it has learnt a text. */
  readonly version: number;
  /** What the guest was given, with the placeholders of all that it holds. */
  standIn(text: string): string;
  /** Of all texts, in their order. */
  readonly placeholders: readonly string[];
  /** @throws Unclean */
  compared<Value>(value: Value): Value;
  /** @throws Unclean */
  given<Value>(value: Value): Value;
  /** Of a body that went up, as `compared`. */
  digester(): Digester;
  /** Content that comes in pieces, as `given`. */
  stream(): CleanStream;
}

export interface Digester {
  update(bytes: Uint8Array): void;
  /** SHA-256, hex. */
  end(): string;
}

/** It holds back what may be the beginning of a find. */
export interface CleanStream {
  /** Rejects with Unclean for what is compressed around the credential; then nothing of it has come out. */
  push(piece: Uint8Array): Promise<Uint8Array>;
  /** The rest. Rejects as `push` does. */
  end(): Promise<Uint8Array>;
}

/** @param known in everybody's hands, though it may stand in a credential: the run's id, its job's name. */
export function makeRedactor({ known, random }: { known: readonly string[]; random: Random }): Redactor {
  const texts = new Map<string, string>();
  let isBlind = false;
  let version = 0;
  const guard = makeLeakGuard({
    isRevealed: false,
    known,
    onLeak: () => {},
    onBlind: () => {
      isBlind = true;
    },
  });
  /** Named first by its issuer: what stands for a find of any other form. */
  let main: string | undefined;
  const put = () => texts.get(main ?? "") ?? marker;

  function arm(more: readonly string[]): void {
    const fresh = more.filter((text) => text !== "" && !texts.has(text));
    if (fresh.length === 0) return;
    if (texts.size + fresh.length > textsMax) throw new Unclean(`more than ${textsMax} credentials`);
    main ??= fresh[0];
    // The shorter ones first: they may be parts of the longer.
    for (const text of fresh.toSorted((a, b) => a.length - b.length))
      texts.set(text, disguise(text, known, random, texts));
    version += 1;
    guard.arm(fresh);
    if (isBlind) throw new Unclean("a credential that can't be looked for");
  }

  function clean<Value>(value: Value, inPlace: string): Value {
    const cleaned = guard.cleanAll(value, inPlace);
    // It may stand across texts, or be a number.
    if (guard.isArmed() && cleaned !== undefined && guard.find(JSON.stringify(cleaned)) !== undefined)
      throw new Unclean("a credential across several values");
    return cleaned;
  }

  return {
    arm,
    get version() {
      return version;
    },
    standIn: (text) => texts.get(text) ?? replaceAll(text, texts),
    get placeholders() {
      return [...texts.values()];
    },
    compared: (value) => (guard.isArmed() ? withoutBorders(clean(value, marker)) : value),
    given: (value) => clean(value, put()),
    digester: () => makeDigester(guard, () => version),
    stream: () => makeStream(guard, () => version, put),
  };
}

function replaceAll(text: string, texts: ReadonlyMap<string, string>): string {
  const longestFirst = [...texts].sort(([a], [b]) => b.length - a.length);
  return longestFirst.reduce((at, [each, placeholder]) => at.replaceAll(each, () => placeholder), text);
}

function makeDigester(guard: LeakGuard, version: () => number): Digester {
  const hash = createHash("sha256");
  const borders = makeBorders((bytes) => void hash.update(bytes));
  let madeAt = -1;
  let stream: ReturnType<LeakGuard["stream"]>;
  const finish = () => {
    if (stream !== undefined) borders.push(stream.end());
  };
  return {
    update(bytes) {
      if (madeAt !== version()) {
        finish(); // what has just been learnt can't have come before
        madeAt = version();
        stream = guard.stream(marker, () => {});
      }
      if (stream === undefined) hash.update(bytes);
      else borders.push(stream.push(bytes));
    },
    end() {
      finish();
      borders.end();
      return hash.digest("hex");
    },
  };
}

/** Of content between two turns of the loop, bytes: some 2 ms. */
export const sliceBytes = 1_048_576;
/** Held back until so many bytes were looked at: whether a shorter item is compressed is told at its end (leak-inflate.ts). */
const headBytes = 64;

const none = new Uint8Array(0);

function makeStream(guard: LeakGuard, version: () => number, put: () => string): CleanStream {
  let madeAt = -1;
  let stream: ReturnType<LeakGuard["stream"]>;
  let inspector: ReturnType<LeakGuard["inspector"]>;
  let packed: string | undefined;
  let lookedAt = 0;
  let held: Uint8Array[] = [];

  /** What has just been learnt can't have come before. */
  async function renew(): Promise<void> {
    await finish();
    madeAt = version();
    stream = guard.stream(put(), () => {});
    inspector = guard.inspector((form) => {
      packed ??= form;
    });
  }

  async function finish(): Promise<void> {
    if (stream !== undefined) held.push(stream.end());
    await inspector?.end();
    requireClean();
  }

  function requireClean(): void {
    if (packed !== undefined) throw new Unclean(`a credential (${packed})`);
  }

  function taken(): Uint8Array {
    const out = held.filter(({ length }) => length > 0);
    held = [];
    return out.length === 1 ? (out[0] as Uint8Array) : out.length === 0 ? none : Buffer.concat(out);
  }

  return {
    async push(piece) {
      if (madeAt !== version()) await renew();
      for (let at = 0; at < piece.length; at += sliceBytes) {
        const slice = piece.subarray(at, at + sliceBytes);
        held.push(stream?.push(slice) ?? slice);
        await inspector?.write(slice);
        requireClean();
      }
      lookedAt += piece.length;
      return inspector !== undefined && lookedAt < headBytes ? none : taken();
    },
    async end() {
      await finish();
      return taken();
    },
  };
}
