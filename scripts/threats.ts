// The threat list beside its tests: runs every test that carries a line's id and prints what came of each line. Answers
// for the table and the exit code; the lines are threats/list.ts's, what counts as proof threats/verdict.ts's.
import { parseArgs } from "node:util";
import { buildPlugins, runTap } from "./tap/run.ts";
import { type Threat, threats } from "./threats/list.ts";
import { taggedFiles } from "./threats/tags.ts";
import { blocks, makeEvidence, type Verdict, verdictOf } from "./threats/verdict.ts";

const help = `Runs the tests that carry ids of the threat list, and prints a line for each id.

  npm run test:threats [-- [--json] [--list] [ISO | NET-03 …]]

  ISO, NET-03   only these groups and lines
  --list        only says which files carry which ids, and runs nothing
  --json        one object instead of the table

  exit code 0   every P0 line is proven, or doesn't apply
            1   a P0 line failed or has no proof here
            2   the tests could not be run
`;

function asked(wanted: readonly string[]): Threat[] {
  for (const each of wanted) {
    if (!threats.some(({ id }) => id === each || id.startsWith(`${each}-`)))
      throw new Error(`${each}: needed a group or an id of the threat list, such as NET or NET-03`);
  }
  return wanted.length === 0
    ? [...threats]
    : threats.filter(({ id }) => wanted.some((each) => id === each || id.startsWith(`${each}-`)));
}

async function prove(lines: readonly Threat[], runs: boolean): Promise<Verdict[]> {
  const tagged = taggedFiles();
  const files = [...new Set(lines.flatMap(({ id }) => tagged.get(id) ?? []))].sort();
  const evidence = makeEvidence();
  if (runs && files.length > 0) {
    buildPlugins();
    await runTap(files, ({ point }) => {
      if (point === undefined) return;
      evidence.add(point);
      if (point.within.length === 0) process.stderr.write(`${point.ok ? "ok    " : "FAILED"} ${point.title}\n`);
    });
  }
  return lines.map((line) => verdictOf(line, tagged.get(line.id) ?? [], evidence.of(line.id)));
}

function tableOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts.flatMap(({ id, p0, about, outcome, files, detail }) => [
    `${id.padEnd(7)}${p0 ? "P0" : "  "}  ${outcome.padEnd(15)}${about}`,
    ...files.map((file) => `${" ".repeat(26)}${file}`),
    ...detail.map((text) => `${" ".repeat(26)}(${text})`),
  ]);
  const count = (outcome: Verdict["outcome"]) => verdicts.filter((each) => each.outcome === outcome).length;
  const counts = (["proven", "failed", "unproven", "not applicable"] as const).map((each) => `${count(each)} ${each}`);
  return [...rows, "", `${verdicts.length} lines: ${counts.join(", ")}`, ""].join("\n");
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const verdicts = await prove(asked(positionals), !values.list);
  const blocking = verdicts.filter(blocks).map(({ id }) => id);
  process.stdout.write(values.json ? `${JSON.stringify({ blocking, lines: verdicts }, null, 2)}\n` : tableOf(verdicts));
  if (values.list) return;
  if (blocking.length > 0) process.stderr.write(`a release waits for ${blocking.join(", ")}\n`);
  process.exitCode = blocking.length === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`threats: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
