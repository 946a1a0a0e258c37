// Fuzzes the arguments of calls through the bridge, and what else an executor may say. What an operation takes is learnt
// from the refusals themselves, so that a new operation is fuzzed without a word here.
import fc from "fast-check";
import { decodeCall, operationNames } from "../../runtime/protocol/bridge.ts";
import { decodeUp } from "../../runtime/protocol/channel.ts";
import { expectThat, type Fuzzer, fuzzProperty } from "./fuzzer.ts";

type Decode = typeof decodeCall;
type Args = Record<string, unknown>;

const learningMax = 50;
/** Texts of no argument are longer. */
const textCharsMax = 65_536;
/** A refusal goes into the record and the audit. */
const messageCharsMax = 4_000;
/** In every hostile value: a refusal names no value. */
const canary = "kanarienvogel";

/** Good arguments of an operation, found by asking until nothing is missing any more. */
export function learnArguments(op: string, decode: Decode = decodeCall): Args {
  const args: Args = {};
  for (let tries = 0; tries < learningMax; tries += 1) {
    const answer = decode({ type: "call", id: 1, op, args });
    if (answer.ok) return args;
    const [, key = "", wanted = ""] = /^[^:]+: ([^:]+): (.*)$/s.exec(answer.message) ?? [];
    args[key] = valueFor(wanted);
  }
  throw new Error(`the arguments of ${op} could not be learnt: teach valueFor what it asks for`);
}

function valueFor(wanted: string): unknown {
  const option = /expected one of "([^"]+)"/.exec(wanted)?.[1];
  if (option !== undefined) return option;
  if (/expected string/.test(wanted)) return "a";
  if (/expected (?:number|int)/.test(wanted)) return 1;
  if (/expected boolean/.test(wanted)) return true;
  if (/expected array to have/.test(wanted)) return ["a"];
  if (/expected array/.test(wanted)) return [];
  return null;
}

const hostileValue = fc.oneof(
  fc.anything({
    maxDepth: 3,
    withNullPrototype: true,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  fc.constantFrom(
    Number.NaN,
    -1,
    0,
    2 ** 53,
    1e308,
    -0,
    "",
    "\0",
    "../..",
    "\ud800",
    canary,
    `${canary}${"x".repeat(70_000)}`,
  ),
  fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 200 }),
  fc.integer(),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const keyName = fc.oneof(
  fc.constantFrom(
    "path",
    "mode",
    "url",
    "headers",
    "call",
    "text",
    "sql",
    "__proto__",
    "constructor",
    "then",
    "toJSON",
    "extra",
  ),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.integer({ min: 100, max: 100_000 }).map((length) => "k".repeat(length)),
);
const change = fc.record({
  key: fc.nat(20),
  name: keyName,
  kind: fc.constantFrom("set", "add", "drop"),
  value: hostileValue,
});

function changed(good: Args, changes: readonly { key: number; name: string; kind: string; value: unknown }[]): Args {
  const args: Args = { ...good };
  for (const { key, name, kind, value } of changes) {
    const own = Object.keys(good)[key % Math.max(1, Object.keys(good).length)] ?? name;
    if (kind === "drop") delete args[own];
    else
      Object.defineProperty(args, kind === "set" ? own : name, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return args;
}

/** No text in it is longer than the longest that the bridge takes. */
function isBounded(value: unknown): boolean {
  if (typeof value === "string") return value.length <= textCharsMax;
  return typeof value !== "object" || value === null || Object.values(value).every(isBounded);
}

function checkCall(
  decode: Decode,
  header: { type: string; id: unknown; op: unknown; args: unknown },
  known: readonly string[],
): void {
  const answer = decode(header);
  if (!answer.ok) {
    expectThat(
      typeof answer.message === "string" && !answer.message.includes(canary),
      "a refusal that tells the value",
    );
    expectThat(answer.message.length <= messageCharsMax, `a refusal of ${answer.message.length} characters`);
    expectThat(!/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(answer.message), "a refusal of more than one line");
    return;
  }
  const { id, op, args } = answer.call;
  expectThat(Number.isSafeInteger(id) && id > 0, "an id that is none");
  expectThat(op === header.op && operationNames.includes(op), "another operation than was asked for");
  expectThat(
    Object.keys(args).every((key) => known.includes(key)),
    "arguments that the operation doesn't have",
  );
  expectThat(isBounded(args), "a text of more than was allowed");
}

/** @param decode the decoder, or a twin that has a fault. */
export function makeCallFuzzer(decode: Decode = decodeCall): Fuzzer {
  const good = new Map(operationNames.map((op) => [op as string, learnArguments(op)]));
  const anyOperation = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom<string>(...good.keys()) },
    { weight: 1, arbitrary: fc.constantFrom("constructor", "__proto__", "toString", "hasOwnProperty", "", "files") },
  );
  const anyId = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1 }) }, { weight: 1, arbitrary: hostileValue });
  const changes = fc.array(change, { maxLength: 3 });
  const property = fc.property(anyOperation, anyId, changes, hostileValue, (op, id, each, noise) => {
    const args = changed(good.get(op) ?? {}, each);
    checkCall(decode, { type: "call", id, op, args }, Object.keys(good.get(op) ?? {}));
    checkCall(decode, { type: "call", id, op, args: noise }, Object.keys(good.get(op) ?? {}));
    checkUp({ ...args, type: "failed" });
    checkUp(Object.assign({ name: "E", message: "m", stack: "s", kind: "threw" }, args, { type: "failed" }));
    expectThat(Object.keys(Object.prototype).length === 0, "the prototype of all objects has changed");
  });
  return {
    name: "calls",
    about: "calls through the bridge, and their arguments",
    run: (options) => fuzzProperty(property, options),
  };
}

function checkUp(header: { type: string }): void {
  const up = decodeUp({ header, body: new Uint8Array(0) });
  expectThat(
    up.type === "garbage" || (up.type === "failed" && isBounded(up.failure)),
    "a failure that is none was taken",
  );
}

export const callFuzzer: Fuzzer = makeCallFuzzer();
