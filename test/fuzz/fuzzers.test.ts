// The fuzzers for frames, calls, logs and results, each for a short while: once with a seed that stays, once with a fresh
// one, which is printed (to see it again: npm run fuzz -- --target <name> --seed <seed>). And each with parsers that have
// a fault, which it must find within the same bound.
import t from "tap";
import { makeLog } from "../../runtime/core/capabilities/log.ts";
import { type Ending, resultEnding } from "../../runtime/core/scheduler/endings.ts";
import { resultToJson } from "../../runtime/guest/result.ts";
import { decodeCall, operationNames } from "../../runtime/protocol/bridge.ts";
import { type Frame, FrameDecoder } from "../../runtime/protocol/frame.ts";
import { callFuzzer, learnArguments, makeCallFuzzer } from "./calls.ts";
import { frameFuzzer, makeFrameFuzzer } from "./frames.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { leakFuzzer, makeLeakFuzzer, type Redact, redactByStream } from "./leaks.ts";
import { logFuzzer, makeLogFuzzer } from "./logs.ts";
import { makeResultFuzzer, resultFuzzer } from "./results.ts";

const bound = { cases: 3_000, withinMs: 20_000 };
const fresh = 1 + (Date.now() % 1_000_000);
const fixed = 20_261_124;

for (const fuzzer of [frameFuzzer, callFuzzer, logFuzzer, resultFuzzer, leakFuzzer]) {
  t.test(`${fuzzer.name}: nothing that the fuzzer makes breaks a property`, async (t) => {
    t.comment(`fresh seed ${fresh}`);
    for (const seed of [fixed, fresh]) {
      const { cases } = await fuzzer.run({ ...bound, seed });
      t.ok(cases > 100, `seed ${seed}: ${cases} cases`);
    }
  });
}

t.test("the arguments of every operation are learnt, so that each is fuzzed with more than refusals", async (t) => {
  for (const op of operationNames) t.ok(decodeCall({ type: "call", id: 1, op, args: learnArguments(op) }).ok, op);
});

/** Forgets what came before when a chunk begins in the middle of a frame. */
class Forgetful {
  #decoder = new FrameDecoder();
  push(chunk: Uint8Array): Frame[] {
    const frames = this.#decoder.push(chunk);
    if (frames.length === 0 && chunk.length > 0) this.#decoder = new FrameDecoder();
    return frames;
  }
}

/** Takes a broken stream for one that has ended. */
class Lenient {
  #decoder = new FrameDecoder();
  push(chunk: Uint8Array): Frame[] {
    try {
      return this.#decoder.push(chunk);
    } catch {
      return [];
    }
  }
}

const decodeLoosely: typeof decodeCall = (header) => {
  const answer = decodeCall(header);
  if (answer.ok || answer.id === null) return answer;
  const args = header.args as Record<string, unknown>;
  return /Unrecognized key/.test(answer.message)
    ? ({ ok: true, call: { id: answer.id, op: header.op, args } } as ReturnType<typeof decodeCall>)
    : answer;
};

const decodeLoudly: typeof decodeCall = (header) => {
  const answer = decodeCall(header);
  return answer.ok
    ? answer
    : {
        ...answer,
        message: `${answer.message}: found ${Object.values(header.args ?? {}).filter((each) => typeof each === "string")}`,
      };
};

const decodeAtLength: typeof decodeCall = (header) => {
  const answer = decodeCall(header);
  return answer.ok ? answer : { ...answer, message: `${answer.message}: ${Object.keys(header.args ?? {})}` };
};

const logRaw: typeof makeLog = (parts) => ({
  write: ({ level, text }) => parts.write({ at: "2026-11-24T00:00:00.000Z", level, text }),
});

const logTwice: typeof makeLog = (parts) => {
  const log = makeLog({ ...parts, logBytes: parts.logBytes * 2 });
  return { write: (said) => log.write(said) };
};

/** Looks at each piece by itself. */
const redactApart: Redact = (secret, pieces) =>
  Buffer.concat(pieces.map((piece) => Buffer.from(redactByStream(secret, [piece]))));

/** Knows the text, and no encoding of it. */
const redactText: Redact = (secret, pieces) =>
  Buffer.from(Buffer.concat(pieces).toString("latin1").replaceAll(secret, "\u0007"), "latin1");

/** Takes more than there is. */
const redactNear: Redact = (secret, pieces) => redactByStream(secret.slice(0, 11), pieces);

const readTwice: typeof resultToJson = (value, bytesMax) => {
  JSON.stringify(value, (_, each) => (typeof each === "bigint" ? null : each));
  return resultToJson(value, bytesMax);
};

const trusting = (bytes: Uint8Array): Ending => ({
  state: "succeeded",
  result: JSON.parse(Buffer.from(bytes).toString()),
  error: null,
});

const faulty: Record<string, Fuzzer> = {
  "a decoder that forgets half a frame": makeFrameFuzzer(() => new Forgetful()),
  "a decoder that takes a broken stream": makeFrameFuzzer(() => new Lenient()),
  "arguments that are passed on unasked": makeCallFuzzer(decodeLoosely),
  "refusals that tell the value": makeCallFuzzer(decodeLoudly),
  "refusals that repeat what they were given": makeCallFuzzer(decodeAtLength),
  "a log that escapes nothing": makeLogFuzzer(logRaw),
  "a log with twice its quota": makeLogFuzzer(logTwice),
  "a leak guard that forgets at each write": makeLeakFuzzer(redactApart),
  "a leak guard that knows the text alone": makeLeakFuzzer(redactText),
  "a leak guard that takes what is near": makeLeakFuzzer(redactNear),
  "a result that is read twice": makeResultFuzzer({ toJson: readTwice }),
  "a result without its bound in the guest": makeResultFuzzer({ toJson: (value) => resultToJson(value, 1e9) }),
  "a result that is believed on the host": makeResultFuzzer({ toEnding: trusting }),
  "a result without its bound on the host": makeResultFuzzer({
    toEnding: (bytes, spec) => resultEnding(bytes, { ...spec, limits: { ...spec.limits, resultBytes: 1e9 } }),
  }),
};

for (const [name, fuzzer] of Object.entries(faulty)) {
  t.test(`the twin: ${name} is found`, (t) => t.rejects(fuzzer.run({ ...bound, seed: fixed }), /seed: 20261124/));
}
