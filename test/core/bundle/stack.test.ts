// Stacks as the guest sends them, mapped with a source map that is written out here, VLQ and all.
import t from "tap";
import { makeStackMapper } from "../../../runtime/core/bundle/stack.ts";

const author = 'import { a } from "p";\nexport default () => {\n  throw new Error("x");\n};\n';

// Line 1 of the bundle is jobs/a.ts line 3, column 3; line 2 is node_modules/p/index.js line 1; line 3 is the wrapper's;
// line 4 is nobody's; line 5 is /etc/passwd's, were somebody to write such a map.
const sourceMap = JSON.stringify({
  version: 3,
  sources: ["jobs/a.ts", "node_modules/p/index.js", "./mayfly:entry"],
  sourcesContent: [author, "p();\n", "__mayflyRegister(job);\n"],
  names: [],
  mappings: "AAEE;ACFF;ACAA;;",
});
const map = makeStackMapper(sourceMap);

t.test("an author who is shown the bundle's lines instead of their own", async (t) => {
  const { stack, first } = map("Error: x\n    at run (job.js:1:1)\n    at async job.js:1:1");
  t.equal(stack, "Error: x\n    at run (jobs/a.ts:3:3)\n    at jobs/a.ts:3:3");
  t.same(first, { file: "jobs/a.ts", line: 3, column: 3, sourceLine: '  throw new Error("x");', caret: 2 });
});

t.test("an error deep in a package, whose user has to find their own line", async (t) => {
  const { stack, first, innermostFile } = map("TypeError: y\n    at p (job.js:2:1)\n    at run (job.js:1:1)");
  t.match(stack, "at p (node_modules/p/index.js:1:1)");
  t.equal(first?.file, "jobs/a.ts");
  t.equal(innermostFile, "node_modules/p/index.js", "whose error it is, is known too");
  t.equal(map("E\n    at p (job.js:2:1)").first?.file, "node_modules/p/index.js", "unless there is none");
});

t.test("a column that is lost: behind tabs, behind what is escaped, far to the right, beyond the line", async (t) => {
  const shown = (line: string, column: number) => {
    const sourcesContent = ["", "", ""].map(() => line);
    const at = `AA${vlq(2)}${vlq(column)}`; // the author's line 3
    const one = JSON.stringify({
      ...JSON.parse(sourceMap),
      sourcesContent: sourcesContent.map((l) => `\n\n${l}`),
      mappings: at,
    });
    const { sourceLine = "", caret } = makeStackMapper(one)("E\n    at x (job.js:1:1)").first ?? {};
    return caret === undefined ? { sourceLine } : { sourceLine, at: sourceLine.slice(caret, caret + 5) };
  };
  t.same(shown("\t\tthrow x;", 2), { sourceLine: "    throw x;", at: "throw" });
  t.same(shown("\u202e = throw", 4), { sourceLine: "\\u{202e} = throw", at: "throw" });
  const long = shown(`${"a".repeat(5_000)} = throw new Error();`, 5_003);
  t.match(long, { sourceLine: /^…a{117} = throw new/, at: "throw" });
  t.ok(long.sourceLine.length < 210);
  t.same(shown("short", 70), { sourceLine: "short" });
  t.equal(shown("a".repeat(5_000), 3).sourceLine.length, 201);
});

/** One number of a mapping (ECMA-426). */
function vlq(value: number): string {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let rest = value * 2;
  let text = "";
  do {
    const low = rest % 32;
    rest = Math.floor(rest / 32);
    text += digits[rest > 0 ? low + 32 : low];
  } while (rest > 0);
  return text;
}

t.test("frames of the runtime, of the host and of nobody, that a record must not name", async (t) => {
  const { stack } = map(
    [
      "Error: x",
      "    at settle (mayfly:bridge.js:10:5)",
      "    at wrapper (job.js:3:1)",
      "    at helper (job.js:4:1)",
      "    at beyond (job.js:99:1)",
      "    at Module._compile (node:internal/modules/cjs/loader:1:1)",
      "    at Object.<anonymous> (/home/operator/mayfly/runtime/executor/main.ts:1:1)",
      "    at file:///home/operator/x.js:1:1",
      "    at eval (eval at run (job.js:1:1), <anonymous>:1:1)",
      "    at Array.map (<anonymous>)",
      "    at async Promise.all (index 0)",
      "    at x (job.js.evil:1:1)",
      "    at x (job.js:-1:1)",
      "    at x (job.js:0:0)",
      "    at x (job.js:99999999999999999999:1)",
    ].join("\n"),
  );
  t.equal(stack, "Error: x\n    at Array.map (<anonymous>)\n    at async Promise.all (index 0)");
});

t.test("a message of several lines, with the terminal's control codes", async (t) => {
  const { stack } = map("Error: a\nb \u001b[2J\n    at run (job.js:1:1)\nafterwards");
  t.equal(stack, "Error: a\nb \\u{1b}[2J\n    at run (jobs/a.ts:3:3)\nafterwards");
});

t.test("a stack that is built to be slow or large", async (t) => {
  for (const hostile of [
    "    at (".repeat(20_000),
    `    at ${"(".repeat(65_000)}`,
    `    at ${"job.js:1:".repeat(8_000)}`,
    "    at x (job.js:1:1)\n".repeat(4_000),
    `E\n${" ".repeat(65_000)}at x`,
    "\n".repeat(65_000),
    "\u{1b}".repeat(65_000),
  ]) {
    const { stack } = map(hostile);
    t.ok(stack.length < 16_384 * 8, "escaped, and still bounded");
    t.ok(stack.split("\n").length <= 64);
  }
  t.match(map(`${"E\n".repeat(62)}    at x (job.js:1:1)`).stack, "jobs/a.ts", "line 63 is still read");
  t.notMatch(map(`${"E\n".repeat(64)}    at x (job.js:1:1)`).stack, "jobs/a.ts", "line 65 is not");
});

t.test("a source map that is damaged costs the positions, not the message", async (t) => {
  for (const damaged of ["", "{}", "null", '{"sources":3}']) {
    const { stack, first } = makeStackMapper(damaged)("Error: x\n    at run (job.js:1:1)");
    t.equal(stack, "Error: x");
    t.equal(first, undefined);
  }
});

t.test("a map without contents, and a script by another name", async (t) => {
  const bare = JSON.stringify({ ...JSON.parse(sourceMap), sourcesContent: undefined });
  t.equal(makeStackMapper(bare)("E\n    at x (job.js:1:1)").first?.sourceLine, "");
  const other = makeStackMapper(sourceMap, { scriptName: "other.js" });
  t.match(other("E\n    at x (other.js:1:1)").stack, "jobs/a.ts:3:3");
  t.equal(other("E\n    at x (job.js:1:1)").stack, "E");
});
