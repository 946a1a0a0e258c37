// Takes out one defence at a time, in private copies of the tree, and looks whether its tests notice: a survivor is a
// missing test. The entries are sabotage/<area>.ts, how one is tried sabotage/campaign.ts.
import { parseArgs } from "node:util";
import { type SabotageResult, sabotageCampaign } from "./sabotage/campaign.ts";
import { allSabotages } from "./sabotage/list.ts";
import { buildPlugins, projectRoot } from "./tap/run.ts";

const help = `Takes out one defence at a time and looks whether the tests notice.

  npm run test:sabotage [-- [--only <id or beginning> …] [--jobs 2] [--within 120] [--json]]

  --only    only these entries
  --jobs    copies that are worked in at the same time
  --within  seconds that one test file may take, before it counts as hung
  --json    one array instead of the table

  exit code 0   every sabotage was caught
            1   one survived, hung, didn't load, no longer fits the source, or its tests are red without it
            2   it could not be run
            130 interrupted
`;

function tableOf(results: readonly SabotageResult[]): string {
  const width = Math.max(0, ...results.map(({ id }) => id.length));
  const rows = results.flatMap(({ id, defence, threats, outcome, file, detail, tookMs }) => [
    `${outcome.padEnd(9)}${id.padEnd(width)}  ${defence} [${threats.join(" ")}]`,
    `${" ".repeat(9 + width)}  ${file === null ? "" : `${file}: `}${detail} (${(tookMs / 1_000).toFixed(1)} s)`,
  ]);
  const failures = results.filter(({ outcome }) => outcome !== "caught");
  const closing = `${results.length} sabotages, ${results.length - failures.length} caught`;
  const listed = failures.map(({ id, outcome }) => `  ${outcome}: ${id}`);
  return [...rows, "", failures.length === 0 ? closing : `${closing}; not caught:`, ...listed, ""].join("\n");
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: needed a whole number from 1`);
  return value;
}

async function main(stop: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      jobs: { type: "string", default: "2" },
      within: { type: "string", default: "120" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const only = values.only;
  const all = await allSabotages();
  const sabotages = all.filter(({ id }) => only.length === 0 || only.some((each) => id.startsWith(each)));
  if (sabotages.length === 0) throw new Error(`no entry is called so: ${only.join(", ")}`);
  buildPlugins();
  const results = await sabotageCampaign({
    root: projectRoot,
    sabotages,
    jobs: whole("jobs", values.jobs),
    withinMs: whole("within", values.within) * 1_000,
    stop,
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  process.stdout.write(values.json ? `${JSON.stringify(results, null, 2)}\n` : tableOf(results));
  process.exitCode = results.every(({ outcome }) => outcome === "caught") ? 0 : 1;
}

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());

main(interrupt.signal).catch((error: unknown) => {
  if (interrupt.signal.aborted) process.exitCode = 130;
  else {
    process.stderr.write(`sabotage: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
});
