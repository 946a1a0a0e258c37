// How long a credential is taken after its run: for every kind of issuer, at a real server, side by side in one run.
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import tmp from "tmp";
import { issuerWorlds } from "../test/worlds/all.ts";
import { measureRevoke } from "./bench/revoke.ts";
import { makeChance, spreadOf } from "./bench/stats.ts";

/** The only figure of this kind that is known to have been published; where, we could not find again. */
const elsewhereMs = "9 to 18";

const help = `From a run's end to the first refusal of its credential at the resource, for every kind of issuer.

  npm run bench:revoke -- [--runs 60] [--only jwt,postgres,…] [--json <file>]

A thief in another process has each credential before its run ends and tries it every millisecond; what the last try took is
in the figure. Each row says what its relying party looks at: a login costs more than a request. Leave the machine alone
meanwhile.
`;

interface Figure extends ReturnType<typeof spreadOf> {
  /** What the relying party looks at. */
  checks: string;
}

function tableOf(figures: Readonly<Record<string, Figure>>, runs: number): string {
  const row = (cells: readonly string[], last: string) =>
    `${cells.map((cell) => cell.padStart(11)).join("")}   ${last}`;
  const ms = (value: number) => value.toFixed(1);
  return [
    `run end to the first refusal at the resource, ms, ${runs} runs each`,
    row(["issuer", "p50", "p99", "max"], "what the relying party looks at"),
    ...Object.entries(figures).map(([kind, { p50, p99, max, checks }]) =>
      row([kind, ms(p50), ms(p99), ms(max)], checks),
    ),
    row(["(elsewhere)", elsewhereMs, "", ""], "another system's own figure, on its own machine; not measured here"),
    `${cpus().length} processors, load ${(loadavg()[0] ?? 0).toFixed(1)}, Node ${process.versions.node}`,
  ].join("\n");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "60" },
      only: { type: "string", default: Object.keys(issuerWorlds).join() },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const runs = Number(values.runs);
  if (!Number.isSafeInteger(runs) || runs < 1) throw new Error("--runs: needed a whole number from 1");
  const kinds = values.only.split(",");
  const unknown = kinds.find((kind) => issuerWorlds[kind] === undefined);
  if (unknown !== undefined) throw new Error(`--only: needed some of ${Object.keys(issuerWorlds).join()}`);
  const { name: scratch } = tmp.dirSync({ prefix: "mayfly-bench-", mode: 0o711, keep: true });
  const say = (text: string) => void process.stderr.write(`bench: ${text}\n`);
  const bench = { quick: false, chance: makeChance(1), scratch, say };
  const figures: Record<string, Figure> = {};
  process.once("SIGINT", () => {
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    for (const kind of kinds) {
      const open = issuerWorlds[kind];
      if (open === undefined) continue;
      const { checks, found } = await measureRevoke(bench, open, runs);
      figures[kind] = { ...spreadOf(found), checks };
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  process.stdout.write(`${tableOf(figures, runs)}\n`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ runs, figures }, null, 2)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
