// What a dead supervisor left, in every state it can be left in, and what the next one makes of it: with a real ledger,
// real directories and real processes. The issuer follows a script, and time moves only when told.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { readStat } from "../../../runtime/adapters/system/proc.ts";
import { killLeftBehind } from "../../../runtime/adapters/system/process-identity.ts";
import { makeReaper, type ReaperParts } from "../../../runtime/core/leases/reaper.ts";
import { leaseIdOf, type RunId } from "../../../runtime/model/ids.ts";
import type { Lease, LeaseState } from "../../../runtime/model/lease.ts";
import type { RunRecord } from "../../../runtime/model/run.ts";
import { IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import type { RunRow } from "../../../runtime/ports/store.ts";
import { grant, held, makeWorld, never, newRunId, owner, rowOf, settle, type World } from "./world.ts";

/** The ledger of a dead `start` named "dead", and a reaper of a living one named "me". */
async function makeRemains(t: Test, changes: Partial<ReaperParts> = {}) {
  const world = makeWorld();
  const runs = join(t.testdir(), "runs");
  mkdirSync(runs);
  const adopted: RunId[] = [];
  const closed: RunRecord[] = [];
  const alerts: string[] = [];
  await world.store.register(owner("dead"), () => false);
  await world.store.register(owner("me"), () => false);
  await world.store.register(owner("sibling", "run"), () => true);
  const reaper = makeReaper({
    store: world.store,
    clock: world.clock,
    revoker: world.revoker,
    identity: { active: () => [], end: async () => {} },
    trees: makeFileTrees({ directory: runs }),
    killLeftBehind,
    killOrphans: async () => 0,
    isAlive: ({ id }) => id !== "dead",
    owner: "me",
    holds: () => false,
    issuerNames: ["partner"],
    issuer: async () => world.issuer,
    adopt: (row) => {
      adopted.push(row.record.id);
      return "taken";
    },
    onClosed: (record) => closed.push(record),
    onAlert: (message) => alerts.push(message),
    ...changes,
  });
  return { ...world, reaper, runs, adopted, closed, alerts };
}

/** A run that was going on, with its lease in that state; the credential is alive, as far as it can be. */
async function leave({ store, issuer, clock }: World, state: LeaseState, changes: Partial<RunRow> = {}) {
  const id = newRunId();
  const lease: Lease = {
    id: leaseIdOf(id),
    runId: id,
    job: "sync",
    issuer: "partner",
    state,
    scope: grant.scope,
    purpose: grant.purpose,
    delivery: "revealed",
    intendedAt: clock.nowMs(),
    issuedAt: state === "intended" ? null : clock.nowMs(),
    expiresAt: clock.nowMs() + 120_000,
    revokedAt: null,
    proof: null,
    attempts: 0,
    nextAttemptAt: null,
    lastError: null,
    handle: null,
  };
  if (state !== "revoked") issuer.live.set(id, "secret");
  await store.commit([
    { put: "run", row: rowOf(id, "dead", "running", changes) },
    { put: "lease", lease },
  ]);
  return id;
}

for (const state of ["intended", "issued", "revoking", "unconfirmed"] as const) {
  t.test(`a lease that was ${state} when its supervisor died would live on`, async (t) => {
    const remains = await makeRemains(t);
    const id = await leave(remains, state);
    t.equal(remains.issuer.live.size, 1, "and did, before the recovery");
    t.match(await remains.reaper.recover(), { runs: 1, unconfirmed: 0 });
    t.equal(remains.issuer.live.size, 0);
    t.match(remains.store.lease(id), { state: "revoked", proof: "resource: refused" });
    t.match(remains.store.run(id), {
      tornDown: true,
      input: null,
      record: { state: "lost", teardown: { lease: "confirmed" }, lease: { state: "revoked" }, error: { code: "lost" } },
    });
    t.same(
      remains.closed.map((record) => record.id),
      [id],
    );
  });
}

t.test("a lease that was revoked already is left alone", async (t) => {
  const remains = await makeRemains(t);
  await leave(remains, "revoked");
  await remains.reaper.recover();
  t.same(remains.issuer.asked, ["sweep"]);
});

t.test("a credential that no record names is found by the issuer's own list, ended and recorded", async (t) => {
  const { reaper, issuer, store } = await makeRemains(t);
  const id = newRunId();
  issuer.live.set(id, "secret");
  t.match(await reaper.recover(), { leases: 1 });
  t.equal(issuer.live.size, 0);
  t.match(store.lease(id), { state: "revoked", purpose: "found at the issuer without a record" });
});

t.test("the credential of a run that goes on in a living process is neither swept nor ended", async (t) => {
  const remains = await makeRemains(t, { holds: () => true });
  const mine = await leave(remains, "issued", { owner: "me" });
  const siblings = await leave(remains, "issued", { owner: "sibling" });
  mkdirSync(join(remains.runs, siblings));
  await remains.reaper.recover();
  t.equal(remains.issuer.live.size, 2);
  t.same(
    [mine, siblings].map((id) => remains.store.run(id)?.record.state),
    ["running", "running"],
  );
  t.ok(existsSync(join(remains.runs, siblings)));
});

t.test("a run of this process whose end could not be written is closed like an orphan's", async (t) => {
  const remains = await makeRemains(t, { holds: () => false });
  const id = await leave(remains, "issued", { owner: "me" });
  await remains.reaper.tick();
  t.match(remains.store.run(id), { tornDown: true, record: { state: "lost" } });
  t.equal(remains.issuer.live.size, 0);
});

t.test("[CRASH-14] directories of dead runs are removed, with a record and without", async (t) => {
  const { runs, reaper, store, issuer, ...rest } = await makeRemains(t);
  const recorded = await leave({ store, issuer, ...rest }, "revoked");
  const unrecorded = newRunId();
  for (const id of [recorded, unrecorded]) mkdirSync(join(runs, id, "tmp", "deep"), { recursive: true });
  mkdirSync(join(runs, "not-a-run"));
  t.match(await reaper.recover(), { directories: 1 });
  t.notOk(existsSync(join(runs, recorded)));
  t.notOk(existsSync(join(runs, unrecorded)));
  t.ok(existsSync(join(runs, "not-a-run")), "what isn't provably ours stays");
});

function sleeper(t: Test): { child: ChildProcess; pid: number; startTicks: number } {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  t.teardown(() => void child.kill("SIGKILL"));
  return { child, pid, startTicks: readStat(pid)?.startTicks ?? 0 };
}

t.test("an executor that outlived its supervisor is killed", async (t) => {
  const remains = await makeRemains(t);
  const { child, pid, startTicks } = sleeper(t);
  const exited = once(child, "exit");
  const id = await leave(remains, "revoked", { pid, startTicks });
  await remains.reaper.recover();
  t.same((await exited)[1], "SIGKILL");
  t.match(remains.store.run(id), { tornDown: true, record: { teardown: { process: "confirmed" } } });
});

t.test(
  "[CRASH-03] a stranger that got the executor's pid lives: the same pid with another start time is not ours",
  async (t) => {
    const remains = await makeRemains(t);
    const { child, pid, startTicks } = sleeper(t);
    const id = await leave(remains, "revoked", { pid, startTicks: startTicks - 1 });
    await remains.reaper.recover();
    t.equal(readStat(pid)?.startTicks, startTicks, "it is still there");
    t.notOk(child.killed);
    t.match(remains.store.run(id), { tornDown: true, record: { teardown: { process: "confirmed" } } });
  },
);

t.test("an executor that can't be killed is not forgotten: its pid stays for the next try", async (t) => {
  let isGone = false;
  const remains = await makeRemains(t, { killLeftBehind: async () => isGone });
  const id = await leave(remains, "revoked", { pid: 4_000_000, startTicks: 7 });
  await remains.reaper.recover();
  t.match(remains.store.run(id), {
    pid: 4_000_000,
    startTicks: 7,
    tornDown: false,
    record: { state: "lost", teardown: { process: "unconfirmed" } },
  });
  isGone = true;
  await remains.reaper.tick();
  t.match(remains.store.run(id), { pid: null, tornDown: true, record: { teardown: { process: "confirmed" } } });
});

t.test("what a crash left alive is ended before anything may be launched", async (t) => {
  const remains = await makeRemains(t);
  const held = await leave(remains, "issued");
  const waiting = newRunId();
  await remains.store.commit([{ put: "run", row: rowOf(waiting, "dead", "accepted") }]);
  t.match(await remains.reaper.recover({ launch: false }), { runs: 1 });
  t.equal(remains.store.lease(held)?.state, "revoked");
  t.same(remains.adopted, []);
  await remains.reaper.takeOver();
  t.same(remains.adopted, [waiting]);
});

t.test("an accepted run is handed to whoever adopts it, and neither lost nor swept", async (t) => {
  const remains = await makeRemains(t);
  const id = newRunId();
  await remains.store.commit([{ put: "run", row: rowOf(id, "dead", "accepted") }]);
  await remains.reaper.recover();
  t.same(remains.adopted, [id]);
  t.equal(remains.store.run(id)?.record.state, "accepted");
  t.ok(
    remains.store.owners().some((each) => each.id === "dead"),
    "the dead owner's row makes it findable until then",
  );
});

t.test("an accepted run for which nobody waits any more is closed as lost", async (t) => {
  const remains = await makeRemains(t, { adopt: () => "closed" });
  const id = newRunId();
  await remains.store.commit([{ put: "run", row: rowOf(id, "dead", "accepted") }]);
  await remains.reaper.recover();
  t.match(remains.store.run(id), { tornDown: true, record: { state: "lost", teardown: { process: "none" } } });
  t.notOk(remains.store.owners().some((each) => each.id === "dead"));
});

t.test(
  "[CRASH-17] an issuer that is down during recovery: the lease stays open, is tried again when due, and then proven",
  async (t) => {
    const remains = await makeRemains(t);
    const { reaper, issuer, store, clock, alerts } = remains;
    const id = await leave(remains, "issued");
    issuer.onRevoke = issuer.onSweep = async () => {
      throw new IssuerFailure("issuer_unavailable", "connection refused");
    };
    t.match(await reaper.recover(), { runs: 1, unconfirmed: 1 });
    t.match(alerts, [/partner/]);
    t.match(store.run(id), { tornDown: false, record: { state: "lost", teardown: { lease: "unconfirmed" } } });
    t.equal(store.lease(id)?.state, "unconfirmed");

    const before = issuer.asked.length;
    await reaper.tick();
    t.equal(issuer.asked.length, before, "not before its time");
    issuer.onRevoke = (usual) => usual();
    await clock.advance(60_000);
    t.match(await reaper.tick(), { unconfirmed: 0 });
    t.equal(issuer.live.size, 0);
    t.match(store.run(id), {
      tornDown: true,
      record: { teardown: { lease: "confirmed" }, lease: { state: "revoked" } },
    });
  },
);

t.test("an issuer that stays down doesn't fill the ledger: the run's end is written once", async (t) => {
  const remains = await makeRemains(t);
  const { reaper, issuer, store, clock } = remains;
  await leave(remains, "issued");
  issuer.onRevoke = async () => {
    throw new IssuerFailure("issuer_unavailable", "connection refused");
  };
  for (let second = 0; second < 600; second += 1) {
    await reaper.tick();
    await clock.advance(1_000);
  }
  const events = store.auditEntries(1, 10_000).map(({ event }) => event.type);
  t.equal(events.filter((type) => type === "run.lost").length, 1);
  // 50, 100, 200 ms … 1 min: some twenty tries in ten minutes.
  t.ok(events.filter((type) => type === "lease.unconfirmed").length < 30);
  t.equal(remains.closed.length, 1);
});

t.test("an issuer that hangs neither holds up another's leases nor is asked twice at once", async (t) => {
  const remains = await makeRemains(t);
  const { reaper, issuer, store, clock } = remains;
  const stuck = await leave(remains, "issued");
  issuer.onRevoke = (usual, runId) => (runId === stuck ? never() : usual());
  const first = reaper.tick();
  await settle();
  const other = await leave(remains, "issued");
  await reaper.tick();
  t.equal(store.lease(other)?.state, "revoked", "while the first is still asked for");
  t.equal(issuer.asked.filter((what) => what === "revoke").length, 2);
  await clock.advance(10_000);
  await first;
  t.equal(store.lease(stuck)?.state, "unconfirmed");
});

t.test("a credential that is alive after its revocation is not called dead, however often it is tried", async (t) => {
  const remains = await makeRemains(t);
  const id = await leave(remains, "issued");
  remains.issuer.onRevoke = async () => {};
  for (let minute = 0; minute < 5; minute += 1) {
    await remains.reaper.tick();
    await remains.clock.advance(60_000);
  }
  t.match(remains.store.lease(id), { state: "unconfirmed", lastError: "still alive: resource: taken", attempts: 15 });
});

t.test("[CRASH-05] a crash in the middle of recovery, and again: the next one finishes", async (t) => {
  const remains = await makeRemains(t);
  const ids = await Promise.all(["intended", "issued", "revoking"].map((state) => leave(remains, state as LeaseState)));
  let commits = 0;
  remains.failCommits(() => {
    commits += 1;
    return commits % 2 === 0;
  });
  for (let crash = 0; crash < 10; crash += 1) {
    await remains.reaper.recover().catch(() => undefined);
    await remains.clock.advance(60_000);
  }
  remains.failCommits(() => false);
  await remains.reaper.recover();
  t.equal(remains.issuer.live.size, 0);
  for (const id of ids) t.match(remains.store.run(id), { tornDown: true, record: { state: "lost" } });
  t.same(remains.store.openLeases(), []);
});

t.test("a run that had ended, and whose lease only was open, keeps how it ended", async (t) => {
  const remains = await makeRemains(t);
  const id = await leave(remains, "unconfirmed");
  const row = remains.store.run(id);
  if (row === undefined) throw new Error("no run");
  const record: RunRecord = {
    ...row.record,
    state: "succeeded",
    result: 7,
    endedAt: row.record.acceptedAt,
    teardown: { ...row.record.teardown, lease: "unconfirmed" },
  };
  await remains.store.commit([{ put: "run", row: { ...row, record } }]);
  await remains.reaper.recover();
  t.match(remains.store.run(id), {
    tornDown: true,
    record: { state: "succeeded", result: 7, teardown: { lease: "confirmed" }, lease: { state: "revoked" } },
  });
  t.notOk(remains.store.auditEntries(1, 100).some(({ event }) => event.type === "run.lost"));
});

t.test("dead owners are forgotten once nothing of theirs is open, and not before", async (t) => {
  const remains = await makeRemains(t);
  await leave(remains, "issued");
  const answer = held<void>();
  remains.issuer.onRevoke = async (usual) => {
    await answer.promise;
    return usual();
  };
  const recovering = remains.reaper.recover();
  await settle();
  t.ok(remains.store.owners().some(({ id }) => id === "dead"));
  answer.resolve();
  await recovering;
  t.same(
    remains.store.owners().map(({ id }) => id),
    ["me", "sibling"],
  );
});
