// `npm test`: builds tap's plugins (install scripts are off in this project), runs the suite on two files at a time,
// prints a line a file and the whole output of those that failed, and closes with the counts.
//
//   node scripts/test.ts [file or folder …]
import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";

const tap = new URL("../node_modules/.bin/tap", import.meta.url).pathname;
const root = new URL("..", import.meta.url).pathname;

interface Counts {
  pass: number;
  fail: number;
  skip: number;
}

function buildPlugins(): void {
  const built = spawnSync(tap, ["build"], { cwd: root, encoding: "utf8" });
  if (built.status === 0) return;
  process.stderr.write(`${built.stdout}${built.stderr}\ntap build failed: is node_modules complete? npm ci\n`);
  process.exit(2);
}

function testFiles(asked: readonly string[]): string[] {
  const all = readdirSync(new URL("../test", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `test/${name}`)
    .sort();
  return asked.length === 0
    ? all
    : all.filter((file) => asked.some((prefix) => file.startsWith(prefix.replace(/^\.\//, ""))));
}

/** Reads TAP: files are at the top level, their subtests are indented below them. */
async function run(files: readonly string[]): Promise<Counts & { files: number }> {
  const child = spawn(tap, ["run", "--disable-coverage", "--reporter=tap", ...files], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const counts = { pass: 0, fail: 0, skip: 0, files: 0 };
  let output: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const file = /^(not )?ok \d+ - (\S+)(.*)$/.exec(line);
    if (file === null) {
      output.push(line);
      readTotals(line, counts);
      continue;
    }
    counts.files += 1;
    process.stdout.write(`${file[1] === undefined ? "ok    " : "FAILED"} ${file[2]}${file[3]?.replace(/ \{$/, "")}\n`);
    if (file[1] !== undefined) process.stdout.write(`${output.join("\n")}\n`);
    output = [];
  }
  const code = await new Promise<number>((resolve) => child.on("close", (exit) => resolve(exit ?? 1)));
  if (code !== 0 && counts.fail === 0) {
    process.stdout.write(`${output.join("\n")}\n`);
    counts.fail = 1;
  }
  return counts;
}

/** tap's own closing line, `# { total: 18, pass: 17, fail: 1 }`, counts assertions. */
function readTotals(line: string, counts: Counts): void {
  const totals = /^# \{ (total: .*) \}$/.exec(line)?.[1];
  if (totals === undefined) return;
  const of = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals)?.[1] ?? 0);
  Object.assign(counts, { pass: of("pass"), fail: of("fail"), skip: of("skip") + of("todo") });
}

buildPlugins();
const files = testFiles(process.argv.slice(2));
const counts = await run(files);
if (counts.files !== files.length) {
  process.stdout.write(`${files.length} files were to run, ${counts.files} reported\n`);
  counts.fail += 1;
}
process.stdout.write(
  `${counts.pass} passed, ${counts.fail} failed${counts.skip > 0 ? `, ${counts.skip} skipped` : ""}\n`,
);
process.exitCode = counts.fail === 0 && counts.pass > 0 ? 0 : 1;
