// Fuzzes the reader of a Redis server's replies: streams of every type, damaged ones and noise, cut anywhere. Whole streams
// must come out as what was put in; a damaged one must be read alike wherever the cuts are, and refused by ReplyGarbage
// alone.
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { makeReplyReader, type Reply, ReplyGarbage } from "../../runtime/adapters/issuers/redis-reply.ts";
import { expectThat, type Fuzzer, fuzzProperty } from "./fuzzer.ts";

interface Reader {
  read(bytes: Uint8Array): Reply[];
}

/** A value as the protocol writes it, and as a job is to get it. */
interface Sample {
  wire: Buffer;
  json: unknown;
}

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`);
const bulk = (mark: string, body: Buffer): Buffer => Buffer.concat([line(`${mark}${body.length}`), body, line("")]);
const textJson = (body: Buffer): unknown =>
  Buffer.from(body.toString("utf8")).equals(body) ? body.toString("utf8") : { base64: body.toString("base64") };

const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
const scalar: fc.Arbitrary<Sample> = fc.oneof(
  bytes.map((body) => ({ wire: bulk("$", body), json: textJson(body) })),
  fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => {
    const body = Buffer.from(text);
    return { wire: bulk("=", Buffer.concat([Buffer.from("txt:"), body])), json: textJson(body) };
  }),
  fc.stringMatching(/^[ -~]{0,20}$/).map((text) => ({ wire: line(`+${text}`), json: text })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
    const isSafe = Number.isSafeInteger(Number(value));
    return { wire: line(`:${value}`), json: isSafe ? Number(value) : String(value) };
  }),
  fc.bigInt().map((value) => ({ wire: line(`(${value}`), json: String(value) })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ wire: line(`,${value}`), json: value + 0 })), // -0 is written as 0
  fc.boolean().map((value) => ({ wire: line(value ? "#t" : "#f"), json: value })),
  fc.constantFrom("_", "$-1", "*-1").map((text) => ({ wire: line(text), json: null })),
);
const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.tuple(fc.constantFrom("*", "~"), fc.array(tie("sample"), { maxLength: 4 })).map(([mark, items]) => ({
      wire: Buffer.concat([line(`${mark}${items.length}`), ...items.map(({ wire }) => wire)]),
      json: items.map(({ json }) => json),
    })),
    fc.array(fc.tuple(tie("sample"), tie("sample")), { maxLength: 3 }).map((pairs) => ({
      wire: Buffer.concat([line(`%${pairs.length}`), ...pairs.flat().map(({ wire }) => wire)]),
      json: pairs.map((pair) => pair.map(({ json }) => json)),
    })),
    fc.stringMatching(/^[A-Z]{1,8}( [a-z]{1,8})?$/).map((text) => ({
      wire: Buffer.concat([line("*1"), line(`-${text}`)]),
      json: [{ error: text }],
    })),
  ),
}));

const damage = fc.record({
  at: fc.nat(10_000),
  kind: fc.constantFrom("flip", "drop", "insert", "cut"),
  byte: fc.oneof(fc.constantFrom(...Buffer.from("\r\n0159-*$%:_#,(=!~>|+")), fc.nat(255)),
});

function damaged(whole: Buffer, damages: readonly { at: number; kind: string; byte: number }[]): Buffer {
  const out = [...whole];
  for (const { at, kind, byte } of damages) {
    const where = out.length === 0 ? 0 : at % out.length;
    if (kind === "flip") out[where] = byte;
    else if (kind === "drop") out.splice(where, 1);
    else if (kind === "insert") out.splice(where, 0, byte);
    else out.length = where;
  }
  return Buffer.from(out);
}

interface Reading {
  replies: Reply[];
  failed: boolean;
}

function readInPieces(reader: Reader, stream: Buffer, cuts: readonly number[]): Reading {
  const replies: Reply[] = [];
  const borders = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b);
  try {
    let from = 0;
    for (const to of [...borders, stream.length]) {
      replies.push(...reader.read(stream.subarray(from, to)));
      from = to;
    }
  } catch (error) {
    expectThat(error instanceof ReplyGarbage, `${error} is no ReplyGarbage`);
    return { replies, failed: true };
  }
  return { replies, failed: false };
}

/** @param open the reader, or a twin that has a fault. */
export function makeReplyFuzzer(open: () => Reader = makeReplyReader): Fuzzer {
  const cuts = fc.array(fc.nat(10_000), { maxLength: 6 });
  const samples = fc.array(sample, { minLength: 1, maxLength: 4 });
  const damages = fc.array(damage, { maxLength: 3 });
  const property = fc.property(samples, damages, cuts, (sent, harm, at) => {
    const whole = Buffer.concat(sent.map(({ wire }) => wire));
    const stream = damaged(whole, harm);
    const found = readInPieces(open(), stream, at);
    if (harm.length === 0) {
      const wanted = sent.map(({ json }) => ({ ok: true, value: json }));
      expectThat(!found.failed && isDeepStrictEqual(found.replies, wanted), "other replies than were sent");
    }
    const alike = readInPieces(open(), stream, [...stream.keys()]);
    expectThat(found.failed === alike.failed, "the cuts decide whether it is garbage");
    // A reader that fails within a chunk keeps back what came whole in that chunk.
    const count = found.failed ? found.replies.length : alike.replies.length;
    expectThat(isDeepStrictEqual(found.replies, alike.replies.slice(0, count)), "the cuts decide what is read");
  });
  return { name: "replies", about: "replies of a Redis server", run: (options) => fuzzProperty(property, options) };
}

export const replyFuzzer: Fuzzer = makeReplyFuzzer();
