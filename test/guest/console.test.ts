// console and context.log: what a job prints becomes lines that a person can read, whatever it prints.
import t from "tap";
import { openRuns } from "../support/runs.ts";

/** Statement to the lines that it makes. */
const prints: [string, string[]][] = [
  ['console.log("a", 1, true, null, undefined, 2n, Symbol("s"), -0)', ["a 1 true null undefined 2n Symbol(s) 0"]],
  [
    'console.log("%s is %d, %i and %f: %j %o %%, %c.", "x", "4.5", 4.7, "1e2", { a: 1 }, [1], "css", "rest", { b: 2 })',
    ["x is 4.5, 4 and 100: { a: 1 } [ 1 ] %, . rest { b: 2 }"],
  ],
  ['console.log("%s and %s", "one")', ["one and %s"]],
  ['console.log("100%", 1)', ["100% 1"]],
  [
    'console.log({ a: "text", b: [1, [2, [3, [4, [5]]]]], c: { d: { e: { f: { g: 1 } } } } })',
    ['{ a: "text", b: [ 1, [ 2, [ 3, […] ] ] ], c: { d: { e: { f: {…} } } } }'],
  ],
  ["const o = { name: 1 }; o.self = o; console.log(o)", ["{ name: 1, self: [Circular] }"]],
  [
    "console.log(new Map([[1, { a: 2 }]]), new Set(['x']), new Date(0), new Date(NaN), /x/g)",
    ['Map(1) { 1 => { a: 2 } } Set(1) { "x" } 1970-01-01T00:00:00.000Z Invalid Date /x/g'],
  ],
  [
    "console.log(new Uint8Array(3), new DataView(new ArrayBuffer(2)), function named() {}, class A {}, () => {})",
    ["Uint8Array(3 bytes) DataView(2 bytes) [Function named] [Function A] [Function anonymous]"],
  ],
  ["class Point { x = 1; } console.log(new Point(), Object.create(null), [], {})", ["Point { x: 1 } {} [] {}"]],
  [
    "console.log(Array.from({ length: 200 }, (_, i) => i).length, new Array(150).fill(0))",
    [`200 [ ${"0, ".repeat(100)}… 50 more ]`],
  ],
  ["console.log({ get a() { throw new Error('x'); } }, 'after')", ["[unreadable] after"]],
  ["console.log(new Proxy({}, { ownKeys() { throw 1; } }))", ["[unreadable]"]],
  [
    "console.count(); console.count(); console.count('x'); console.countReset(); console.count()",
    ["default: 1", "default: 2", "x: 1", "default: 1"],
  ],
  [
    "console.group('g'); console.log('in'); console.group(); console.warn('deeper'); console.groupEnd(); console.groupEnd(); console.log('out')",
    ["g", "  in", "    deeper", "out"],
  ],
  [
    "console.assert(true, 'no'); console.assert(false); console.assert(0, 'because %d', 4)",
    ["Assertion failed", "Assertion failed: because 4"],
  ],
  ["console.table([{ a: 1 }]); console.dir({ a: 1 }); console.clear()", ["[ { a: 1 } ]", "{ a: 1 }"]],
  [
    "c.log.info('done', { rows: 3, who: 'a b', nested: { x: [1] } }); c.log.warn({ an: 'object' }); c.log.error('no fields', undefined)",
    ['done rows=3 who="a b" nested={ x: [ 1 ] }', '{ an: "object" }', "no fields"],
  ],
  ["console.log('\\u001b[31mred\\u0007', '\\u202eabc')", ["\\u{1b}[31mred\\u{7} \\u{202e}abc"]],
];

const runs = await openRuns({
  prints: { body: prints.map(([statement], index) => `{ ${statement}; } c.log.debug("end of ${index}");`).join("\n") },
  levels: {
    body: 'console.debug("d"); console.log("l"); console.info("i"); console.warn("w"); console.error("e"); console.trace("t"); c.log.debug("d"); c.log.error("e");',
  },
  errors: { body: 'console.error(new TypeError("wrong")); console.log({ cause: new Error("inner") });' },
  time: { body: "console.time('x'); console.timeLog('x'); console.timeEnd('x'); console.timeEnd('never started');" },
});

t.test("what is printed and how it reads", async (t) => {
  const record = await runs.run("prints");
  t.equal(record.state, "succeeded", record.error?.message ?? "");
  const text = (await runs.logs(record)).join("\n");
  let rest = text;
  for (const [index, [statement, lines]] of prints.entries()) {
    const marker = `end of ${index}`;
    const piece = rest.slice(0, rest.indexOf(marker)).split("\n").slice(0, -1);
    rest = rest.slice(rest.indexOf(marker) + marker.length + 1);
    t.same(piece, lines, statement);
  }
});

t.test("levels go along", async (t) => {
  const record = await runs.run("levels");
  const lines = await runs.runtime.archive.logLines(record.id);
  const levels = lines.filter((line) => !/^ +at /.test(line.text)).map((line) => `${line.level} ${line.text[0]}`);
  t.same(levels, ["debug d", "info l", "info i", "warn w", "error e", "debug T", "debug d", "error e"]);
});

t.test("errors are printed with their stack, and times with their name", async (t) => {
  const lines = await runs.logs(await runs.run("errors"));
  t.match(lines[0], /^TypeError: wrong$/);
  t.match(lines[1], /^ +at .*job\.js:1:\d+/);
  t.match(lines.join("\n"), /cause: Error: inner/);
  const times = await runs.logs(await runs.run("time"));
  for (const line of times.slice(0, 2)) t.match(line, /^x: \d+ ms$/);
});

t.test("what all of them left behind", (t) => runs.end(t));
