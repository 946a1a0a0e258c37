// The log capability alone: its quota at the edge, its escapes, and the flood that ends a run.
import t from "tap";
import { makeLog } from "../../../runtime/core/capabilities/log.ts";
import type { LogLine } from "../../../runtime/ports/run-archive.ts";
import { makeManualClock } from "./egress-world.ts";

function openLog(logBytes: number) {
  const lines: LogLine[] = [];
  let floods = 0;
  const log = makeLog({
    logBytes,
    clock: makeManualClock(),
    write: (line) => lines.push(line),
    onFlood: () => {
      floods += 1;
    },
  });
  const say = (text: string) => log.write({ level: "info", text });
  return { say, log, lines, texts: () => lines.map((line) => line.text), floods: () => floods };
}

t.test("a line that would take the quota's last byte is kept, the next one is not, and the log says so", async (t) => {
  const { say, lines, texts } = openLog(200);
  say("x".repeat(99));
  say("y".repeat(99));
  t.same(texts(), ["x".repeat(99), "y".repeat(99)], "two hundred bytes with their line ends");
  say("");
  t.equal(lines.length, 3);
  t.match(lines[2], { level: "warn", text: /log quota of 200 bytes is used up/ });
  say("z");
  t.equal(lines.length, 3, "once");
});

t.test(
  "[RES-10] lines of next to nothing: each takes what a line costs, or a small quota would fill the disk",
  async (t) => {
    const { say, texts } = openLog(640);
    say("a\n".repeat(5_000));
    t.equal(texts().length, 11, "ten lines of 64 bytes, and the marker");
  },
);

t.test("a line that is too long for what is left is dropped whole", async (t) => {
  const { say, texts } = openLog(20);
  say("x".repeat(20));
  t.match(texts(), [/quota/]);
});

t.test("bytes are counted as UTF-8 and after escaping, as they are stored", async (t) => {
  const { say, texts } = openLog(100);
  say("€".repeat(33)); // 99 bytes and the line's end
  t.same(texts(), ["€".repeat(33)]);
  const wide = openLog(100);
  wide.say("€".repeat(34));
  t.match(wide.texts(), [/quota/]);
  const escaped = openLog(100);
  escaped.say("\u0000".repeat(20)); // 20 characters, 100 bytes escaped
  t.match(escaped.texts(), [/quota/]);
});

t.test("text with line breaks becomes lines, at most a thousand of one call", async (t) => {
  const { say, texts } = openLog(1e6);
  say("a\nb\r\n\u001b]0;title\u0007\u202e");
  t.same(texts(), ["a", "b\\u{d}", "\\u{1b}]0;title\\u{7}\\u{202e}"]);
  say("\n".repeat(5_000));
  t.equal(texts().length, 1_003);
});

t.test("a job that goes on after its quota: ten thousand calls are dropped, then the run is ended, once", async (t) => {
  const { say, floods, lines } = openLog(10);
  say("x".repeat(100));
  for (let call = 1; call < 10_000; call += 1) say("x");
  t.equal(floods(), 0, "not one call too early");
  say("x");
  t.equal(floods(), 1);
  say("x");
  t.equal(floods(), 1);
  t.equal(lines.length, 1);
});

t.test("levels and times go along", async (t) => {
  const { log, lines } = openLog(100);
  log.write({ level: "error", text: "no" });
  t.same(lines, [{ at: "1970-01-01T00:00:00.000Z", level: "error", text: "no" }]);
});
