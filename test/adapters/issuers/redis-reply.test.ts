// What a Redis server sends, read by itself: each type as the job gets it, wherever the stream is cut; and what no server
// should send. The same parser under noise: test/fuzz/redis.ts.
import t from "tap";
import { makeReplyReader, type Reply, ReplyGarbage } from "../../../runtime/adapters/issuers/redis-reply.ts";

function read(text: string | Uint8Array): Reply[] {
  return makeReplyReader().read(typeof text === "string" ? Buffer.from(text, "latin1") : text);
}

/** The one reply. */
function value(text: string): unknown {
  const [reply, ...others] = read(text);
  t.same(others, [], "one reply");
  return reply?.ok === true ? reply.value : reply;
}

t.test("every type of the protocol, as JSON", async (t) => {
  const each: [sent: string, json: unknown][] = [
    ["+OK\r\n", "OK"],
    ["$5\r\nhello\r\n", "hello"],
    ["$0\r\n\r\n", ""],
    ["$4\r\na\r\nb\r\n", "a\r\nb"],
    ["$2\r\n\xc3\xa9\r\n", "é"],
    ["$2\r\n\xff\x00\r\n", { base64: "/wA=" }],
    ["+\xff\r\n", { base64: "/w==" }],
    ["=8\r\ntxt:Some\r\n", "Some"],
    [":7\r\n", 7],
    [":-7\r\n", -7],
    [":+7\r\n", 7],
    [":-0\r\n", 0],
    [":9007199254740991\r\n", 9_007_199_254_740_991],
    [":9007199254740992\r\n", "9007199254740992"],
    [":-9223372036854775808\r\n", "-9223372036854775808"],
    ["(3492890328409238509324850943850943825024385\r\n", "3492890328409238509324850943850943825024385"],
    ["(7\r\n", "7"],
    [",3.25\r\n", 3.25],
    [",10\r\n", 10],
    [",1e-7\r\n", 1e-7],
    [",inf\r\n", "inf"],
    [",-inf\r\n", "-inf"],
    [",nan\r\n", "nan"],
    ["#t\r\n", true],
    ["#f\r\n", false],
    ["_\r\n", null],
    ["$-1\r\n", null],
    ["*-1\r\n", null],
    ["*0\r\n", []],
    ["*3\r\n:1\r\n$1\r\na\r\n*1\r\n_\r\n", [1, "a", [null]]],
    ["~2\r\n+a\r\n+b\r\n", ["a", "b"]],
    ["%0\r\n", []],
    [
      "%2\r\n+a\r\n:1\r\n$9\r\n__proto__\r\n:2\r\n",
      [
        ["a", 1],
        ["__proto__", 2],
      ],
    ],
    ["%1\r\n$1\r\n\xff\r\n%1\r\n:1\r\n:2\r\n", [[{ base64: "/w==" }, [[1, 2]]]]],
    ["*2\r\n-ERR one of two\r\n:1\r\n", [{ error: "ERR one of two" }, 1]],
  ];
  for (const [sent, json] of each) t.strictSame(value(sent), json, JSON.stringify(sent));
  t.strictSame(value("-WRONGPASS no\r\n"), { ok: false, error: "WRONGPASS no" });
  t.strictSame(value("!8\r\nERR long\r\n"), { ok: false, error: "ERR long" });
  const whole = Buffer.from(each.map(([sent]) => sent).join(""), "latin1");
  const reader = makeReplyReader();
  const replies: Reply[] = [];
  for (const byte of whole) replies.push(...reader.read(Uint8Array.of(byte)));
  t.strictSame(replies, read(whole), "byte by byte too");
  t.equal(replies.length, each.length);
});

t.test("what is no reply is garbage, and so is all that follows", async (t) => {
  for (const sent of [
    "<!doctype html>\r\n",
    "HTTP/1.1 200 OK\r\n",
    "\r\n",
    "$x\r\n",
    "$-2\r\n",
    "$99999999999\r\n",
    "$?\r\n",
    "*?\r\n",
    "$2\r\nabc\r\n",
    "=2\r\nab\r\n",
    ":1.5\r\n",
    ":\r\n",
    ",1,5\r\n",
    ",0x10\r\n",
    "#x\r\n",
    "_x\r\n",
    "|1\r\n+a\r\n+b\r\n",
    ">2\r\n+message\r\n+x\r\n",
    "*1\r\n".repeat(17),
  ]) {
    const reader = makeReplyReader();
    t.throws(() => reader.read(Buffer.from(sent)), ReplyGarbage, JSON.stringify(sent));
    t.throws(() => reader.read(Buffer.from("+OK\r\n")), ReplyGarbage, "and from then on");
  }
});

t.test("the limits at their edges", async (t) => {
  t.doesNotThrow(() => read(`${"*1\r\n".repeat(16)}:1\r\n`));
  t.throws(() => read(`${"*1\r\n".repeat(17)}:1\r\n`), ReplyGarbage);
  t.equal(value(`+${"x".repeat(65_535)}\r\n`), "x".repeat(65_535));
  t.throws(() => read(`+${"x".repeat(65_536)}\r\n`), ReplyGarbage);
  t.throws(() => read("x".repeat(65_537)), ReplyGarbage, "without an end of line too");
});

t.test("lengths that are only announced take no memory", async (t) => {
  const before = process.memoryUsage();
  const readers = Array.from({ length: 100 }, () => makeReplyReader());
  for (const reader of readers) {
    for (let depth = 0; depth < 16; depth += 1) reader.read(Buffer.from("*4294967295\r\n"));
    reader.read(Buffer.from("$4294967295\r\n"));
  }
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  t.ok(grown < 16_777_216, `${grown} bytes for ${readers.length} of them`);
});
