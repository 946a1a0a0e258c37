// RES-27, in small: some hundred and fifty hostile runs of every kind beside a good one. What is asserted doesn't depend
// on the machine's speed: delays and gaps are `npm run hostile`'s to judge. To see one again: HOSTILE_SEED=<seed>.
import t from "tap";
import type { RunRecord } from "../../runtime/model/run.ts";
import { compareGaps } from "../support/gaps.ts";
import { asking } from "./asking.ts";
import { hostileCampaign } from "./campaign.ts";
import { computing } from "./computing.ts";
import { impostors } from "./impostors.ts";
import { bounds, delaysOf, failuresOf, untruths } from "./judge.ts";

const seed = Number(process.env.HOSTILE_SEED ?? 1 + (Date.now() % 1_000_000));
const kinds = [...computing, ...asking, ...impostors];
t.test(
  "[RES-27] hostile runs of every kind leave nothing, tell the truth, and don't keep a good one from running",
  async (t) => {
    t.comment(`seed ${seed}`);
    t.ok(kinds.length >= 30, `${kinds.length} kinds`);
    t.equal(new Set(kinds.map(({ name }) => name)).size, kinds.length, "each with a name of its own");
    const runs = 150;
    const found = await hostileCampaign({ runs, seed, atOnce: 24 });
    const { neighbour, heartbeat, ...rest } = found;
    t.comment(`neighbour ${JSON.stringify(neighbour)}, heartbeat ${JSON.stringify(heartbeat)}, ${found.tookMs} ms`);
    t.match(rest, { runs, violations: [], residue: [] });
    t.equal(Object.keys(found.endings).length, kinds.length, "every kind was tried");
    t.ok(neighbour.count > 0, "and the good job ran beside them");
  },
);

t.test("the twin: what is left behind is found, each sort of it", async (t) => {
  const found = await hostileCampaign({ runs: 2, seed, atOnce: 1, only: ["never-settles"], leaks: true });
  const left = found.residue.join("\n");
  for (const each of [
    /process \d+ cat/,
    /descriptor \d+ → .*leaked/,
    /temporary leaked/,
    /credential of run_leaked is good/,
  ])
    t.match(left, each);
  t.ok(failuresOf(found).length >= found.residue.length, "and the campaign fails for it");
});

t.test("the twin: a supervisor that ends by itself is no campaign that went well", async (t) => {
  await t.rejects(hostileCampaign({ runs: 2, seed, atOnce: 1, only: ["no-such-kind"] }), /ended by itself/);
});

const record = {
  id: "run_1",
  state: "limit",
  error: { code: "timeout", message: "" },
  teardown: { isolate: "confirmed", process: "confirmed", directory: "confirmed", sockets: "confirmed", lease: "none" },
  lease: null,
  startedAt: "2026-11-23T00:00:00.000Z",
  layers: [{ name: "process", armed: true, detail: "" }],
  usage: { wallMs: 100 },
  limits: { wallMs: 100 },
} as unknown as RunRecord;

t.test("the twin: records that aren't true, or leave something open", async (t) => {
  const kind = { name: "x", endsBy: ["cpu"] };
  const of = (change: object) => untruths({ ...record, ...change } as RunRecord, kind, 1);
  t.same(of({}), [], "a deadline that has really passed is always a truth");
  t.match(of({ usage: { wallMs: 50 } }), [/ended by timeout after 50 ms/]);
  t.match(of({ error: { code: "internal", message: "" } }), [/ended by internal/]);
  t.match(of({ state: "succeeded", error: null }), [/ended by ok/]);
  t.match(of({ teardown: { ...record.teardown, process: "unconfirmed" } }), [/process is unconfirmed/]);
  t.match(of({ lease: { state: "issued" } }), [/lease is issued/]);
  t.match(of({ layers: [] }), [/a wall was missing/]);
});

t.test("the twin: a neighbour that waited, a stalled heartbeat, memory that grows", async (t) => {
  const calm = { longestMs: 0, cpuMs: 0, queuedMs: 0, gcMs: 0, machineMs: 0, ownMs: 0 };
  const fine = {
    seed: 1,
    runs: 1,
    tookMs: 1,
    endings: {},
    violations: [],
    violationsCount: 0,
    neighbour: delaysOf([1, 2, 3]),
    rss: { firstBytes: 1, settledBytes: 1, lastBytes: 1 },
    residue: [],
    heartbeat: calm,
  };
  t.same(failuresOf(fine), []);
  t.match(failuresOf({ ...fine, neighbour: delaysOf([1, bounds.neighbourDelayMs + 1]) }), [/neighbour's start/]);
  t.match(failuresOf({ ...fine, heartbeat: { ...calm, ownMs: bounds.heartbeatMs + 1 } }), [/heartbeat/]);
  t.match(failuresOf({ ...fine, rss: { firstBytes: 0, settledBytes: 0, lastBytes: bounds.rssGrowthBytes + 1 } }), [
    /grew by/,
  ]);
  const gap = (at: number, ms: number) => ({ at, ms, cpuMs: 0, queuedMs: 5, gcMs: 0 });
  t.match(compareGaps([gap(1_000, 300)], []), { longestMs: 300, ownMs: 300, queuedMs: 5, gcMs: 0 });
  t.match(compareGaps([gap(1_000, 300)], [gap(900, 250)]), { machineMs: 250, ownMs: 50 }, "the machine stood still");
  t.match(compareGaps([gap(1_000, 300)], [gap(2_000, 250)]), { ownMs: 300 }, "but not at that time");
});
