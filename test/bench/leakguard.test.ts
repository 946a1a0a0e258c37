// The leak guard's benchmark, as a short try-out: that it measures what it says, and that it catches the forms that it lists.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import t from "tap";

const root = dirname(dirname(import.meta.dirname));
const run = promisify(execFile);

t.test("a figure that is missing, or a form that is not caught", async (t) => {
  const file = join(t.testdir(), "leakguard.json");
  const script = join(root, "scripts/bench/leakguard.ts");
  const { stdout } = await run(process.execPath, [script, "--megabytes", "1", "--rounds", "1", "--json", file]);
  const found = JSON.parse(readFileSync(file, "utf8"));
  t.ok(found.leakguard_mb_per_s_least > 0);
  t.equal(Object.values(found.rates).flatMap((row) => Object.values(row as object)).length, 12, "three by four");
  t.same([...new Set(Object.values(found.forms))], [true]);
  t.match(stdout, /caught: raw, .*brotli/);
});
