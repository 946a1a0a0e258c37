// A recording as it is read: whole, ended anywhere, or made up by somebody.
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import t from "tap";
import { digestOf } from "../../../runtime/core/bundle/digest.ts";
import { makeRecording } from "../../../runtime/core/recording/recording.ts";
import type { MayflyError } from "../../../runtime/model/error.ts";
import { noIsolateGrant } from "../../../runtime/model/grant.ts";
import { FrameDecoder } from "../../../runtime/protocol/frame.ts";
import {
  decodeEvent,
  decodeEvents,
  encodeEvent,
  event,
  eventFromLine,
  eventToLine,
  type RecordedEvent,
  RecordingInvalid,
} from "../../../runtime/protocol/recording.ts";

const code = Buffer.from("code of the job");
const about = {
  ...{ runId: "run_1", job: "job", spiffeId: "", nowMs: 1, seed: "0".repeat(64), digest: digestOf(code), engine: "" },
  limits: { wallMs: 5 },
  isolate: noIsolateGrant,
};
const prologue = [
  event({ type: "about", version: 1 }, about),
  event({ type: "input" }, undefined, Buffer.from("null")),
  event({ type: "code" }, undefined, gzipSync(code)),
];
const piece = (bytes: number, last = false) => event({ type: "piece", id: 1, bytes, last, nowMs: 2 });
const content = (text: string) => event({ type: "content", id: 1 }, undefined, Buffer.from(text));
const end = event({ type: "end" }, { state: "succeeded", result: null, error: null });
const textsOf = (events: RecordedEvent[], isWhole = true) =>
  makeRecording([...prologue, ...events], isWhole).given.map((each) =>
    each.type === "piece" ? Buffer.from(each.body).toString() : each.type,
  );

t.test("pieces have the borders that they had, however their content was held back", async (t) => {
  t.same(textsOf([piece(3), content("ab"), piece(2), content("cde"), piece(0, true), end]), ["abc", "de", ""]);
  t.same(
    textsOf([content("abc"), piece(2), piece(5), end]),
    ["ab", "c"],
    "a placeholder that is shorter: the last takes the rest",
  );
  t.same(textsOf([content("abcdefgh"), piece(2), piece(2), piece(0, true), end]), ["ab", "cdefgh", ""], "or longer");
  t.same(textsOf([content("abc"), piece(2), piece(5)], false), ["ab"], "cut in it: what isn't whole is left out");
  t.same(textsOf([content("abc"), piece(2), piece(5), piece(0, true), event({ type: "signal", nowMs: 3 })], false), [
    "ab",
    "signal",
  ]);
});

t.test("one that ends anywhere is read as far as it goes, and said to be cut", async (t) => {
  const events = [
    ...prologue,
    event({ type: "call", id: 1, op: "files.read" }, { path: "/a" }),
    event({ type: "reply", id: 1, ok: true, nowMs: 2 }, { a: 1 }, code),
    event({ type: "log", level: "info" }, undefined, Buffer.from("line")),
    end,
  ];
  const bytes = Buffer.concat(events.map((each) => encodeEvent(each) ?? Buffer.alloc(0)));
  for (let length = 0; length <= bytes.length; length += 1) {
    const { events: read } = await decodeEvents(
      (async function* () {
        yield bytes.subarray(0, length);
        return length === bytes.length;
      })(),
    );
    if (read.length < prologue.length) t.throws(() => makeRecording(read, false), { code: "recording_invalid" });
    else {
      const isWhole = read.length === events.length;
      t.match(makeRecording(read, length === bytes.length), {
        cut: isWhole && length === bytes.length ? null : /ends before/,
      });
    }
  }
  t.equal(makeRecording(events, true).isOpen, false);
  t.equal(makeRecording(events, false).isOpen, true, "without the file's own end nothing is believed to be whole");
});

t.test("which endings a replay comes to by itself", async (t) => {
  const isOpen = (state: string, code?: string) => {
    const error = code === undefined ? null : { code, message: "" };
    return makeRecording([...prologue, event({ type: "end" }, { state, result: null, error })], true).isOpen;
  };
  for (const [state, code] of [
    ["succeeded"],
    ["failed", "job_threw"],
    ["failed", "job_shape"],
    ["limit", "cpu"],
    ["limit", "calls"],
  ] as const)
    t.equal(isOpen(state, code), false, code ?? state);
  for (const [state, code] of [
    ["limit", "timeout"],
    ["killed", "killed"],
    ["failed", "leak"],
    ["failed", "crash"],
    ["failed", "store_unavailable"],
  ] as const)
    t.equal(isOpen(state, code), true, code);
});

t.test("made up by somebody: refused, in words, without a word of it", async (t) => {
  const [first, input, packed] = prologue as [RecordedEvent, RecordedEvent, RecordedEvent];
  const bomb = event({ type: "code" }, undefined, gzipSync(Buffer.alloc(16_777_216)));
  const wrong: [string, RecordedEvent[]][] = [
    ["nothing", []],
    ["no bundle", [first, input]],
    ["no input", [first, packed]],
    ["another bundle", [first, input, event({ type: "code" }, undefined, gzipSync("else"))]],
    ["no gzip", [first, input, event({ type: "code" }, undefined, code)]],
    ["a bomb", [first, input, bomb]],
    ["about without a seed", [event({ type: "about", version: 1 }, { ...about, seed: "x" }), input, packed]],
    ["placeholders that are none", [...prologue, event({ type: "placeholders" }, [1])]],
    ["an error without a code", [...prologue, event({ type: "reply", id: 1, ok: false, nowMs: 1 }, { message: "" })]],
    ["an ending that is none", [...prologue, event({ type: "end" }, { state: "glorious" })]],
  ];
  for (const [name, events] of wrong) {
    const refusal = { code: "recording_invalid", exitCode: 2, next: /record: true/ };
    t.throws(() => makeRecording(events, true), refusal, name);
  }
  t.match(
    makeRecording(prologue, true),
    { limits: { wallMs: 5, calls: 100_000 } },
    "limits that it doesn't name are the defaults",
  );
});

const heads: fc.Arbitrary<unknown> = fc.record(
  {
    type: fc.constantFrom(
      "about",
      "call",
      "sent",
      "reply",
      "piece",
      "content",
      "pull",
      "signal",
      "log",
      "end",
      "cut",
      "x",
      "toString",
    ),
    ...{ id: fc.anything(), nowMs: fc.anything(), bytes: fc.anything(), last: fc.anything(), version: fc.anything() },
    ...{ ok: fc.anything(), seq: fc.anything(), again: fc.anything(), level: fc.anything(), data: fc.integer() },
  },
  { requiredKeys: ["type"] },
);

t.test("any frame and any line: an event, or a refusal of its own kind", async (t) => {
  const refusedOr = (work: () => RecordedEvent) => {
    try {
      const read = work();
      makeRecording([...prologue, read], true);
    } catch (error) {
      if (!(error instanceof RecordingInvalid || (error as MayflyError).code === "recording_invalid")) throw error;
    }
  };
  fc.assert(
    fc.property(heads, fc.uint8Array({ maxLength: 64 }), fc.string(), (header, body, text) => {
      refusedOr(() => decodeEvent({ header: header as { type: string }, body }));
      refusedOr(() => eventFromLine(JSON.stringify(header)));
      refusedOr(() => eventFromLine(text));
    }),
    { numRuns: 2_000, examples: [[{ type: "about", version: { toString: false } }, new Uint8Array(0), ""]] },
  );
  t.pass("none threw anything else");
});

t.test("an event comes back from a frame and from a line as it was", async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.uint8Array({ maxLength: 300 }), (value, bytes) => {
      const given = event({ type: "reply", id: 1, ok: true, nowMs: 1 }, JSON.parse(JSON.stringify(value)), bytes);
      const [frame] = new FrameDecoder().push(encodeEvent(given) ?? new Uint8Array(0));
      for (const back of [
        decodeEvent(frame ?? { header: { type: "" }, body: bytes }),
        eventFromLine(eventToLine(given)),
      ]) {
        t.same(back.head, given.head);
        t.same(back.data, given.data);
        t.equal(Buffer.compare(back.bytes, bytes), 0);
      }
    }),
    { numRuns: 200 },
  );
});
