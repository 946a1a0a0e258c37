// decodeCall: what a guest may ask, and every wrong shape of it. The list of operations is checked in here too: the bridge
// doesn't grow unseen.
import fc from "fast-check";
import t from "tap";
import {
  decodeCall,
  headerFieldsMax,
  logCharsMax,
  operationNames,
  pathCharsMax,
  queryParamsMax,
  sqlCharsMax,
  urlCharsMax,
} from "../../runtime/protocol/bridge.ts";

const request = {
  url: "http://a.example/",
  method: "GET",
  headers: [["a", "b"]],
  redirect: "follow",
  body: "none",
  bodyBytes: null,
};
/** Good arguments of each operation. */
const good: Record<string, Record<string, unknown>> = {
  "files.read": { path: "/a" },
  "files.write": { path: "/a", mode: "replace" },
  "files.list": { path: "/" },
  "files.stat": { path: "/a" },
  "files.mkdir": { path: "/a" },
  "files.remove": { path: "/a" },
  "http.request": request,
  "http.piece": { call: 1, seq: 1, last: false },
  "http.credit": { call: 1, bytes: 1 },
  "http.abort": { call: 1 },
  "credential.fetch": {},
  "credential.query": { sql: "select 1", params: ["a", 1, true, null] },
  "credential.command": { args: ["GET", "a"] },
  "credential.exec": {},
  "identity.token": { audience: "https://a.example" },
  "log.write": { level: "info", text: "" },
  "timer.set": { timer: 1, delayMs: 0 },
  turn: {},
  "timer.clear": { timer: 1 },
};
const call = (op: unknown, args: unknown, id: unknown = 1) => decodeCall({ type: "call", id, op, args });

t.test("an operation that was added without a look at what it opens", async (t) => {
  t.same([...operationNames].sort(), Object.keys(good).sort());
});

for (const [op, args] of Object.entries(good)) {
  t.test(
    `${op}: good arguments pass as they are; each one missing, of another type, or one too many doesn't`,
    async (t) => {
      t.same(call(op, args), { ok: true, call: { id: 1, op, args } });
      for (const key of Object.keys(args)) {
        const { [key]: _, ...without } = args;
        t.match(call(op, without), { ok: false, id: 1, message: new RegExp(`${op}: ${key}`) });
        for (const wrong of [
          undefined,
          null,
          {},
          [{}],
          Number.NaN,
          () => 1,
          Symbol("x"),
          1n,
          -1.5,
          "\u0000".repeat(70_000),
        ]) {
          const allowed =
            (key === "delayMs" && wrong === -1.5) || (key === "bodyBytes" && wrong === null)
              ? false
              : call(op, { ...args, [key]: wrong }).ok;
          t.notOk(allowed, `${key} as ${typeof wrong}`);
        }
      }
      t.notOk(call(op, { ...args, extra: 1 }).ok);
      t.notOk(call(op, JSON.parse(`{"__proto__":${JSON.stringify(args)}}`)).ok && Object.keys(args).length > 0);
      for (const wrong of [null, undefined, [], "text", 1, [args]]) t.notOk(call(op, wrong).ok);
    },
  );
}

t.test("texts and lists at their edges", async (t) => {
  const edge = (op: string, make: (count: number) => Record<string, unknown>, max: number) => {
    t.ok(call(op, { ...good[op], ...make(max) }).ok, `${op}: ${max}`);
    t.notOk(call(op, { ...good[op], ...make(max + 1) }).ok, `${op}: ${max + 1}`);
  };
  edge("files.read", (count) => ({ path: "p".repeat(count) }), pathCharsMax);
  edge("http.request", (count) => ({ url: "u".repeat(count) }), urlCharsMax);
  edge("http.request", (count) => ({ method: "M".repeat(count) }), 32);
  edge("http.request", (count) => ({ headers: new Array(count).fill(["a", "b"]) }), headerFieldsMax);
  edge("http.request", (count) => ({ headers: [["n".repeat(count), "v"]] }), 256);
  edge("http.request", (count) => ({ headers: [["n", "v".repeat(count)]] }), 16_384);
  edge("credential.query", (count) => ({ sql: "s".repeat(count) }), sqlCharsMax);
  edge("credential.query", (count) => ({ params: new Array(count).fill(1) }), queryParamsMax);
  edge("credential.query", (count) => ({ params: ["p".repeat(count)] }), 65_536);
  edge("log.write", (count) => ({ text: "t".repeat(count) }), logCharsMax);
  edge("timer.set", (count) => ({ delayMs: count }), 2_147_483_647);
  t.notOk(call("credential.query", { sql: "", params: [] }).ok, "no statement at all");
  t.notOk(call("http.request", { ...request, headers: [["a"]] }).ok);
  t.notOk(call("http.request", { ...request, headers: [["a", "b", "c"]] }).ok);
  for (const timer of [0, -1, 1.5, 2 ** 53]) t.notOk(call("timer.set", { timer, delayMs: 1 }).ok);
});

t.test("ids that are none, and operations out of a prototype", async (t) => {
  for (const id of [0, -1, 1.5, Number.NaN, 2 ** 53, "1", null, undefined, {}, [1]]) {
    t.same(decodeCall({ type: "call", id, op: "files.read", args: good["files.read"] }), {
      ok: false,
      id: null,
      message: "call without an id",
    });
  }
  for (const op of [
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "files",
    "files.chmod",
    "",
    "FILES.READ",
    1,
    null,
    ["files.read"],
  ]) {
    t.same(call(op, {}), { ok: false, id: 1, message: "no such operation" });
  }
});

t.test("refusals name the argument and never its value", async (t) => {
  const secret = "s3cret-value";
  for (const [op, args] of Object.entries(good)) {
    for (const key of [...Object.keys(args), "extra"]) {
      const decoded = call(op, { ...args, [key]: { secret } });
      if (decoded.ok) t.fail(`${op} took an object as ${key}`);
      else t.notMatch(decoded.message, new RegExp(secret), decoded.message);
    }
  }
});

t.test("anything at all: an answer, never an exception, and never more than was asked for", async (t) => {
  const op = fc.oneof(fc.constantFrom(...operationNames), fc.string(), fc.anything());
  const args = fc.oneof(
    fc.anything(),
    fc.record(
      { path: fc.anything(), mode: fc.anything(), url: fc.anything(), sql: fc.anything() },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(fc.anything(), op, args, (id, name, given) => {
      const decoded = decodeCall({ type: "call", id, op: name, args: given });
      return decoded.ok
        ? operationNames.includes(decoded.call.op)
        : typeof decoded.message === "string" && decoded.message.length < 500;
    }),
    { numRuns: 3_000 },
  );
  t.pass();
});

t.test("arguments by the ten thousand are refused by their number, before each is looked at", async (t) => {
  const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`k${index}`, 1]));
  const refused = call("files.read", many);
  t.match(refused, { ok: false, id: 1, message: "files.read: more than 12 arguments" });
  t.ok(
    Object.values(good).every((args) => Object.keys(args).length <= 6),
    "twice what any operation has",
  );
});
