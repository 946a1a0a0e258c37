// `npm run test:packages`: popular packages from npm, each doing one real thing in a job. Prints what works and what is
// refused; what must happen stands in test/packages/cases/.
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import tmp from "tmp";
import { describeError } from "../runtime/model/error.ts";
import { type Case, jobOf } from "../test/packages/case.ts";
import { allCases } from "../test/packages/cases.ts";
import { faultsInNode } from "../test/packages/in-node.ts";
import { findInstalled, install, packageVersions } from "../test/packages/install.ts";
import { documentOf, summaryOf, tableOf } from "../test/packages/report.ts";
import { type Outcome, openPackageRuns } from "../test/packages/runs.ts";

const help = `Popular packages from npm, each doing one real thing in a job: in a real run, under grants of its own, an SDK against a
server on loopback that speaks its API.

  npm run test:packages -- [--only <package>[,…]] [--json] [--write] [--node]

The packages come from npm by the lockfile in test/packages, without their install scripts, once (some 700 MB), and are kept in
~/.cache/mayfly-packages, or below XDG_CACHE_HOME.

  --only   some of the ${allCases.length} packages
  --json   one object on stdout in the place of the table
  --write  also writes docs/packages.md; with all packages only
  --node   runs the same jobs in this Node, and says which of them don't do there what they must: for whoever adds one

  exit code 0   each did what it must         2   it could not be run
            1   one did not                 130   interrupted; nothing is left of it
`;

const document = fileURLToPath(new URL("../docs/packages.md", import.meta.url));

async function main(stop: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      node: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const cases = chosen(values.only);
  if (values.write && cases.length < allCases.length) throw new Error("--write: needed all packages, without --only");
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const modules = findInstalled() ?? (await install({ say, stop }));
  const scratch = tmp.dirSync({ prefix: "mayfly-packages-", mode: 0o700, keep: true }).name;
  try {
    if (values.node) {
      const faults = await faultsInNode({ cases, modules, scratch });
      process.stdout.write(faults.map(([name, fault]) => `FAILED ${name}: ${fault}\n`).join(""));
      return faults.length === 0 ? 0 : 1;
    }
    const outcomes = await runAll({ cases, modules, scratch, stop });
    const versions = packageVersions();
    process.stdout.write(
      values.json ? `${JSON.stringify(asJson(outcomes, versions), null, 2)}\n` : `${tableOf(outcomes, versions)}\n`,
    );
    if (values.write) writeFileSync(document, documentOf(outcomes, versions));
    return outcomes.every(({ fault }) => fault === undefined) ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function chosen(only: string | undefined): readonly Case[] {
  if (only === undefined) return allCases;
  return [...new Set(only.split(","))].map((name) => {
    const found = allCases.find((each) => each.package === name || jobOf(each) === name);
    if (found === undefined) throw new Error(`--only: no package ${JSON.stringify(name)} in test/packages/cases`);
    return found;
  });
}

/** One after the other: what a run takes is its own. */
async function runAll(parts: {
  cases: readonly Case[];
  modules: string;
  scratch: string;
  stop: AbortSignal;
}): Promise<Outcome[]> {
  const { cases, stop } = parts;
  const runs = await openPackageRuns(parts);
  const kill = () => runs.kill();
  stop.addEventListener("abort", kill, { once: true });
  const outcomes: Outcome[] = [];
  const { isTTY } = process.stderr;
  try {
    for (const each of cases) {
      stop.throwIfAborted();
      if (isTTY) process.stderr.write(`\r\x1b[K${outcomes.length + 1} of ${cases.length}: ${each.package}`);
      outcomes.push(await runs.run(each));
    }
    stop.throwIfAborted();
    return outcomes;
  } finally {
    if (isTTY) process.stderr.write("\r\x1b[K");
    stop.removeEventListener("abort", kill);
    await runs.close();
  }
}

function asJson(outcomes: readonly Outcome[], versions: Readonly<Record<string, string>>): object {
  const packages = outcomes.map(({ case: each, fault = null, reason = null, ...rest }) => ({
    package: each.package,
    version: versions[each.package] ?? null,
    does: each.does,
    result: fault !== null ? "failed" : "refused" in each ? "refused" : "works",
    ...{ fault, reason, ...rest },
  }));
  return { summary: summaryOf(outcomes), packages };
}

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort();
  });

main(interrupt.signal).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    if (!interrupt.signal.aborted) process.stderr.write(`packages: ${describeError(error)}\n`);
    process.exitCode = interrupt.signal.aborted ? 130 : 2;
  },
);
