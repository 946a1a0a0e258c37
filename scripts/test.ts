// `npm test`: runs the suite, prints a line a file and the whole output of those that failed, and closes with the counts.
//
//   node scripts/test.ts [file or folder …]
import { buildPlugins, runTap, testFiles } from "./tap/run.ts";

interface Counts {
  pass: number;
  fail: number;
  skip: number;
}

/** Files are at the top level, their subtests are indented below them. */
async function run(files: readonly string[]): Promise<Counts & { files: number }> {
  const counts = { pass: 0, fail: 0, skip: 0, files: 0 };
  let output: string[] = [];
  const code = await runTap(files, ({ text, point }) => {
    if (point === undefined || point.within.length > 0) {
      output.push(text);
      readTotals(text, counts);
      return;
    }
    counts.files += 1;
    process.stdout.write(`${point.ok ? "ok    " : "FAILED"} ${text.replace(/^(?:not )?ok \d+ - | \{$/g, "")}\n`);
    if (!point.ok) process.stdout.write(`${output.join("\n")}\n`);
    output = [];
  });
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

try {
  buildPlugins();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(2);
}
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
