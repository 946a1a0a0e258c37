// `npm run conformance`: web-platform-tests in real runs, one run a test file, and the same files in this Node. Prints what
// passed by directory; --failures lists what did not, --write puts both into docs/web-platform.md.
import { type ChildProcess, execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import tmp from "tmp";
import { describeError } from "../runtime/model/error.ts";
import { directories, type TestFile, testFiles } from "./conformance/corpus.ts";
import { documentOf } from "./conformance/document.ts";
import { obtainWpt } from "./conformance/obtain.ts";
import { count, type Failure, type Outcome, type Row, tableOf } from "./conformance/report.ts";
import { makeRuns } from "./conformance/runs.ts";
import { preludePath, serveWpt } from "./conformance/server.ts";

const help = `web-platform-tests in real runs, beside this Node.

  npm run conformance -- [--only <directory>[,…]] [--file <part of a path>] [--failures] [--json <file>] [--write]

The tests come from the folder that WPT_ROOT names, or from Debian's source package of nodejs, which is fetched once (about
24 MB) and kept in node_modules/.cache.

  --only      of ${Object.keys(directories).join(", ")}
  --file      only files whose path has this in it
  --failures  lists each test that did not pass, with its message
  --json      also writes rows and failures as one object
  --write     also writes docs/web-platform.md; with all of them only

  exit code 0   in no directory fewer than Node      2   it could not be run
            1   fewer in one                       130   interrupted; nothing is left of it
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    file: { type: "string" },
    failures: { type: "boolean", default: false },
    json: { type: "string" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

const inNode = fileURLToPath(new URL("conformance/in-node.ts", import.meta.url));
const nodeWithinMs = 90_000;
const inNodeNow = new Set<ChildProcess>();
const document = fileURLToPath(new URL("../docs/web-platform.md", import.meta.url));

function outcomeInNode(input: object): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { timeout: nodeWithinMs, maxBuffer: 256 * 1_048_576, killSignal: "SIGKILL" } as const;
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", inNode, JSON.stringify(input)],
      options,
      (error, stdout) => {
        inNodeNow.delete(child);
        try {
          resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Outcome);
        } catch {
          resolve({ harness: 1, message: error?.message.slice(0, 200) ?? "no result", tests: [] });
        }
      },
    );
    inNodeNow.add(child);
  });
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const only = values.only?.split(",") ?? Object.keys(directories);
  const unknown = only.find((name) => directories[name] === undefined);
  if (unknown !== undefined) return refuse(`no directory ${JSON.stringify(unknown)}\n${help}`);
  if (values.write && (values.only ?? values.file) !== undefined)
    return refuse("--write: needed all files, without --only and --file\n");
  const root = await obtainWpt(process.env.WPT_ROOT);
  if (!existsSync(join(root, "resources/testharness.js")))
    return refuse(`no web-platform-tests in ${root}: resources/testharness.js is needed\n`);
  const stop = () => process.exit(130); // runs and their directories go with the runtime's own clean-up
  process.once("SIGINT", stop);
  const scratch = tmp.dirSync({ prefix: "mayfly-conformance-", mode: 0o700, keep: true }).name;
  const server = await serveWpt(root);
  const runs = await makeRuns({ scratch, origin: server.origin });
  process.once("exit", () => {
    for (const child of inNodeNow) child.kill("SIGKILL");
    rmSync(scratch, { recursive: true, force: true });
  });
  try {
    const { rows, failures } = await measure({ root, only, origin: server.origin, run: runs.run });
    if (values.failures)
      for (const { file, test, message, node } of failures)
        process.stdout.write(`${node ? "only here" : "both"}  ${file}  ${test}\n    ${message}\n`);
    process.stdout.write(`${tableOf(rows)}\n`);
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ rows, failures }, null, 2)}\n`);
    if (values.write) await writeFile(document, documentOf(rows, failures));
    return rows.every(({ ours, node }) => ours >= node) ? 0 : 1;
  } finally {
    process.off("SIGINT", stop);
    await runs.close();
    await server.close();
  }
}

function refuse(message: string): number {
  process.stderr.write(`conformance: ${message}`);
  return 2;
}

interface Measured {
  root: string;
  only: readonly string[];
  origin: string;
  run(input: object): Promise<Outcome>;
}

/** Failures in the order of the files, whichever ended first. */
async function measure({ root, only, origin, run }: Measured): Promise<{ rows: Row[]; failures: Failure[] }> {
  const rows: Row[] = [];
  const failures: Failure[] = [];
  const say = (text: string) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`);
  for (const directory of only) {
    const files = testFiles(root, directory).filter(({ path }) => path.includes(values.file ?? ""));
    if (files.length === 0) continue;
    const row: Row = { directory, files: files.length, tests: 0, ours: 0, node: 0 };
    const failed = new Map<TestFile, Failure[]>();
    await eachOf(files, 2, async (file) => {
      const found = await compare(file, origin, run);
      row.tests += found.tests;
      row.ours += found.ours;
      row.node += found.node;
      failed.set(file, found.failures);
      say(`${directory}: ${row.ours} of ${row.tests}`);
    });
    say("");
    rows.push(row);
    failures.push(...files.flatMap((file) => failed.get(file) ?? []));
    process.stderr.write(`${directory}: ${row.ours} of ${row.tests}, Node ${row.node}\n`);
  }
  return { rows, failures };
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

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`conformance: ${describeError(error)}\n`);
    process.exitCode = 2;
  },
);
