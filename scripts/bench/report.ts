// The benchmark's findings as a table for people and as one object for programs. Aims are shown beside what was found;
// none of them fails anything.
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import type { Layer } from "../../runtime/model/run.ts";
import type { Egress } from "./egress.ts";
import type { FirstUse } from "./first-use.ts";
import type { Layers } from "./layers.ts";
import type { Crowd, Memory } from "./memory.ts";
import type { Peers } from "./peers.ts";
import type { RateKind, Rates } from "./rate.ts";
import { peerKeys, peerRows } from "./report-peers.ts";
import { type Spread, spreadOf } from "./stats.ts";
import type { WarmStart } from "./warm-start.ts";

/** Of the parts that were measured. */
export interface Findings {
  warmStart?: WarmStart;
  rates?: Rates;
  revokeJwt?: number[];
  revokePostgres?: number[];
  memory?: Memory;
  egress?: Egress;
  layers?: Layers;
  peers?: Peers;
  firstUse?: FirstUse;
}

export interface Row {
  name: string;
  unit: "ms" | "/s" | "MiB";
  spread: Spread;
  /** What keeps this kind of job apart from others, and from its host. */
  isolation?: string;
  /** Ratio to what it stands beside, and the aim. */
  beside?: string;
}

const MiB = 1_048_576;

/** The keys that other programs rely on; null for what was not measured. */
export function keysOf(findings: Findings) {
  const { warmStart, rates, revokeJwt, revokePostgres, memory, egress, layers, peers, firstUse } = findings;
  const ours = warmStart && spreadOf(warmStart.ours);
  const jwt = revokeJwt && spreadOf(revokeJwt);
  const postgres = revokePostgres && spreadOf(revokePostgres);
  const privateBytes = memory?.executors.map((each) => each.privateBytes).filter((bytes) => bytes !== null) ?? [];
  return {
    warm_start_p50_ms: ours?.p50 ?? null,
    warm_start_p99_ms: ours?.p99 ?? null,
    warm_start_p50_vs_isolate: warmStart === undefined ? null : p50(warmStart.ours) / p50(warmStart.rivals.isolate),
    warm_start_p50_vs_fork: warmStart === undefined ? null : p50(warmStart.rivals.fork) / p50(warmStart.ours),
    warm_start_p50_vs_worker: warmStart === undefined ? null : p50(warmStart.rivals.worker) / p50(warmStart.ours),
    single_use_rate_per_s: rates === undefined ? null : p50(rates.perSecond["jobs n"]),
    single_use_rate_vs_spawn: rates === undefined ? null : rateRatio(rates, "jobs n", "spawns n"),
    single_use_rate_vs_spawn_sequential: rates === undefined ? null : rateRatio(rates, "jobs 1", "spawns 1"),
    single_use_rate_vs_unwalled: rates === undefined ? null : rateRatio(rates, "jobs n", "unwalled n"),
    single_use_vs_bare_node: rates === undefined ? null : rateRatio(rates, "jobs n", "node n"),
    reuse_rate_per_s: rates === undefined ? null : p50(rates.perSecond["reused n"]),
    reuse_rate_vs_isolate: rates === undefined ? null : rateRatio(rates, "reused n", "isolate 1"),
    revoke_p50_ms_jwt: jwt?.p50 ?? null,
    revoke_p99_ms_jwt: jwt?.p99 ?? null,
    revoke_p50_ms_postgres: postgres?.p50 ?? null,
    revoke_p99_ms_postgres: postgres?.p99 ?? null,
    executor_rss_bytes: memory === undefined ? null : p50(memory.executors.map((each) => each.rssBytes)),
    executor_private_bytes: privateBytes.length === 0 ? null : p50(privateBytes),
    supervisor_rss_bytes: memory?.supervisor.rssBytes ?? null,
    layers_ready_p50_ms:
      layers === undefined ? null : layers.stacks.map(({ name, readyMs }) => ({ name, ms: p50(readyMs) })),
    egress_added_p50_ms: egress === undefined ? null : p50(egress.ours) - p50(egress.undici),
    egress_stream_down_rss_growth_bytes: egress?.streams.down.answer.rssGrowthBytes ?? null,
    egress_stream_up_rss_growth_bytes: egress?.streams.up.answer.rssGrowthBytes ?? null,
    supervisor_private_bytes: memory?.supervisor.privateBytes ?? null,
    runs_at_once_bytes: memory === undefined ? null : byNumber(memory.crowds, totalOf),
    bytes_per_run_at_once: memory === undefined ? null : byNumber(memory.crowds, perRunOf),
    first_use_p50_ms:
      firstUse === undefined ? null : Object.fromEntries([...firstUse].map(([use, { first }]) => [use, p50(first)])),
    ...peerKeys(peers),
  };
}

export function rowsOf(findings: Findings): Row[] {
  const { warmStart, rates, revokeJwt, revokePostgres, memory, egress, layers, peers, firstUse } = findings;
  const rows: Row[] = [];
  if (warmStart !== undefined) rows.push(...warmStartRows(warmStart));
  if (rates !== undefined) rows.push(...rateRows(rates));
  const revoke = (name: string, values: number[], aimMs: number) =>
    rows.push({ name, unit: "ms", spread: spreadOf(values), beside: `aim: p99 below ${aimMs} ms` });
  if (revokeJwt !== undefined) revoke("(c) run end → first 401, JWT", revokeJwt, 10);
  if (revokePostgres !== undefined) revoke("(c) run end → login and query refused, PostgreSQL", revokePostgres, 100);
  if (memory !== undefined) rows.push(...memoryRows(memory));
  if (egress !== undefined) rows.push(...egressRows(egress));
  if (layers !== undefined) rows.push(...layerRows(layers));
  if (peers !== undefined) rows.push(...peerRows(peers));
  if (firstUse !== undefined) rows.push(...firstUseRows(firstUse));
  return rows;
}

function warmStartRows({ ours, rivals, steps }: WarmStart): Row[] {
  const row = (name: string, values: number[], beside?: string): Row => ({
    name,
    unit: "ms",
    spread: spreadOf(values),
    ...(beside === undefined ? {} : { beside }),
  });
  const times = (p50(ours) / p50(rivals.isolate)).toFixed(2);
  const faster = (of: number[]) => `ours is ${(p50(of) / p50(ours)).toFixed(1)} times faster`;
  return [
    row("(a) warm start → result", ours, `${times} × raw isolate (aim: at most 2)`),
    row("    raw isolated-vm, in process", rivals.isolate),
    row("    child_process.fork", rivals.fork, `${faster(rivals.fork)} (aim: at least 10)`),
    row("    worker_threads.Worker", rivals.worker, faster(rivals.worker)),
    ...Object.entries(steps).map(([name, values]) => row(`    · ${name}`, values)),
  ];
}

function rateRows(rates: Rates): Row[] {
  const { concurrency, perSecond } = rates;
  const row = (name: string, values: number[], beside?: string): Row => ({
    name,
    unit: "/s",
    spread: spreadOf(values),
    ...(beside === undefined ? {} : { beside }),
  });
  const ratio = (ours: RateKind, theirs: RateKind, words: string) =>
    `${rateRatio(rates, ours, theirs).toFixed(2)} × ${words}`;
  const spawns = ratio("jobs n", "spawns n", "spawns (aim: at least 0.8)");
  return [
    row("(b) jobs, one after another", perSecond["jobs 1"], ratio("jobs 1", "spawns 1", "spawns")),
    row("    executors spawned to ready, killed", perSecond["spawns 1"]),
    row("    Node, addon, isolate; no layers", perSecond["unwalled 1"]),
    row("    bare Node, spawned to its first byte, killed", perSecond["node 1"]),
    row(
      `    jobs, ${concurrency} at once`,
      perSecond["jobs n"],
      `${spawns}; ${ratio("jobs n", "node n", "bare Node (aim: at least 0.9)")}`,
    ),
    row(`    executors spawned, ${concurrency} at once`, perSecond["spawns n"]),
    row(`    Node, addon, isolate, ${concurrency} at once`, perSecond["unwalled n"]),
    row(`    bare Node, ${concurrency} at once`, perSecond["node n"]),
    row(
      "    jobs with reuse, one after another",
      perSecond["reused 1"],
      ratio("reused 1", "isolate 1", "raw isolates"),
    ),
    row(
      `    jobs with reuse, ${concurrency} at once`,
      perSecond["reused n"],
      ratio("reused n", "isolate 1", "raw isolates (aim: at least 0.7)"),
    ),
    row("    raw isolates in process, one after another", perSecond["isolate 1"]),
  ];
}

function memoryRows({ runs, supervisor, executors, crowds }: Memory): Row[] {
  const row = (name: string, bytes: number[], privateBytes: (number | null)[]): Row => {
    const known = privateBytes.filter((each) => each !== null).map((each) => each / MiB);
    const beside = known.length === 0 ? "private: can't be read" : `private: ${p50(known).toFixed(1)} MiB`;
    return { name, unit: "MiB", spread: spreadOf(bytes.map((each) => each / MiB)), beside };
  };
  return [
    row(`(d) supervisor, idle after ${runs} runs`, [supervisor.rssBytes], [supervisor.privateBytes]),
    row(
      "    warm executor",
      executors.map((each) => each.rssBytes),
      executors.map((each) => each.privateBytes),
    ),
    ...crowds.map((crowd) => crowdRow(crowd)),
  ];
}

function crowdRow(crowd: Crowd): Row {
  const { atOnce, supervisorRssBytes, executorsBytes, isExact } = crowd;
  const mib = (bytes: number) => (bytes / MiB).toFixed(1);
  const parts = `supervisor ${mib(supervisorRssBytes)}, executors ${mib(executorsBytes)}${isExact ? "" : " at most"}`;
  return {
    name: `    in all, ${atOnce} ${atOnce === 1 ? "run" : "runs at once"}`,
    unit: "MiB",
    spread: spreadOf([totalOf(crowd) / MiB]),
    beside: `${parts}; ${mib(perRunOf(crowd))} MiB a run over the idle supervisor`,
  };
}

const totalOf = ({ supervisorRssBytes, executorsBytes }: Crowd): number => supervisorRssBytes + executorsBytes;
const perRunOf = (crowd: Crowd): number => (totalOf(crowd) - crowd.idleRssBytes) / crowd.atOnce;
const byNumber = (crowds: readonly Crowd[], figure: (crowd: Crowd) => number): Record<string, number> =>
  Object.fromEntries(crowds.map((crowd) => [crowd.atOnce, figure(crowd)]));

function egressRows({ undici, ours, streams }: Egress): Row[] {
  const added = (p50(ours) - p50(undici)).toFixed(2);
  const stream = (name: string, { bytes, answer }: Egress["streams"]["down"], aim: string): Row => {
    const { ms, rssGrowthBytes, executorBytes } = answer;
    const speed = (bytes / MiB / (ms / 1_000)).toFixed(0);
    const beside = `${bytes / MiB} MiB at ${speed} MiB/s; executor at most ${(executorBytes / MiB).toFixed(0)} MiB${aim}`;
    return { name, unit: "MiB", spread: spreadOf([rssGrowthBytes / MiB]), beside };
  };
  return [
    {
      name: "(e) a request, job → egress → loopback",
      unit: "ms",
      spread: spreadOf(ours),
      beside: `adds ${added} ms at p50 (aim: at most 2)`,
    },
    { name: "    plain undici, same process", unit: "ms", spread: spreadOf(undici) },
    stream("    supervisor's growth, response streamed", streams.down, " (aim: below 64)"),
    stream("    supervisor's growth, request streamed", streams.up, ""),
  ];
}

function layerRows({ stacks }: Layers): Row[] {
  return stacks.map(({ name, readyMs }, index) => {
    const before = stacks[index - 1];
    const beside = before === undefined ? "" : `adds ${(p50(readyMs) - p50(before.readyMs)).toFixed(1)} ms at p50`;
    return { name: `${index === 0 ? "(f)" : "   "} ready: ${name}`, unit: "ms", spread: spreadOf(readyMs), beside };
  });
}

function firstUseRows(firstUse: FirstUse): Row[] {
  return [...firstUse].map(([use, { first, second }], index) => ({
    name: `${index === 0 ? "(h)" : "   "} first use: ${use}`,
    unit: "ms",
    spread: spreadOf(first),
    beside: `second use: ${p50(second).toFixed(2)} ms`,
  }));
}

const p50 = (values: readonly number[]): number => spreadOf(values).p50;

/** Of the slices of each round, which lie side by side; then the middle one. */
function rateRatio({ perSecond }: Rates, ours: keyof Rates["perSecond"], theirs: keyof Rates["perSecond"]): number {
  return p50(perSecond[ours].map((rate, round) => rate / (perSecond[theirs][round] ?? Number.NaN)));
}

export function tableOf(rows: readonly Row[]): string {
  const figure = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)).padStart(8);
  const heads = ["min", "p50", "p90", "p99", "max"].map((head) => head.padStart(8)).join("");
  const lines = rows.map(({ name, unit, spread, isolation, beside }) => {
    const figures = [spread.min, spread.p50, spread.p90, spread.p99, spread.max].map(figure).join("");
    const words = [beside, isolation && `[${isolation}]`].filter((each) => each !== undefined).join("  ");
    return `${name.padEnd(60)}${unit.padEnd(4)}${String(spread.n).padStart(4)}${figures}  ${words}`.trimEnd();
  });
  return [`${"".padEnd(60)}${"".padEnd(4)}${"n".padStart(4)}${heads}`, ...lines].join("\n");
}

/** The machine, and what else it had to do. */
export function machineOf(layers: readonly Layer[], loadBefore: number) {
  const armed = layers.filter((layer) => layer.armed).map((layer) => layer.name);
  const absent = layers.filter((layer) => !layer.armed).map((layer) => layer.name);
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    node: process.versions.node,
    v8: process.versions.v8,
    armed,
    absent,
    load: { before: loadBefore, after: loadavg()[0] ?? 0 },
  };
}

export function machineLine({ cpu, cores, kernel, node, armed, absent, load }: ReturnType<typeof machineOf>): string {
  const missing = absent.length === 0 ? "none absent" : `absent: ${absent.join(", ")}`;
  const loads = `load ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after`;
  return `${cores} cores, ${cpu}, Linux ${kernel}; Node ${node} (supervisor, executors, rivals); layers ${armed.join(", ")}; ${missing}; ${loads}`;
}
