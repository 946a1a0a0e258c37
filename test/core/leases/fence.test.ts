// A process that is no owner any more, and lives all the same: another one believed it dead, or its ledger was moved away
// under it. It may end what it has, and begin nothing. Real ledgers on disk, each process with its own connection.
import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openSqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeLeases } from "../../../runtime/compose/leases.ts";
import { makeSeals } from "../../../runtime/core/audit/chain.ts";
import { makeReaper } from "../../../runtime/core/leases/reaper.ts";
import { openBox } from "../../../runtime/testkit/open-box.ts";
import {
  type HandClock,
  handClock,
  held,
  longestPauses,
  newRunId,
  owner,
  requestFor,
  rowOf,
  type ScriptedIssuer,
  scriptedIssuer,
  settle,
} from "./world.ts";

const seals = makeSeals(new Uint8Array(32));

interface Shared {
  path: string;
  clock: HandClock;
  issuer: ScriptedIssuer;
}

/** One process of the installation: an owner with its own connection, broker and reaper. */
async function open(t: Test, { path, clock, issuer }: Shared, id: string, isAlive: (id: string) => boolean) {
  const store = openSqliteStore({ path, clock, random: systemRandom, seals });
  t.teardown(() => store.close());
  await store.register(owner(id, "run"), () => true);
  const told: string[] = [];
  const onAlert = (message: string) => told.push(message);
  const leases = makeLeases({ store, clock, random: longestPauses, box: openBox, issuer: async () => issuer, onAlert });
  const runs = new Set<string>();
  const reaper = makeReaper({
    ...{ store, clock, revoker: leases.revoker, owner: id, onAlert, issuer: async () => issuer },
    trees: { open: () => Promise.reject(new Error("none")), sweep: async () => true, leftBehind: async () => [] },
    killLeftBehind: async () => true,
    killOrphans: async () => 0,
    isAlive: (other) => isAlive(other.id),
    identity: { active: () => [], end: async () => {} },
    holds: (runId) => runs.has(runId),
    issuerNames: ["partner"],
    adopt: () => "left",
    onClosed: () => undefined,
  });
  return { store, ...leases, reaper, told, runs };
}

function shared(t: Test): Shared {
  return { path: join(t.testdir(), "ledger.db"), clock: handClock(), issuer: scriptedIssuer() };
}

t.test("numbers grow from one owner to the next, and over restarts", async (t) => {
  const world = shared(t);
  const first = await open(t, world, "a", () => true);
  await open(t, world, "b", () => true);
  t.same(
    first.store.owners().map(({ id, fence }) => [id, fence]),
    [
      ["a", 1],
      ["b", 2],
    ],
  );
  await first.store.unregister("b");
  const again = await open(t, world, "c", () => true);
  t.equal(again.store.owners().find(({ id }) => id === "c")?.fence, 3, "a number is never given twice");
});

t.test("[CRASH-07] believed dead and alive: no commit, no issue, no use; its leases it may still end", async (t) => {
  const world = shared(t);
  const { clock, issuer } = world;
  const stopped = await open(t, world, "stopped", () => true);
  const [ending, running] = [newRunId(), newRunId()];
  const live = await stopped.broker.acquire(requestFor(ending, clock));
  const other = await open(t, world, "other", (id) => id !== "stopped");
  await other.store.fenceOff("stopped");

  t.throws(() => stopped.store.fence(), { code: "fenced", exitCode: 6, found: /number was taken away/ });
  await t.rejects(stopped.store.commit([{ put: "run", row: rowOf(running, "stopped", "running") }]), {
    code: "fenced",
  });
  await t.rejects(stopped.store.note({ type: "allow" }), { code: "fenced" }, "no effect without its record");
  await t.rejects(stopped.store.accept(rowOf(running, "stopped", "accepted"), null, []), { code: "fenced" });
  const row = { jti: "j", issuer: "partner", runId: running, expiresAt: clock.nowMs() + 1_000 };
  await t.rejects(stopped.store.tokens.put(row), { code: "fenced" });
  await t.rejects(stopped.broker.acquire(requestFor(running, clock)), { code: "issuer_unavailable" });
  t.equal(issuer.asked.filter((what) => what === "issue").length, 1, "its issuer was not asked");
  t.equal(other.store.lease(running), undefined);
  t.match(await stopped.store.whenFenced, { code: "fenced" });

  t.equal(live.use(), "ended");
  t.match(await stopped.broker.end(ending), { state: "revoked" });
  t.equal(issuer.live.size, 0);
  t.match(other.store.lease(ending), { state: "revoked" });
});

t.test("a row that is gone is as good as a number that was taken away", async (t) => {
  const world = shared(t);
  const stopped = await open(t, world, "stopped", () => true);
  const other = await open(t, world, "other", () => true);
  await other.store.unregister("stopped");
  t.throws(() => stopped.store.fence(), { code: "fenced", found: /its row is gone/ });
});

t.test("fenced off between the intent and the question: the issuer isn't asked (I2)", async (t) => {
  const world = shared(t);
  const { clock, issuer } = world;
  const stopped = await open(t, world, "stopped", () => true);
  const other = await open(t, world, "other", () => true);
  const { commit } = stopped.store;
  stopped.store.commit = async (changes) => {
    await commit(changes);
    await other.store.fenceOff("stopped");
  };
  const leases = makeLeases({
    ...{ store: stopped.store, clock, random: longestPauses, box: openBox, onAlert: () => undefined },
    issuer: async () => issuer,
  });
  await t.rejects(leases.broker.acquire(requestFor(newRunId(), clock)), { code: "issuer_unavailable" });
  t.notOk(issuer.asked.includes("issue"));
});

t.test(
  "[CRASH-07] two owners at once: what the stopped one is issued while the other recovers its run is undone (I2, I3)",
  async (t) => {
    const world = shared(t);
    const { clock, issuer } = world;
    const stopped = await open(t, world, "stopped", () => true);
    const runId = newRunId();
    stopped.runs.add(runId);
    await stopped.store.commit([{ put: "run", row: rowOf(runId, "stopped", "running") }]);
    const answer = held<void>();
    issuer.onIssue = async (usual) => {
      await answer.promise;
      return usual();
    };
    const acquired = stopped.broker.acquire(requestFor(runId, clock));
    acquired.catch(() => undefined);
    await settle();
    t.equal(stopped.store.lease(runId)?.state, "intended");

    const other = await open(t, world, "other", (id) => id !== "stopped");
    t.match(await other.reaper.recover(), { runs: 1 });
    t.match(other.store.run(runId), { record: { state: "lost" } });
    t.match(other.store.lease(runId), { state: "revoked" });
    answer.resolve(); // the stopped process goes on, with a credential in its hands
    await t.rejects(acquired, { code: "issuer_unavailable" });
    await settle();
    t.equal(issuer.live.size, 0);
    t.match(other.store.lease(runId), { state: "revoked" }, "its record is the other one's, and still true");
    t.match(other.store.run(runId), { record: { state: "lost" } });
    await t.rejects(stopped.reaper.tick(), { code: "fenced" }, "and it takes over nothing from anybody");
  },
);

const losses: Record<string, (path: string) => void> = {
  moved: (path) => renameSync(path, `${path}.away`),
  deleted: (path) => rmSync(path),
  "replaced by a copy": (path) => {
    renameSync(path, `${path}.away`);
    copyFileSync(`${path}.away`, path);
  },
  "left without its write-ahead log": (path) => rmSync(`${path}-wal`),
};

for (const [what, lose] of Object.entries(losses)) {
  t.test(`a ledger that is ${what} under a running process: no issue, and what is live is ended`, async (t) => {
    const world = shared(t);
    const { clock, issuer } = world;
    const process = await open(t, world, "me", () => true);
    const runId = newRunId();
    const live = await process.broker.acquire(requestFor(runId, clock));
    t.ok(existsSync(`${world.path}-wal`));
    lose(world.path);
    t.throws(() => process.store.fence(), { code: "fenced", found: /moved, deleted or replaced/ });
    t.equal(live.use(), "ended", "at its next use");
    await t.rejects(process.broker.acquire(requestFor(newRunId(), clock)), { code: "issuer_unavailable" });
    t.equal(issuer.asked.filter((each) => each === "issue").length, 1);
    await process.broker.end(runId);
    t.equal(issuer.live.size, 0);
  });
}

t.test("a ledger that is put back where it was may go on", async (t) => {
  const world = shared(t);
  const { store } = await open(t, world, "me", () => true);
  renameSync(world.path, `${world.path}.away`);
  t.throws(() => store.fence(), { code: "fenced" });
  renameSync(`${world.path}.away`, world.path);
  store.fence();
  await store.commit([{ audit: { type: "start" } }]);
});

t.test("a store that nobody registered at is fenced by its file alone: commands that only end leases", async (t) => {
  const world = shared(t);
  const store = openSqliteStore({ path: world.path, clock: world.clock, random: systemRandom, seals });
  t.teardown(() => store.close());
  store.fence();
  await store.commit([{ audit: { type: "lease.revoking" } }]);
});
