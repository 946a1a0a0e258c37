// The decoder of hostile bytes: every way to cut them, every length at its edge, and garbage of all kinds.
import fc from "fast-check";
import t from "tap";
import {
  bodyBytesMax,
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameError,
  headerBytesMax,
} from "../../runtime/protocol/frame.ts";

const bytesOf = (frame: Frame): Buffer => Buffer.concat(encodeFrame(frame));
const text = new TextEncoder();
/** Fills a header of type x up to so many bytes. */
const pad = (bytes: number) => "p".repeat(bytes - JSON.stringify({ type: "x", pad: "" }).length);

/** A frame by its two lengths and what follows. */
function rawFrame(headerLength: number, bodyLength: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(headerLength, 0);
  lengths.writeUInt32BE(bodyLength, 4);
  return Buffer.concat([lengths, rest]);
}

function withHeader(header: string | Uint8Array): Uint8Array {
  const bytes = typeof header === "string" ? text.encode(header) : header;
  return rawFrame(bytes.length, 0, bytes);
}

const three: Frame[] = [
  { header: { type: "ready" }, body: new Uint8Array(0) },
  { header: { type: "call", id: 1, op: "files.write", args: { path: "/é" } }, body: text.encode("content") },
  { header: { type: "done" }, body: text.encode("null") },
];

t.test("a message that arrives in two pieces, cut at every byte", async (t) => {
  const whole = Buffer.concat(three.map(bytesOf));
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const decoder = new FrameDecoder();
    const frames = [...decoder.push(whole.subarray(0, cut)), ...decoder.push(whole.subarray(cut))];
    if (frames.length !== 3) t.fail(`cut at ${cut}: ${frames.length} frames`);
    for (const [index, frame] of frames.entries()) {
      if (Buffer.compare(frame.body, three[index]?.body ?? new Uint8Array(0)) !== 0) t.fail(`cut at ${cut}: a body`);
      if (JSON.stringify(frame.header) !== JSON.stringify(three[index]?.header)) t.fail(`cut at ${cut}: a header`);
    }
  }
  t.pass(`${whole.length + 1} cuts`);
});

t.test("a message that arrives byte by byte", async (t) => {
  const decoder = new FrameDecoder();
  const frames = [...Buffer.concat(three.map(bytesOf))].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
  t.same(
    frames.map(({ header }) => header.type),
    ["ready", "call", "done"],
  );
});

const frames = fc.array(
  fc.record({
    header: fc
      .dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 })
      .chain((rest) => fc.string().map((type) => ({ ...rest, type }))),
    body: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 6 },
);

t.test("any frames, cut anywhere: what is decoded is what was encoded", async (t) => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(400), { minLength: 1, maxLength: 40 }), (sent, sizes) => {
      const whole = Buffer.concat(sent.map(bytesOf));
      const decoder = new FrameDecoder();
      const received: Frame[] = [];
      for (let at = 0, turn = 0; at < whole.length; turn += 1) {
        const size = (sizes[turn % sizes.length] ?? 0) + 1;
        received.push(...decoder.push(whole.subarray(at, at + size)));
        at += size;
      }
      const plain = (each: Frame) => [JSON.stringify(each.header), Buffer.from(each.body).toString("hex")];
      return JSON.stringify(received.map(plain)) === JSON.stringify(sent.map(plain));
    }),
  );
  t.pass();
});

t.test("any bytes at all: frames or a FrameError, nothing else", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (chunks) => {
      const decoder = new FrameDecoder();
      for (const chunk of chunks) {
        try {
          for (const frame of decoder.push(chunk)) if (typeof frame.header.type !== "string") return false;
        } catch (error) {
          return error instanceof FrameError;
        }
      }
      return true;
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});

t.test("lengths at their edges: the largest is taken, one more is not, and not waited for", async (t) => {
  const push = (bytes: Uint8Array) => () => new FrameDecoder().push(bytes);
  t.same(push(rawFrame(headerBytesMax, bodyBytesMax))(), [], "it waits for the rest");
  t.throws(push(rawFrame(headerBytesMax + 1, 0)), FrameError);
  t.throws(push(rawFrame(2, bodyBytesMax + 1)), FrameError);
  t.throws(push(rawFrame(0xffffffff, 0xffffffff)), FrameError);
  t.throws(push(rawFrame(0, 0)), FrameError);
  t.throws(push(rawFrame(1, 0)), FrameError);
  t.same(push(rawFrame(2, 0).subarray(0, 7))(), [], "seven bytes say nothing yet");

  const header = JSON.stringify({ type: "x", pad: pad(headerBytesMax) });
  const [full] = new FrameDecoder().push(
    rawFrame(header.length, 3, Buffer.concat([text.encode(header), Buffer.from("abc")])),
  );
  t.equal(header.length, headerBytesMax);
  t.equal(Buffer.from(full?.body ?? []).toString(), "abc");
  const body = new Uint8Array(bodyBytesMax).fill(7);
  const [large] = new FrameDecoder().push(bytesOf({ header: { type: "x" }, body }));
  t.equal(large?.body.length, bodyBytesMax);
});

t.test(
  "a body that its header doesn't allow: refused when the header is there, before any of the body is",
  async (t) => {
    const decoder = new FrameDecoder(({ type }) => (type === "three" ? 3 : 0));
    const headed = (type: string, bodyLength: number, body = "") => {
      const header = JSON.stringify({ type });
      return rawFrame(header.length, bodyLength, Buffer.from(header + body));
    };
    t.same(
      [...decoder.push(headed("none", 0)), ...decoder.push(headed("three", 3, "abc"))].map(({ body }) => body.length),
      [0, 3],
    );
    t.same(decoder.push(headed("three", 3)), [], "of three bytes none has come");
    t.throws(() => decoder.push(Buffer.concat([Buffer.from("abc"), headed("three", 4)])), FrameError);
    t.throws(() => new FrameDecoder(() => 0).push(headed("none", bodyBytesMax)), /longer than its header allows/);
  },
);

t.test("what we send is bounded too: a frame that the other side would refuse is never made", async (t) => {
  t.ok(encodeFrame({ header: { type: "x", pad: pad(headerBytesMax) }, body: new Uint8Array(0) }));
  t.throws(
    () => encodeFrame({ header: { type: "x", pad: pad(headerBytesMax + 1) }, body: new Uint8Array(0) }),
    RangeError,
  );
  t.throws(() => encodeFrame({ header: { type: "x" }, body: new Uint8Array(bodyBytesMax + 1) }), RangeError);
});

t.test("headers that are no JSON object with a type", async (t) => {
  const wrong = [
    "[]",
    "{}",
    "null",
    '"type"',
    "12",
    '{"type":1}',
    '{"type":null}',
    '{"type":{}}',
    "{]",
    "{}x",
    '{"a":"type"}',
    " {",
  ];
  for (const header of wrong) t.throws(() => new FrameDecoder().push(withHeader(header)), FrameError, header);
  t.throws(() => new FrameDecoder().push(withHeader(Uint8Array.of(0x22, 0xff, 0x22))), FrameError, "no UTF-8");
  t.throws(() => new FrameDecoder().push(withHeader(`${"[".repeat(50_000)}`)), FrameError, "deeply nested");
});

t.test("keys that mean something to the language stay keys", async (t) => {
  const [frame] = new FrameDecoder().push(withHeader('{"type":"x","__proto__":{"polluted":1},"constructor":2}'));
  t.equal(frame?.header.type, "x");
  t.equal(Object.getPrototypeOf(frame?.header), Object.prototype);
  t.equal(({} as Record<string, unknown>).polluted, undefined);
});

t.test("a decoder that has seen garbage: what follows is not read as frames, however good it looks", async (t) => {
  const decoder = new FrameDecoder();
  t.throws(() => decoder.push(rawFrame(0, 0)), FrameError);
  t.same(decoder.push(bytesOf({ header: { type: "done" }, body: text.encode("1") })), []);
});

t.test("errors name our reasons, and no byte of what was sent", async (t) => {
  try {
    new FrameDecoder().push(withHeader('{"type":"secret'));
    t.fail("it should not pass");
  } catch (error) {
    t.notMatch((error as Error).message, /secret/);
  }
});
