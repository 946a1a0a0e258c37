// Recovery when clocks jump, when a process looks dead to itself, and when issuers' lists and the ledger disagree: what the
// simulation (test/sim) has found, each told by itself.
import t from "tap";
import { issuerTimeoutMs } from "../../../runtime/core/leases/ask.ts";
import { makeReaper, type ReaperParts, recoveryWaitMs, sweepEveryMs } from "../../../runtime/core/leases/reaper.ts";
import { IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import {
  held,
  leaseOf,
  leaveLease,
  leftOpen,
  makeWorld,
  never,
  newRunId,
  owner,
  rowOf,
  settle,
  type World,
} from "./world.ts";

function reaperOf(world: World, changes: Partial<ReaperParts> = {}) {
  const { store, clock, revoker, issuer, told } = world;
  return makeReaper({
    ...{ store, clock, revoker, owner: "me", issuer: async () => issuer, issuerNames: ["partner"] },
    trees: { open: () => Promise.reject(new Error("none")), sweep: async () => true, leftBehind: async () => [] },
    identity: { active: () => [], end: async () => {} },
    killLeftBehind: async () => true,
    killOrphans: async () => 0,
    isAlive: () => true,
    holds: () => false,
    adopt: () => "left",
    onClosed: () => undefined,
    onAlert: (message) => told.push(message),
    ...changes,
  });
}

t.test(
  "[CRED-32] a credential on its issuer's list is ended although its lease was proven dead at a time that is yet to come",
  async (t) => {
    const world = makeWorld();
    const { clock, store, issuer } = world;
    const runId = newRunId();
    const revokedAt = clock.nowMs() + 3 * 3_600_000; // by a clock that has been set back since
    await store.commit([
      { put: "lease", lease: { ...leaseOf(runId, "revoked"), revokedAt, proof: "resource: refused" } },
    ]);
    issuer.live.set(runId, "made after the proof");
    await reaperOf(world).recover();
    t.equal(issuer.live.size, 0);
    t.match(store.lease(runId), { state: "revoked", revokedAt: clock.nowMs() });
  },
);

t.test(
  "[CRASH-17] an issuer that hangs while a start recovers: it goes on after five seconds, and the lease is ended later",
  async (t) => {
    const world = makeWorld();
    const { clock, issuer, store } = world;
    await world.store.register(owner("me"), () => false);
    const lease = await leaveLease(world);
    await store.commit([{ put: "run", row: rowOf(lease.runId, "dead", "running") }]);
    issuer.onRevoke = () => never();
    let recovered: unknown;
    const recovering = reaperOf(world)
      .recover()
      .then((found) => {
        recovered = found;
      });
    await clock.advance(recoveryWaitMs - 1);
    t.equal(recovered, undefined);
    await clock.advance(1);
    t.match(recovered, { runs: 1 });
    await recovering;
    t.match(store.run(lease.runId), { record: { state: "lost", teardown: { lease: "unconfirmed" } } });
    issuer.onRevoke = (usual) => usual();
    await clock.advance(issuerTimeoutMs);
    t.match(store.run(lease.runId), { tornDown: true, record: { teardown: { lease: "confirmed" } } });
  },
);

t.test("what is proven dead while the list is on its way isn't ended once more", async (t) => {
  const world = makeWorld();
  const lease = await leaveLease(world);
  const answer = held<void>();
  world.issuer.onSweep = async (usual) => {
    const there = await usual();
    await answer.promise;
    return there;
  };
  const recovering = reaperOf(world).recover();
  await settle();
  t.match(world.store.lease(lease.runId), { state: "revoked" });
  answer.resolve();
  await recovering;
  t.same(world.events(lease.runId), ["revoking", "revoked"]);
});

t.test("lists are asked for again and again, and one that can't be had is told of once", async (t) => {
  const world = makeWorld();
  const { clock, issuer, told } = world;
  const reaper = reaperOf(world);
  await reaper.recover();
  issuer.onSweep = async () => {
    throw new IssuerFailure("issuer_unavailable", "connection refused");
  };
  for (let minute = 0; minute < 5; minute += 1) {
    await clock.advance(sweepEveryMs);
    await reaper.tick();
  }
  t.equal(issuer.asked.filter((what) => what === "sweep").length, 6);
  t.equal(told.length, 1);
  issuer.onSweep = (usual) => usual();
  const runId = newRunId();
  issuer.live.set(runId, "nobody's");
  await clock.advance(sweepEveryMs);
  await reaper.tick();
  t.equal(issuer.live.size, 0);
});

t.test("a process that can't see itself among the living doesn't fence itself off, nor forget itself", async (t) => {
  const world = makeWorld();
  await world.store.register(owner("me"), () => false);
  const reaper = reaperOf(world, { isAlive: () => false });
  await reaper.recover();
  await reaper.tick();
  world.store.fence();
  t.match(world.store.owners(), [{ id: "me", fence: 1 }]);
});

t.test("a dead owner is fenced off before anything of it is touched", async (t) => {
  const world = makeWorld();
  await world.store.register(owner("dead"), () => false);
  await world.store.register(owner("me"), () => false);
  const fenced: (number | undefined)[] = [];
  await leaveLease(world);
  world.issuer.onRevoke = (usual) => {
    fenced.push(world.store.owners().find(({ id }) => id === "dead")?.fence);
    return usual();
  };
  await reaperOf(world, { isAlive: ({ id }) => id !== "dead" }).recover();
  t.same(fenced, [0]);
});

t.test("a ledger that is closed while a second look is under way takes nobody down", async (t) => {
  const world = makeWorld();
  const { clock, store, issuer, revoker } = world;
  const lease = await leaveLease(world, { state: "intended", issuedAt: null });
  t.match(await revoker.end(lease, leftOpen), { state: "revoked" });
  issuer.live.set(lease.runId, "late");
  const answer = held<void>();
  issuer.onProve = async (usual) => {
    await answer.promise;
    return usual();
  };
  await clock.advance(issuerTimeoutMs);
  await store.close();
  const unhandled: unknown[] = [];
  const onRejection = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", onRejection);
  t.teardown(() => process.off("unhandledRejection", onRejection));
  answer.resolve();
  await settle();
  t.same(unhandled, []);
});
