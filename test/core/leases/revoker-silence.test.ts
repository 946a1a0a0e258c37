// The end of many leases, and of those that don't end: who is asked when, what the operator hears, and what the ledger
// says of a lease past its expiry. Time moves only when told, and jitter is at its longest.
import t from "tap";
import { gatherMs } from "../../../runtime/core/leases/alarm.ts";
import { issuerTimeoutMs } from "../../../runtime/core/leases/ask.ts";
import { dailyMs, pauseMsMax } from "../../../runtime/core/leases/back-off.ts";
import { askedAtOnceMax } from "../../../runtime/core/leases/issuer-queue.ts";
import { patienceMs } from "../../../runtime/core/leases/revoker.ts";
import { deadByItselfAt, isIrrevocable, type Lease } from "../../../runtime/model/lease.ts";
import { IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import {
  countOf,
  down,
  leaseOf,
  leaveLease,
  leftOpen,
  makeWorld,
  never,
  newRunId,
  requestFor,
  restarted,
  scriptedIssuer,
  settle,
  type World,
} from "./world.ts";

// ─── Many, and a dead issuer ───────────────────────────────────────────────────────────────────────────────────────

t.test(
  "[CRED-23] ten thousand leases of a dead issuer: another's are not delayed, and nobody is flooded",
  async (t) => {
    const fine = scriptedIssuer();
    const world = makeWorld({ fine });
    const { clock, store, issuer, revoker } = world;
    const leases = Array.from({ length: 10_000 }, (): Lease => leaseOf(newRunId(), "issued"));
    for (let from = 0; from < leases.length; from += 1_000)
      await store.commit(leases.slice(from, from + 1_000).map((lease) => ({ put: "lease", lease })));
    let atOnce = 0;
    let atOnceMax = 0;
    issuer.onRevoke = async () => {
      atOnce += 1;
      atOnceMax = Math.max(atOnceMax, atOnce);
      await new Promise<void>((resolve) => clock.setTimer(3_000, resolve));
      atOnce -= 1;
      throw new IssuerFailure("issuer_unavailable", "timeout");
    };
    for (const lease of leases) void revoker.end(lease, leftOpen);
    const other = await leaveLease(world, { issuer: "fine" });
    t.match(await revoker.end(other, leftOpen), { state: "revoked" }, "with the dead issuer's in front of it");
    await clock.advance(600_000);
    t.equal(atOnceMax, askedAtOnceMax.background);
    const asked = countOf(issuer.asked, "revoke");
    t.ok(asked < 60, `${asked} questions in ten minutes, not ten thousand a minute`);
    const ending = revoker.end(leases.at(-1) as Lease, { ...leftOpen, urgency: "run" });
    await clock.advance(3_000);
    t.equal((await ending).attempts, 1, "a run's end goes ahead of all of them");
    const alerts = world.told.length;
    t.ok(alerts > 0 && alerts < 6, `${alerts} alerts for ten thousand leases`);
    t.match(world.told.join("\n"), /\d{4} leases at issuer partner .* and \d+ more/);

    issuer.onRevoke = (usual) => usual();
    await clock.advance(pauseMsMax + 3_000);
    t.same(store.openLeases(), [], "once it speaks, all of them go");
  },
);

t.test("places that runs' ends need are left to them", async (t) => {
  const world = makeWorld();
  const { issuer, revoker } = world;
  issuer.onRevoke = () => never();
  const leases = await Promise.all(Array.from({ length: 40 }, () => leaveLease(world)));
  const begin = async (from: number, to: number, urgency: "background" | "operator" | "run") => {
    for (const lease of leases.slice(from, to)) void revoker.end(lease, { ...leftOpen, urgency });
    await settle();
    return countOf(issuer.asked, "revoke");
  };
  t.equal(await begin(0, 10, "background"), 8);
  t.equal(await begin(10, 20, "operator"), 12);
  t.equal(await begin(20, 30, "run"), 16);
});

t.test(
  "[CRASH-17] nobody but a run's end waits for an issuer that is silent: recovery and operators go on",
  async (t) => {
    const world = makeWorld();
    const { clock, issuer, revoker } = world;
    issuer.onRevoke = () => never();
    const leases = await Promise.all(Array.from({ length: 100 }, () => leaveLease(world)));
    const all = Promise.all(
      leases.map((lease) => revoker.end(lease, { ...leftOpen, urgency: "operator", triesMax: 4 })),
    );
    await clock.advance(4 * issuerTimeoutMs + 1_000);
    const states = new Set((await all).map(({ state }) => state));
    t.notOk(states.has("revoked"));
    t.ok(countOf(issuer.asked, "revoke") < 100);
  },
);

// ─── Alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────

const alertsOf = ({ store }: World) =>
  store
    .auditEntries(1, 10_000)
    .map(({ event }) => event)
    .filter(({ type }) => type === "alert");

t.test("[CRED-21] an operator hears of it within a minute, once, and it is in the audit", async (t) => {
  t.ok(patienceMs + gatherMs.unconfirmed < 60_000, "however it falls");
  const world = makeWorld();
  const { clock, issuer, broker, told } = world;
  issuer.onRevoke = down;
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  const ending = broker.end(runId);
  await clock.advance(60_000);
  await ending;
  t.match(told, [/^a lease at issuer partner is not proven dead.*connection refused.*mayfly leases/]);
  t.match(alertsOf(world), [{ type: "alert", runId, code: "lease_unconfirmed", target: "partner" }]);
  await clock.advance(100_000);
  t.equal(told.length, 1, "and not again at every try");
});

t.test("a hiccup is no alert", async (t) => {
  const world = makeWorld();
  const lease = await leaveLease(world);
  world.issuer.onRevoke = down;
  void world.revoker.end(lease, leftOpen);
  await world.clock.advance(1_000);
  world.issuer.onRevoke = (usual) => usual();
  await world.clock.advance(120_000);
  t.same(world.told, []);
});

t.test("runs that end one after the other at a dead issuer: gathered, each within a minute", async (t) => {
  const world = makeWorld();
  const { clock, issuer, broker, told } = world;
  issuer.onRevoke = down;
  const runs = Array.from({ length: 20 }, () => newRunId());
  for (const runId of runs) {
    await broker.acquire(requestFor(runId, clock));
    void broker.end(runId);
    await clock.advance(1_000);
  }
  await clock.advance(gatherMs.unconfirmed);
  t.ok(told.length <= 4, `${told.length} lines for twenty leases`);
  t.match(told[0], /^a lease at/);
  const counted = told.map((line) => Number(/^(\d+) leases/.exec(line)?.[1] ?? 1));
  t.equal(
    counted.reduce((sum, count) => sum + count, 0),
    20,
  );
});

t.test("a process that ends says what it knows before it goes", async (t) => {
  const world = makeWorld();
  const { clock, issuer, broker, told } = world;
  issuer.onRevoke = down;
  for (const runId of [newRunId(), newRunId()]) {
    await broker.acquire(requestFor(runId, clock));
    const ending = broker.end(runId);
    await clock.advance(500);
    await ending;
  }
  t.equal(told.length, 1, "the second one is still being gathered");
  await world.revoker.close();
  t.equal(told.length, 2);
  t.equal(clock.waiting, 0, "and no timer keeps it");
});

// ─── Past its expiry ───────────────────────────────────────────────────────────────────────────────────────────────

t.test(
  "[CRED-21] [CRED-32] a lease that can't be ended is proven dead by its own expiry, the moment that this is sure",
  async (t) => {
    const world = makeWorld();
    const { clock, store, issuer } = world;
    const lease = await leaveLease(world);
    issuer.onRevoke = async () => {};
    issuer.onProve = async () =>
      clock.nowMs() < deadByItselfAt(lease) // its clock is five minutes behind ours
        ? { verdict: "alive", how: "resource: taken" }
        : { verdict: "dead", how: "resource: expired" };
    void world.revoker.end(lease, leftOpen);
    await clock.advance(deadByItselfAt(lease) - clock.nowMs() - 1);
    t.match(store.lease(lease.runId), { state: "unconfirmed" });
    await clock.advance(1);
    t.match(store.lease(lease.runId), {
      state: "revoked",
      proof: "resource: expired",
      revokedAt: deadByItselfAt(lease),
    });
    t.notOk(world.told.some((line) => line.includes("irrevocable")));
  },
);

t.test(
  "[CRED-24] alive past its expiry: irrevocable, said so once, tried daily, never dropped, and so after a restart",
  async (t) => {
    const world = makeWorld();
    const { clock, store, issuer, told } = world;
    const lease = await leaveLease(world);
    issuer.onRevoke = async () => {};
    void world.revoker.end(lease, leftOpen);
    await clock.advance(deadByItselfAt(lease) - clock.nowMs());
    const stuck = store.lease(lease.runId) as Lease;
    t.ok(isIrrevocable(stuck));
    t.match(stuck, { state: "unconfirmed", irrevocableSince: deadByItselfAt(lease), lastError: /still alive/ });
    t.match(told.at(-1), /irrevocable: expired, and still not proven dead/);
    await clock.advance(gatherMs.unconfirmed);
    t.match(alertsOf(world).at(-1), { code: "lease_irrevocable", runId: lease.runId });

    const tries = () => countOf(issuer.asked, "revoke");
    const atFirst = tries();
    await clock.advance(3_600_000);
    t.ok(tries() - atFirst > 3, "a passing failure is not paid for with a day");
    await clock.advance(3 * dailyMs);
    const before = tries();
    await clock.advance(3 * dailyMs);
    t.equal(tries() - before, 3, "in three days");
    t.equal(told.filter((line) => line.includes("irrevocable")).length, 1);
    await world.revoker.close();

    t.same(
      store.openLeases().map(({ runId }) => runId),
      [lease.runId],
      "what is open is what the next process finds",
    );
    const next = restarted(world, told);
    const [found] = store.openLeases();
    void next.revoker.end(found as Lease, { ...leftOpen, whenDue: true });
    await clock.advance(patienceMs);
    t.equal(told.filter((line) => line.includes("irrevocable")).length, 2, "a new process says it again");
    issuer.onRevoke = (usual) => usual();
    await clock.advance(dailyMs);
    t.match(store.lease(lease.runId), { state: "revoked" }, "the day that it goes, it is proven");
    await next.revoker.close();
  },
);
