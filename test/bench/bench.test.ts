// The benchmark, as a short try-out: that it measures all it promises. How fast anything is, no test says.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { globalsUsed } from "../../scripts/bench/first-use.ts";
import { peers } from "../../scripts/bench/peers/install.ts";
import type { PeerKind, Peers } from "../../scripts/bench/peers.ts";
import { memoryOf, processesBelow } from "../../scripts/bench/proc.ts";
import { keysOf, rowsOf, tableOf } from "../../scripts/bench/report.ts";
import { peerRivals, plainRivals, rivalWords, startRivals } from "../../scripts/bench/rivals.ts";
import { makeChance, shuffled, spreadOf } from "../../scripts/bench/stats.ts";

const root = dirname(dirname(import.meta.dirname));
const run = promisify(execFile);

const keys = [
  "warm_start_p50_ms",
  "warm_start_p99_ms",
  "warm_start_p50_vs_isolate",
  "warm_start_p50_vs_fork",
  "single_use_rate_vs_spawn",
  "revoke_p99_ms_jwt",
  "revoke_p99_ms_postgres",
  "executor_rss_bytes",
  "supervisor_rss_bytes",
  "egress_added_p50_ms",
  "single_use_vs_bare_node",
  "reuse_rate_vs_isolate",
  "moderate_load_p99_ms",
  "fastest_process_peer_vs_warm_start_p50",
  "reuse_rate_vs_best_peer",
];

/** Keys with a figure for each of several. */
const groups = {
  runs_at_once_bytes: ["1", "3"],
  bytes_per_run_at_once: ["1", "3"],
  first_use_p50_ms: globalsUsed,
  peers_p50_ms: ["ours", "reused", ...plainRivals],
  peers_p99_ms: ["ours", "reused", ...plainRivals],
  peers_rate_per_s: ["ours", "reused", ...plainRivals],
};

t.test("a key that other programs rely on is missing, or is no figure", async (t) => {
  const file = join(t.testdir(), "bench.json");
  const { stdout } = await run(process.execPath, [join(root, "scripts/bench.ts"), "--quick", "--json", file]);
  const found = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  for (const key of keys) t.ok((found[key] as number) > 0, key);
  for (const [key, names] of Object.entries(groups)) {
    const figures = found[key] as Record<string, number>;
    for (const name of names) t.ok(Number.isFinite(figures[name]), `${key}: ${name}`);
  }
  t.match(found, { quick: true, seed: 1, machine: { cores: Number, node: process.versions.node } });
  t.match(stdout, /warm start → result.*× raw isolate/);
  t.match(stdout, /result: child_process\.fork.*isolates by process.*\[process, with all/);
  t.match(stdout, /cores, .*layers .*load/, "the machine, in one line");
});

t.test("a part that was left out counts as measured", async (t) => {
  const found: Record<string, unknown> = keysOf({ revokeJwt: [3, 1, 2] });
  t.equal(found.revoke_p99_ms_jwt, 3);
  t.equal(found.warm_start_p50_ms, null);
  t.equal(rowsOf({ revokeJwt: [3, 1, 2] }).length, 1);
  t.match(tableOf(rowsOf({ revokeJwt: [3, 1, 2] })), /JWT +ms +3 +1\.00 +2\.00 +3\.00 +3\.00 +3\.00/);
});

t.test("an aim that was missed counts as met", async (t) => {
  const ms = new Map<PeerKind, number[]>([
    ["ours", [10]],
    ["reused", [4]],
    ["fork", [25]],
    ["deno run", [8]],
    ["workerd", [5]],
  ]);
  const rates: Peers["rates"] = new Map();
  for (const [kind, times] of ms) rates.set(kind, { lanes: 1, perSecond: times.map((each) => 1_000 / each) });
  const found: Peers = { layers: ["process"], ms, rates, load: { everyMs: 20, steadyMs: [5, 20], randomMs: [5, 30] } };
  const table = tableOf(rowsOf({ peers: found }));
  t.match(table, /result: child_process\.fork .*ours is 2\.5 times faster .*: met\)/);
  t.match(table, /result: deno run .*1\.3 times faster than ours .*: missed\)/);
  t.match(
    table,
    /result: workerd, worker loader .*2\.0 times faster than ours {2}\[V8 isolate/,
    "which shares a process",
  );
  t.match(table, /one each 20 ms .*\(aim: p99 below 20 ms: missed\)/);
  t.match(table, /peers with more \(aim: none\): none: met/);
  rates.set("workerd", { lanes: 4, perSecond: [260, 250, 240] });
  t.match(tableOf(rowsOf({ peers: found })), /peers with more \(aim: none\): workerd, worker loader/);
  t.match(keysOf({ peers: found }), { fastest_process_peer_vs_warm_start_p50: 0.8, reuse_rate_vs_best_peer: 1 });
});

const modules = peers.findInstalled();

t.test(
  "a peer is measured that runs nothing",
  { skip: modules === undefined && "the peers are not installed" },
  async (t) => {
    const host = startRivals({ scratch: t.testdir(), modules: modules ?? "" });
    for (const kind of peerRivals) t.ok((await host.ms(kind)) > 0, kind);
    await host.stop();
  },
);

t.test("a rival that can't be run counts as a fast one, or what it started is left", async (t) => {
  const host = startRivals({ scratch: t.testdir(), modules: join(root, "test/bench") });
  await t.rejects(host.ms("deno run"), { message: /^deno run: .*ENOENT/ });
  await t.rejects(host.ms("quickjs"), { message: /^quickjs: Cannot find module/ });
  t.ok((await host.perSecond("worker", 2, 1)) > 0, "the host goes on with the others");
  await host.stop();
  for (const kind of [...plainRivals, ...peerRivals])
    t.ok(rivalWords[kind].isolation, `what ${kind} isolates by is said`);
});

t.test("memory of processes that are somebody else's", async (t) => {
  const shell = spawn("/bin/sh", ["-c", "sleep 60 & echo $!; read _; kill $!; wait"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const pid = Number(await once(shell.stdout, "data"));
  t.same(processesBelow(shell.pid as number), [pid]);
  t.ok(processesBelow(process.pid).includes(pid));
  t.ok(memoryOf(pid).rssBytes > 0);
  shell.stdin.end("\n");
  await once(shell, "exit");
  t.same(memoryOf(pid), { rssBytes: 0, privateBytes: null, pssBytes: null }, "which is gone by now");
});

t.test("a wrong option is measured with, instead of being named", async (t) => {
  const refused = run(process.execPath, [join(root, "scripts/bench.ts"), "--only", "a,z"]);
  await t.rejects(refused, { code: 2, stderr: /--only: needed letters/ });
});

t.test("a percentile that nobody measured", async (t) => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  t.same(spreadOf(values), { n: 200, min: 1, p50: 100, p90: 180, p99: 198, max: 200 });
  t.same(spreadOf([7]), { n: 1, min: 7, p50: 7, p90: 7, p99: 7, max: 7 });
  t.throws(() => spreadOf([]), RangeError);
});

t.test("an order that can't be repeated, or that loses a kind", async (t) => {
  const items = ["a", "b", "c", "d"];
  const orders = (seed: number) => {
    const chance = makeChance(seed);
    return Array.from({ length: 20 }, () => shuffled(items, chance).join(""));
  };
  t.same(orders(7), orders(7));
  t.notSame(orders(7), orders(8));
  t.ok(new Set(orders(7)).size > 5, "which is mixed anew each time");
  for (const order of orders(7)) t.same([...order].sort(), items);
});
