// What an executor says about its run, and what isn't believed of it.
import fc from "fast-check";
import t from "tap";
import { inlineBodyBytesMax, operationNames, pieceBytesMax } from "../../runtime/protocol/bridge.ts";
import { decodeUp, upBodyBytesMax } from "../../runtime/protocol/channel.ts";
import { bodyBytesMax } from "../../runtime/protocol/frame.ts";

const empty = new Uint8Array(0);
const inner = { path: "cause", name: "Error", message: "m", stack: "s" };
const failure = { type: "failed", name: "Error", message: "m", stack: "s", kind: "threw" };

t.test("the five things that an executor may say", async (t) => {
  t.same(decodeUp({ header: { type: "ready", v8: "x" }, body: empty }), { type: "ready" });
  const call = { header: { type: "call", id: 1 }, body: empty };
  t.same(decodeUp(call), { type: "call", frame: call });
  t.same(decodeUp({ header: { type: "done" }, body: Uint8Array.of(49) }), { type: "done", result: Uint8Array.of(49) });
  t.same(decodeUp({ header: { type: "idle", seq: 3 }, body: empty }), { type: "idle", seq: 3 });
  for (const seq of ["3", 1.5, null, undefined])
    t.equal(decodeUp({ header: { type: "idle", seq }, body: empty }).type, "garbage");
  for (const kind of ["threw", "output", "shape", "memory", "timeout"]) {
    const { name, message, stack } = failure;
    t.same(decodeUp({ header: { ...failure, kind }, body: empty }), {
      type: "failed",
      failure: { name, message, stack, kind, nested: [] },
    });
  }
});

t.test("what a frame may bring along: nothing, but for results and the calls with content", async (t) => {
  const calls = operationNames.map((op) => [op, upBodyBytesMax({ type: "call", op })] as const);
  t.strictSame(Object.fromEntries(calls.filter(([, bytes]) => bytes > 0)), {
    "files.write": bodyBytesMax,
    "http.request": inlineBodyBytesMax,
    "http.piece": pieceBytesMax,
    "credential.exec": bodyBytesMax,
  });
  t.equal(upBodyBytesMax({ type: "done" }), bodyBytesMax);
  for (const header of [{ type: "ready" }, { type: "failed" }, { type: "x" }, { type: "call" }])
    t.equal(upBodyBytesMax(header), 0, header.type);
  for (const op of ["none", "__proto__", "constructor", {}, null]) t.equal(upBodyBytesMax({ type: "call", op }), 0);
});

t.test("failures that are none: a field missing, too long, of another type, or one too many", async (t) => {
  const wrong: object[] = [
    { name: 1 },
    { message: {} },
    { stack: null },
    { kind: "killed" },
    { kind: "cpu" },
    { code: "succeeded" },
    { name: "n".repeat(257) },
    { message: "m".repeat(16_385) },
    { stack: "s".repeat(65_537) },
    { nested: {} },
    { nested: Array(17).fill(inner) },
    { nested: [{ ...inner, path: "constructor.name\n" }] },
    { nested: [{ ...inner, path: "" }] },
    { nested: [{ ...inner, path: "cause".concat(".cause".repeat(8)) }] },
    { nested: [{ ...inner, stack: 1 }] },
    { nested: [{ ...inner, kind: "threw" }] },
  ];
  for (const change of wrong) {
    t.equal(decodeUp({ header: { ...failure, ...change }, body: empty }).type, "garbage", Object.keys(change)[0] ?? "");
  }
  for (const key of ["name", "message", "stack", "kind"]) {
    t.equal(decodeUp({ header: { ...failure, [key]: undefined }, body: empty }).type, "garbage");
  }
  const full = { ...failure, name: "n".repeat(256), message: "m".repeat(16_384), stack: "s".repeat(65_536) };
  t.equal(decodeUp({ header: full, body: empty }).type, "failed", "and at the edge it passes");
  const nested = [inner, { ...inner, path: "errors[12].cause" }, { ...inner, path: "suppressed.error.cause" }];
  t.match(decodeUp({ header: { ...failure, nested }, body: empty }), { type: "failed", failure: { nested } });
});

t.test("what only the supervisor may say, and what nobody says", async (t) => {
  for (const type of ["launch", "reply", "signal", "", "READY", "__proto__", "constructor", "killed"]) {
    t.equal(decodeUp({ header: { type }, body: empty }).type, "garbage", type);
  }
});

t.test("any header: an answer, never an exception", async (t) => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.anything()),
      fc.constantFrom("ready", "call", "done", "failed", "x"),
      (rest, type) =>
        ["ready", "call", "done", "failed", "garbage"].includes(
          decodeUp({ header: { ...rest, type }, body: empty }).type,
        ),
    ),
  );
  t.pass();
});
