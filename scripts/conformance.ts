// `npm run conformance`: web-platform-tests in real runs, one run a test file, and the same files in this Node. Prints what
// passed by directory; --failures lists what did not.
import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import tmp from "tmp";
import { directories, type TestFile, testFiles } from "./conformance/corpus.ts";
import { obtainWpt } from "./conformance/obtain.ts";
import { count, type Failure, type Outcome, type Row, tableOf } from "./conformance/report.ts";
import { makeRuns } from "./conformance/runs.ts";
import { preludePath, serveWpt } from "./conformance/server.ts";

const help = `web-platform-tests in real runs, beside this Node.

  npm run conformance -- [--only <directory>[,…]] [--file <part of a path>] [--failures] [--json <file>]

The tests come from the folder that WPT_ROOT names, or from Debian's source package of nodejs, which is fetched once (about
24 MB) and kept in node_modules/.cache.

  --only      of ${Object.keys(directories).join(", ")}
  --file      only files whose path has this in it
  --failures  lists each test that did not pass, with its message
  --json      also writes rows and failures as one object
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    file: { type: "string" },
    failures: { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const inNode = fileURLToPath(new URL("conformance/in-node.ts", import.meta.url));
const nodeWithinMs = 90_000;

function outcomeInNode(input: object): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { timeout: nodeWithinMs, maxBuffer: 256 * 1_048_576, killSignal: "SIGKILL" } as const;
    execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", inNode, JSON.stringify(input)],
      options,
      (error, stdout) => {
        try {
          resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Outcome);
        } catch {
          resolve({ harness: 1, message: error?.message.slice(0, 200) ?? "no result", tests: [] });
        }
      },
    );
  });
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const only = values.only?.split(",") ?? Object.keys(directories);
  const unknown = only.find((name) => directories[name] === undefined);
  if (unknown !== undefined) {
    process.stderr.write(`conformance: no directory ${JSON.stringify(unknown)}\n${help}`);
    return 2;
  }
  const root = await obtainWpt(process.env.WPT_ROOT);
  if (!existsSync(join(root, "resources/testharness.js"))) {
    process.stderr.write(`conformance: no web-platform-tests in ${root}: resources/testharness.js is needed\n`);
    return 2;
  }
  const scratch = tmp.dirSync({ prefix: "mayfly-conformance-", mode: 0o700, keep: true }).name;
  const server = await serveWpt(root);
  const runs = await makeRuns({ scratch, origin: server.origin });
  const stop = () => process.exit(130); // runs and their directories go with the runtime's own clean-up
  process.once("SIGINT", stop);
  try {
    const rows: Row[] = [];
    const failures: Failure[] = [];
    for (const directory of only) {
      const files = testFiles(root, directory).filter(({ path }) => path.includes(values.file ?? ""));
      if (files.length === 0) continue;
      const row: Row = { directory, files: files.length, tests: 0, ours: 0, node: 0 };
      await eachOf(files, 2, async (file) => {
        const found = await compare(file, server.origin, runs.run);
        row.tests += found.tests;
        row.ours += found.ours;
        row.node += found.node;
        failures.push(...found.failures);
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${directory}: ${row.ours} of ${row.tests}`);
      });
      if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
      rows.push(row);
      process.stderr.write(`${directory}: ${row.ours} of ${row.tests}, Node ${row.node}\n`);
    }
    if (values.failures)
      for (const { file, test, message, node } of failures)
        process.stdout.write(`${node ? "only here" : "both"}  ${file}  ${test}\n    ${message}\n`);
    process.stdout.write(`${tableOf(rows)}\n`);
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ rows, failures }, null, 2)}\n`);
    return 0;
  } finally {
    process.off("SIGINT", stop);
    await runs.close();
    await server.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function compare(file: TestFile, origin: string, run: (input: object) => Promise<Outcome>) {
  const at = (path: string) => `${origin}/${path}`;
  const scripts = [origin + preludePath, at("resources/testharness.js"), ...file.scripts.map(at)];
  const input = { scripts, url: at(file.path) + file.variant };
  const [ours, node] = await Promise.all([run(input), outcomeInNode(input)]);
  return count(file.path + file.variant, ours, node);
}

async function eachOf<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

process.exitCode = await main();
