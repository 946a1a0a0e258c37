// The benchmark, as a short try-out: that it measures all it promises. How fast anything is, no test says.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { keysOf, rowsOf, tableOf } from "../../scripts/bench/report.ts";
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
];

t.test("a key that other programs rely on is missing, or is no figure", async (t) => {
  const file = join(t.testdir(), "bench.json");
  const { stdout } = await run(process.execPath, [join(root, "scripts/bench.ts"), "--quick", "--json", file]);
  const found = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  for (const key of keys) t.ok((found[key] as number) > 0, key);
  t.match(found, { quick: true, seed: 1, machine: { cores: Number, node: process.versions.node } });
  t.match(stdout, /warm start → result.*× raw isolate/);
  t.match(stdout, /cores, .*layers .*load/, "the machine, in one line");
});

t.test("a part that was left out counts as measured", async (t) => {
  const found: Record<string, unknown> = keysOf({ revokeJwt: [3, 1, 2] });
  t.equal(found.revoke_p99_ms_jwt, 3);
  t.equal(found.warm_start_p50_ms, null);
  t.equal(rowsOf({ revokeJwt: [3, 1, 2] }).length, 1);
  t.match(tableOf(rowsOf({ revokeJwt: [3, 1, 2] })), /JWT +ms +3 +1\.00 +2\.00 +3\.00 +3\.00 +3\.00/);
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
