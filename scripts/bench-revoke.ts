// How long a credential is taken after its run: for every kind of issuer, at a real server, side by side in one run.
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import tmp from "tmp";
import { issuerWorlds } from "../test/worlds/all.ts";
import { measureRevoke } from "./bench/revoke.ts";
import { makeChance, spreadOf } from "./bench/stats.ts";

const help = `From a run's end to the first refusal of its credential at the resource, for every kind of issuer.

  npm run bench:revoke -- [--runs 60] [--only jwt,postgres,…] [--json <file>]

A thief in another process has each credential from the moment it is issued, and tries it all the time; what the last try
took is in the figure. Leave the machine alone meanwhile.
`;

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
  const figures: Record<string, ReturnType<typeof spreadOf>> = {};
  process.once("SIGINT", () => {
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    for (const kind of kinds) {
      const open = issuerWorlds[kind];
      if (open !== undefined) figures[kind] = spreadOf(await measureRevoke(bench, open, runs));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const row = (cells: readonly (string | number)[]) => cells.map((cell) => String(cell).padStart(9)).join("");
  const lines = Object.entries(figures).map(([kind, { p50, p99, max }]) =>
    row([kind, p50.toFixed(1), p99.toFixed(1), max.toFixed(1)]),
  );
  process.stdout.write(`run end to the first refusal at the resource, ms, ${runs} runs each\n`);
  process.stdout.write(`${[row(["issuer", "p50", "p99", "max"]), ...lines].join("\n")}\n`);
  process.stdout.write(
    `${cpus().length} processors, load ${(loadavg()[0] ?? 0).toFixed(1)}, Node ${process.versions.node}\n`,
  );
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ runs, figures }, null, 2)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
