// Fuzzes what jobs print: whatever the text, a kept line is one physical line that moves no cursor, the quota holds, the
// marker stands once, and a flood is told once.
import fc from "fast-check";
import { type LogCapability, makeLog } from "../../runtime/core/capabilities/log.ts";
import type { Clock } from "../../runtime/ports/clock.ts";
import type { LogLine } from "../../runtime/ports/run-archive.ts";
import { expectThat, type Fuzzer, fuzzProperty } from "./fuzzer.ts";

type Make = typeof makeLog;

/** The marker and its line end, bytes: it comes on top of the quota. */
const markerBytesMax = 200;

const piece = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(
    "\n",
    "\r\n",
    "\r",
    "\u001b[2J",
    "\u001b]52;c;x\u0007",
    "\u2028",
    "\u2029",
    "\u0085",
    "\u009b1m",
    "\u202e",
    "\ud800",
    "\udc00",
    "\0",
    "\b",
    "\u{e0001}",
    "\t",
    "\v",
  ),
  fc.integer({ min: 1, max: 20_000 }).map((length) => "x".repeat(length)),
  fc.integer({ min: 1, max: 2_000 }).map((length) => "\n".repeat(length)),
);
const said = fc.record({
  level: fc.constantFrom("debug", "info", "warn", "error"),
  text: fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join("")),
});

function checkLine({ text, at }: LogLine): void {
  expectThat(
    !/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text),
    "a line that is more than one, or moves the cursor",
  );
  expectThat(!Number.isNaN(Date.parse(at)), "a line without a time");
}

/** @param make the capability, or a twin that has a fault. */
export function makeLogFuzzer(make: Make = makeLog): Fuzzer {
  const property = fc.property(
    fc.integer({ min: 1, max: 50_000 }),
    fc.array(said, { maxLength: 12 }),
    (logBytes, all) => {
      const lines: LogLine[] = [];
      let floods = 0;
      const clock = { nowMs: () => 0 } as unknown as Clock;
      const onFlood = () => {
        floods += 1;
      };
      const log: LogCapability = make({ logBytes, clock, write: (line) => lines.push(line), onFlood });
      for (const each of all) log.write(each as Parameters<LogCapability["write"]>[0]);
      lines.forEach(checkLine);
      const markers = lines.filter(({ text }) => text.startsWith("[log quota of"));
      const bytes = lines.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
      expectThat(
        markers.length <= 1 + all.filter(({ text }) => text.includes("[log quota of")).length,
        "more than one marker",
      );
      expectThat(bytes <= logBytes + markerBytesMax, `${bytes} bytes are kept of a quota of ${logBytes}`);
      expectThat(floods <= 1, "a flood is told once");
    },
  );
  return { name: "logs", about: "lines that jobs print", run: (options) => fuzzProperty(property, options) };
}

export const logFuzzer: Fuzzer = makeLogFuzzer();
