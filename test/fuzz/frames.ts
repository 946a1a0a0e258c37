// Fuzzes the decoder of the executor's pipe: valid streams, damaged ones and noise, cut anywhere. It must give what a plain
// reading of the whole stream gives, wherever the cuts are, and refuse by FrameError alone.
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import {
  bodyBytesMax,
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameError,
  headerBytesMax,
} from "../../runtime/protocol/frame.ts";
import { expectThat, type Fuzzer, fuzzProperty } from "./fuzzer.ts";

interface Decoder {
  push(chunk: Uint8Array): Frame[];
}

type Damage = { at: number; kind: "flip" | "drop" | "insert" | "cut"; byte: number };

const header = fc
  .dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  .chain((rest) =>
    fc.constantFrom("call", "done", "failed", "ready", "x", "__proto__").map((type) => ({ ...rest, type })),
  );
const frame: fc.Arbitrary<Frame> = fc.record({ header, body: fc.uint8Array({ maxLength: 64 }) });
const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(10_000),
  kind: fc.constantFrom("flip", "drop", "insert", "cut"),
  byte: fc.constantFrom(0, 1, 2, 0x7b, 0x7d, 0x80, 0xff),
});
const anyStream = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.array(frame, { maxLength: 5 }), fc.array(damage, { maxLength: 3 })).map(streamOf),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
);

function streamOf([frames, damages]: [Frame[], Damage[]]): Uint8Array {
  const bytes = [...Buffer.concat(frames.flatMap(encodeFrame))];
  for (const { at, kind, byte } of damages) {
    const where = bytes.length === 0 ? 0 : at % bytes.length;
    if (kind === "flip") bytes[where] = byte;
    else if (kind === "drop") bytes.splice(where, 1);
    else if (kind === "insert") bytes.splice(where, 0, byte);
    else bytes.length = where;
  }
  return Uint8Array.from(bytes);
}

interface Reading {
  frames: Frame[];
  failed: boolean;
}

/** The wire's definition (frame.ts, its first comment), read off a whole stream. */
function readPlainly(bytes: Uint8Array): Reading {
  const frames: Frame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const [headerLength, bodyLength] = [view.getUint32(at), view.getUint32(at + 4)];
    if (headerLength < 2 || headerLength > headerBytesMax || bodyLength > bodyBytesMax) return { frames, failed: true };
    const bodyAt = at + 8 + headerLength;
    if (bodyAt > bytes.length) return { frames, failed: false };
    const head = jsonOf(bytes.subarray(at + 8, bodyAt));
    if (head === undefined) return { frames, failed: true };
    const end = bodyAt + bodyLength;
    if (end > bytes.length) return { frames, failed: false };
    frames.push({ header: head, body: bytes.slice(end - bodyLength, end) });
    at = end;
  }
  return { frames, failed: false };
}

function jsonOf(bytes: Uint8Array): Frame["header"] | undefined {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && typeof value?.type === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function readInPieces(decoder: Decoder, bytes: Uint8Array, cuts: readonly number[]): Reading {
  const frames: Frame[] = [];
  const borders = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  try {
    let from = 0;
    for (const to of [...borders, bytes.length]) {
      frames.push(...decoder.push(bytes.subarray(from, to)));
      from = to;
    }
  } catch (error) {
    expectThat(error instanceof FrameError, `${error} is no FrameError`);
    expectThat(decoder.push(Uint8Array.from([0, 0, 0, 2])).length === 0, "it takes more after it has failed");
    return { frames, failed: true };
  }
  return { frames, failed: false };
}

/** @param open the decoder, or a twin that has a fault. */
export function makeFrameFuzzer(open: () => Decoder = () => new FrameDecoder()): Fuzzer {
  const property = fc.property(anyStream, fc.array(fc.nat(10_000), { maxLength: 6 }), (bytes, cuts) => {
    const wanted = readPlainly(bytes);
    const found = readInPieces(open(), bytes, cuts);
    expectThat(
      found.failed === wanted.failed,
      found.failed ? "it refused a stream that is none to refuse" : "it took a broken stream",
    );
    // A decoder that fails within a chunk may keep back what came whole in that chunk.
    const count = found.failed ? found.frames.length : wanted.frames.length;
    expectThat(found.failed || found.frames.length === count, "frames are missing, or too many");
    expectThat(
      isDeepStrictEqual(plain(found.frames), plain(wanted.frames.slice(0, count))),
      "other frames than were sent",
    );
  });
  return { name: "frames", about: "frames of the executor's pipe", run: (options) => fuzzProperty(property, options) };
}

const plain = (frames: readonly Frame[]) => frames.map(({ header: each, body }) => [each, [...body]]);

export const frameFuzzer: Fuzzer = makeFrameFuzzer();
