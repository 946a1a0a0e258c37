// A failed run as a person reads it: the line with a caret below the column, the errors within, and what to do.
import t from "tap";
import { errorLines } from "../../runtime/cli/run-error.ts";
import { configOf, makeProject, mayfly } from "../support/cli.ts";

const source = (sourceLine: string, needle: string) => ({
  ...{ file: "jobs/a.ts", line: 7, column: 9, sourceLine },
  caret: sourceLine.indexOf(needle),
});

/** What stands above the caret. */
function pointed(lines: readonly string[], index = 2): string {
  return (lines[index] ?? "").slice((lines[index + 1] ?? "").indexOf("^"));
}

t.test("the caret stands below the column, whatever stands before it", async (t) => {
  const lines = errorLines({ code: "job_threw", message: "TypeError: x", source: source("    return shape.a;", "a;") });
  t.same(lines, ["TypeError: x [job_threw]", "at jobs/a.ts:7:9", "> return shape.a;", "               ^"]);
  t.equal(pointed(lines), "a;");
  const wide = errorLines({ code: "c", message: "m", source: source('f("東京 e\u0301", x);', "x)") });
  t.equal(
    (wide[3] ?? "").length,
    'f("東京 e", '.length + 2 + 2 + 1,
    "two columns for each of these, none for an accent",
  );
});

t.test("a line that isn't known, and a column beyond it: no caret", async (t) => {
  const place = { file: "jobs/a.ts", line: 7, column: 9 };
  t.same(errorLines({ code: "c", message: "m", source: { ...place, sourceLine: "" } }), ["m [c]", "at jobs/a.ts:7:9"]);
  t.same(errorLines({ code: "c", message: "m", source: { ...place, sourceLine: "  x" } }), [
    "m [c]",
    "at jobs/a.ts:7:9",
    "> x",
  ]);
  t.same(errorLines({ code: "c", message: "m" }), ["m [c]"]);
});

const broken = `try {
    JSON.parse("{]");
  } catch (cause) {
    throw new Error("no report", { cause: new AggregateError([cause, new ReferenceError("WebSocket is not defined")], "both") });
  }`;

t.test("run, run-show and the record: the same places, errors within and hint", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: broken } });
  const { code, stderr, stdout } = await mayfly(t, here, ["run", "hello", "--json"]);
  t.equal(code, 1);
  const record = JSON.parse(stdout);
  const told = errorLines(record.error);
  t.match(
    told.join("\n"),
    /no report \[job_threw\]\nat jobs\/hello\.ts:\d+:\d+\n> throw new Error[\s\S]*\nhint: a job has no WebSocket: /,
  );
  t.match(
    told.join("\n"),
    /\ncaused by: AggregateError: both\n[\s\S]*\ncause\.errors\[0\]: SyntaxError: [\s\S]*\n> JSON\.parse\("\{\]"\);\n +\^\n/,
  );
  for (const line of told) t.ok(stderr.includes(`          ${line}\n`), line);
  const shown = await mayfly(t, here, ["run-show", record.id]);
  for (const line of told) t.ok(shown.stdout.includes(line), line);
});
