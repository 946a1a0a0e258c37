// Fuzzes results on both sides of the pipe: in the guest any value becomes bounded JSON or a refusal, with each property
// read once; on the host any bytes become an ending, and never an exception.
import fc from "fast-check";
import { resultEnding } from "../../runtime/core/scheduler/endings.ts";
import { resultToJson } from "../../runtime/guest/result.ts";
import type { JobSpec } from "../../runtime/model/job.ts";
import { expectThat, type Fuzzer, fuzzProperty } from "./fuzzer.ts";

export interface ResultParsers {
  toJson: typeof resultToJson;
  toEnding: typeof resultEnding;
}

const ours: ResultParsers = { toJson: resultToJson, toEnding: resultEnding };

const odd = fc.constantFrom<unknown>(
  undefined,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  1n,
  Symbol("s"),
  () => 1,
  new Date(Number.NaN),
  /x/,
  new Map([[1, 2]]),
  "\ud800",
  "\u20ac".repeat(300),
  Promise.resolve(1),
  new Error("e"),
);
const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.anything({
    maxDepth: 3,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSparseArray: true,
  }),
  fc.array(odd, { maxLength: 4 }),
  fc.integer({ min: 0, max: 200 }).map(nested),
);
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.jsonValue({ maxDepth: 4 }).map((value) => Buffer.from(JSON.stringify(value))),
  fc.integer({ min: 0, max: 50_000 }).map((depth) => Buffer.from("[".repeat(depth) + "]".repeat(depth))),
  fc.string({ unit: "binary", maxLength: 60 }).map((text) => Buffer.from(text)),
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < depth; at += 1) value = at % 2 === 0 ? [value] : { a: value };
  return value;
}

function checkGuest(toJson: ResultParsers["toJson"], value: unknown, bytesMax: number): void {
  let reads = 0;
  const accessor = {
    get twice() {
      reads += 1;
      return reads === 1 ? value : "something else";
    },
  };
  const found = toJson(accessor, bytesMax);
  expectThat(reads <= 1, "a property was read twice");
  if (!found.ok) {
    expectThat(found.message.length < 1_000, "a refusal without an end");
    return;
  }
  expectThat(Buffer.byteLength(found.json) <= bytesMax, `${Buffer.byteLength(found.json)} bytes, at most ${bytesMax}`);
  const back = JSON.parse(found.json) as { twice?: unknown };
  expectThat(back.twice !== "something else", "the second answer of an accessor");
}

function checkHost(toEnding: ResultParsers["toEnding"], bytes: Uint8Array, resultBytes: number): void {
  const spec = { name: "fuzzed", limits: { resultBytes } } as unknown as JobSpec;
  const { state, result, error } = toEnding(bytes, spec);
  if (state === "succeeded") {
    expectThat(bytes.length <= resultBytes && error === null, "a result over its limit succeeded");
    expectThat(JSON.stringify(result) === JSON.stringify(JSON.parse(Buffer.from(bytes).toString())), "another result");
    return;
  }
  expectThat(result === null && error !== null && ["output", "crash"].includes(error.code), `ended as ${error?.code}`);
  expectThat(error !== null && !/\p{Cc}/u.test(error.message), "a message of more than one line");
}

/** @param parsers both sides', or twins with a fault. */
export function makeResultFuzzer(parsers: Partial<ResultParsers> = {}): Fuzzer {
  const { toJson, toEnding } = { ...ours, ...parsers };
  const property = fc.property(anyValue, anyBytes, fc.integer({ min: 1, max: 5_000 }), (value, bytes, bytesMax) => {
    checkGuest(toJson, value, bytesMax);
    checkHost(toEnding, bytes, bytesMax);
  });
  return {
    name: "results",
    about: "results, in the guest and on the host",
    run: (options) => fuzzProperty(property, options),
  };
}

export const resultFuzzer: Fuzzer = makeResultFuzzer();
