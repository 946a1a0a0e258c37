// The benchmark: what Mayfly costs beside the other ways to run a job on this machine, measured side by side in one
// process run. Each part is a file in bench/; the figures become words in bench/report.ts. It fails on no figure: a busy
// machine is no defect. It ends with an error only when something could not be measured at all.
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import tmp from "tmp";
import { MayflyError } from "../runtime/model/error.ts";
import type { Layer } from "../runtime/model/run.ts";
import { openJwtWorld } from "../test/worlds/jwt.ts";
import { openPostgresWorld } from "../test/worlds/postgres.ts";
import { measureEgress } from "./bench/egress.ts";
import { measureFirstUse } from "./bench/first-use.ts";
import { measureLayers } from "./bench/layers.ts";
import { measureMemory } from "./bench/memory.ts";
import { measurePeers } from "./bench/peers.ts";
import { measureRates } from "./bench/rate.ts";
import { type Findings, keysOf, machineLine, machineOf, rowsOf, tableOf } from "./bench/report.ts";
import { measureRevoke } from "./bench/revoke.ts";
import { makeChance } from "./bench/stats.ts";
import { measureWarmStart } from "./bench/warm-start.ts";
import { type Bench, openBenchRuntime } from "./bench/world.ts";

const help = `What Mayfly costs, beside other ways to run a job on this machine.

  npm run bench -- [--json <file>] [--quick] [--only a,b,c,d,e,f,g,h] [--seed <number>]

  a  warm start to result, beside a raw isolate, a fork, a worker
  b  jobs a second, beside executors that are only spawned and bare Node processes; with reuse, beside raw isolates
  c  end of a run to the first refusal of its credential: JWT, PostgreSQL
  d  memory: a warm executor, an idle supervisor; 1, 10 and 100 runs at once
  e  what egress adds to a request, and to the memory of a large body
  f  what each layer around an executor adds to its start
  g  warm start to result, and runs a second, beside workerd, Deno, secure-exec and quickjs-emscripten, with what each
     isolates by; and under moderate load
  h  the first use of each big global in a fresh run
  --json   also writes one object, with all figures
  --quick  a few of each: a try-out, not a measurement
  --seed   of the order in which the kinds take turns (default 1)

PostgreSQL is started for it; \`npm run bench:revoke\` has all issuers. The peers come from npm by the lockfile in
scripts/bench/peers, without their install scripts, once (some 350 MB), and are kept in ~/.cache/mayfly-packages, or below
XDG_CACHE_HOME. Takes about eight minutes; leave the machine alone meanwhile.
`;

const parts = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;
type Part = (typeof parts)[number];

/** Measures the parts one after another. */
export async function measure(bench: Bench, only: readonly Part[]): Promise<Findings> {
  const findings: Findings = {};
  if (only.includes("a")) findings.warmStart = await measureWarmStart(bench);
  if (only.includes("b")) findings.rates = await measureRates(bench);
  if (only.includes("c")) {
    findings.revokeJwt = (await measureRevoke(bench, openJwtWorld, bench.quick ? 3 : 100)).found;
    findings.revokePostgres = (await measureRevoke(bench, openPostgresWorld, bench.quick ? 2 : 60)).found;
  }
  if (only.includes("d")) findings.memory = await measureMemory(bench);
  if (only.includes("e")) findings.egress = await measureEgress(bench);
  if (only.includes("f")) findings.layers = await measureLayers(bench);
  if (only.includes("g")) findings.peers = await measurePeers(bench);
  if (only.includes("h")) findings.firstUse = await measureFirstUse(bench);
  return findings;
}

async function layersOf(bench: Bench): Promise<readonly Layer[]> {
  const ours = await openBenchRuntime(bench, "layers", { jobs: { trivial: { entry: "./jobs/trivial.ts" } } });
  await ours.warmed(); // a layer that turns out not to work is known by then
  const layers = ours.runtime.pool.layers();
  await ours.close();
  return layers;
}

interface Options {
  json: string | undefined;
  quick: boolean;
  only: Part[];
  seed: number;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      quick: { type: "boolean", default: false },
      only: { type: "string", default: parts.join() },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const only = values.only.split(",").map((word) => parts.find((part) => part === word));
  if (only.includes(undefined)) throw new Error(`--only: needed letters of ${parts.join()} with commas between`);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error("--seed: needed a whole number");
  return { json: values.json, quick: values.quick, only: only as Part[], seed };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return void process.stdout.write(help);
  const { name: scratch } = tmp.dirSync({ prefix: "mayfly-bench-", mode: 0o711, keep: true }); // PostgreSQL's user passes
  const remove = () => rmSync(scratch, { recursive: true, force: true });
  process.once("SIGINT", () => {
    remove();
    process.exit(130);
  });
  const say = (text: string) => void process.stderr.write(`bench: ${text}\n`);
  const bench: Bench = { quick: options.quick, chance: makeChance(options.seed), scratch, say };
  try {
    const loadBefore = loadavg()[0] ?? 0;
    const layers = await layersOf(bench);
    const findings = await measure(bench, options.only);
    const machine = machineOf(layers, loadBefore);
    const rows = rowsOf(findings);
    process.stdout.write(`${tableOf(rows)}\n\n${machineLine(machine)}\n`);
    if (options.json === undefined) return;
    const found = { ...keysOf(findings), machine, seed: options.seed, quick: options.quick, rows };
    await writeFile(options.json, `${JSON.stringify(found, null, 2)}\n`);
  } finally {
    remove();
  }
}

function describe(error: unknown): string {
  if (error instanceof MayflyError) return error.describe();
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`bench: ${describe(error)}\n`);
    process.exitCode = 2;
  });
}
