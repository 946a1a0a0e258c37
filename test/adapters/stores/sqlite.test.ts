// The ledger's promises: a commit is all or nothing, what was said to be kept is kept, and a final state is final.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { openSqliteStore, type SqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeSeals, verifyChain } from "../../../runtime/core/audit/chain.ts";
import type { RunId } from "../../../runtime/model/ids.ts";
import { leaseIdOf } from "../../../runtime/model/ids.ts";
import type { Lease } from "../../../runtime/model/lease.ts";
import { finalRunStates } from "../../../runtime/model/run.ts";
import type { Change } from "../../../runtime/ports/store.ts";
import { handClock, newRunId, owner, rowOf } from "../../core/leases/world.ts";

const seals = makeSeals(new Uint8Array(32));

function openIn(
  t: Test,
  directory = t.testdir(),
): { store: SqliteStore; path: string; clock: ReturnType<typeof handClock> } {
  const clock = handClock();
  const path = join(directory, "ledger.db");
  const store = openSqliteStore({ path, clock, random: systemRandom, seals });
  t.teardown(() => store.close().catch(() => undefined));
  return { store, path, clock };
}

function leaseOf(runId: RunId, state: Lease["state"]): Lease {
  return {
    ...{ id: leaseIdOf(runId), runId, job: "sync", issuer: "partner", state, scope: ["a"], purpose: "p" },
    ...{ delivery: "sealed", intendedAt: 1, issuedAt: 2, expiresAt: 3, revokedAt: null, proof: null },
    ...{ attempts: 0, nextAttemptAt: null, lastError: null, handle: null },
  } as Lease;
}

const put = (id: RunId, state: Parameters<typeof rowOf>[2] = "running"): Change => ({
  put: "run",
  row: rowOf(id, "me", state),
});
const broken = { put: "lease", lease: { ...leaseOf(newRunId(), "issued"), runId: null } } as unknown as Change;
const verdictOf = (store: SqliteStore) =>
  verifyChain((from) => store.auditEntries(from, 100), store.auditHead(), seals);

t.test("a commit that fails half way leaves nothing of itself", async (t) => {
  const { store } = openIn(t);
  const id = newRunId();
  await t.rejects(store.commit([put(id), { audit: { type: "alert" } }, broken]), { code: "store_unavailable" });
  t.equal(store.run(id), undefined);
  t.equal(store.auditHead(), undefined);
});

t.test("one bad commit among many of the same turn takes none of the others with it", async (t) => {
  const { store } = openIn(t);
  const [first, second, third] = [newRunId(), newRunId(), newRunId()];
  const settled = await Promise.allSettled([
    store.commit([put(first), { audit: { type: "alert", detail: "1" } }]),
    store.commit([put(second), { audit: { type: "alert", detail: "2" } }, broken]),
    store.commit([put(third), { audit: { type: "alert", detail: "3" } }]),
  ]);
  t.same(
    settled.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  t.same(
    [first, second, third].map((id) => store.run(id) !== undefined),
    [true, false, true],
  );
  t.same(
    store.auditEntries(1, 10).map(({ event }) => event.detail),
    ["1", "3"],
  );
  t.same(verdictOf(store), { ok: true, entries: 2 });
});

t.test("what arrives in one turn is written in the order in which it was said", async (t) => {
  const { store } = openIn(t);
  const said = Array.from({ length: 200 }, (_, index) => String(index));
  await Promise.all(said.map((detail) => store.commit([{ audit: { type: "alert", detail } }])));
  t.same(
    store.auditEntries(1, 1_000).map(({ event }) => event.detail),
    said,
  );
  t.same(
    store.auditEntries(1, 1_000).map(({ seq }) => seq),
    said.map((_, index) => index + 1),
  );
});

t.test("what was resolved is there after the process dies without closing anything", (t) => {
  const directory = t.testdir();
  const path = join(directory, "ledger.db");
  const script = `
    import { openSqliteStore } from ${JSON.stringify(new URL("../../../runtime/adapters/stores/sqlite.ts", import.meta.url).href)};
    import { makeSeals } from ${JSON.stringify(new URL("../../../runtime/core/audit/chain.ts", import.meta.url).href)};
    import { systemClock as clock } from ${JSON.stringify(new URL("../../../runtime/adapters/system/clock.ts", import.meta.url).href)};
    import { systemRandom as random } from ${JSON.stringify(new URL("../../../runtime/adapters/system/random.ts", import.meta.url).href)};
    const store = openSqliteStore({ path: ${JSON.stringify(path)}, clock, random, seals: makeSeals(new Uint8Array(32)) });
    await store.commit([{ audit: { type: "alert", detail: "kept" } }]);
    void store.commit([{ audit: { type: "alert", detail: "nobody was told" } }]);
    process.kill(process.pid, "SIGKILL");`;
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    encoding: "utf8",
  });
  t.equal(signal, "SIGKILL", stderr);
  const { store } = openIn(t, directory);
  t.same(
    store.auditEntries(1, 10).map(({ event }) => event.detail),
    ["kept"],
  );
  t.end();
});

t.test("the ledger holds names and purposes: nobody else may read it", (t) => {
  const { path } = openIn(t);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.end();
});

t.test("the same key of the same job is the same run, a hundred times at once", async (t) => {
  const { store } = openIn(t);
  const rows = Array.from({ length: 100 }, () => rowOf(newRunId(), "me", "accepted"));
  const all = await Promise.all(rows.map((row) => store.accept(row, "key a", [{ audit: { type: "run.accepted" } }])));
  t.equal(all.filter(({ outcome }) => outcome === "accepted").length, 1);
  const ids = all.map((each) => (each.outcome === "duplicate" ? each.row.record.id : rows[0]?.record.id));
  t.equal(new Set(ids).size, 1);
  t.equal(store.runs(1_000).length, 1);
  t.equal(store.auditEntries(1, 1_000).length, 1, "what goes with a duplicate isn't written");
});

t.test("a key belongs to its job; no key is no key", async (t) => {
  const { store } = openIn(t);
  const other = rowOf(newRunId(), "me", "accepted");
  other.record.job = "other";
  const tries = [
    await store.accept(rowOf(newRunId(), "me", "accepted"), "key a", []),
    await store.accept(other, "key a", []),
    await store.accept(rowOf(newRunId(), "me", "accepted"), null, []),
    await store.accept(rowOf(newRunId(), "me", "accepted"), null, []),
  ];
  t.same(
    tries.map(({ outcome }) => outcome),
    ["accepted", "accepted", "accepted", "accepted"],
  );
});

t.test("a run keeps its key when its record is written again", async (t) => {
  const { store } = openIn(t);
  const row = rowOf(newRunId(), "me", "accepted");
  await store.accept(row, "key a", []);
  await store.commit([put(row.record.id, "running")]);
  t.match(await store.accept(rowOf(newRunId(), "me", "accepted"), "key a", []), {
    outcome: "duplicate",
    row: { record: { id: row.record.id, state: "running" } },
  });
});

t.test("a submission that was refused may come again with its key; a slot that was refused has passed", async (t) => {
  const { store } = openIn(t);
  const refused = rowOf(newRunId(), "me", "refused");
  await store.accept(refused, "key a", []);
  t.match(await store.accept(rowOf(newRunId(), "me", "accepted"), "key a", []), { outcome: "accepted" });
  const skipped = rowOf(newRunId(), "me", "refused");
  skipped.record.trigger = { kind: "schedule", slot: "s" };
  await store.accept(skipped, "slot s", []);
  t.match(await store.accept(rowOf(newRunId(), "me", "accepted"), "slot s", []), { outcome: "duplicate" });
});

t.test("a final state is final, whichever it is and whatever comes late", async (t) => {
  const { store } = openIn(t);
  for (const state of finalRunStates) {
    const id = newRunId();
    await store.commit([put(id, state)]);
    for (const late of ["accepted", "running", "succeeded", "failed", "lost"] as const)
      await store.commit([put(id, late)]);
    t.equal(store.run(id)?.record.state, state);
  }
});

t.test("a final record may still be added to: its lease is proven dead later", async (t) => {
  const { store } = openIn(t);
  const id = newRunId();
  await store.commit([put(id, "failed")]);
  t.equal(store.unfinishedRuns().length, 1);
  await store.commit([{ put: "run", row: rowOf(id, "me", "failed", { tornDown: true, input: null }) }]);
  t.match(store.run(id), { tornDown: true, input: null });
  t.same(store.unfinishedRuns(), []);
});

t.test("open leases are all that aren't revoked", async (t) => {
  const { store } = openIn(t);
  const states = ["intended", "issued", "revoking", "unconfirmed", "revoked"] as const;
  await store.commit(states.map((state): Change => ({ put: "lease", lease: leaseOf(newRunId(), state) })));
  t.same(
    store
      .openLeases()
      .map(({ state }) => state)
      .sort(),
    ["intended", "issued", "revoking", "unconfirmed"],
  );
  t.equal(store.leases(100).length, 5);
  t.equal(store.leases(2).length, 2);
});

t.test("one `start` a state directory: a second is refused while the first lives, and only then", async (t) => {
  const { store } = openIn(t);
  t.ok(await store.register(owner("first"), () => true));
  t.notOk(await store.register(owner("second"), () => true));
  t.ok(await store.register(owner("aside", "run"), () => true), "a `run` beside it is no rival");
  t.same(
    store.owners().map(({ id }) => id),
    ["first", "aside"],
  );
  t.ok(await store.register(owner("after a crash"), ({ id }) => id !== "first"));
});

t.test("two that start in the same moment: one of them serves", async (t) => {
  const { store } = openIn(t);
  const both = await Promise.all([store.register(owner("a"), () => true), store.register(owner("b"), () => true)]);
  t.same(both, [true, false]);
});

t.test("the installation's name is made once", async (t) => {
  const directory = t.testdir();
  const first = openIn(t, directory).store;
  t.match(first.installation, /^[0-9a-f]{8}$/);
  t.equal(openIn(t, directory).store.installation, first.installation);
});

t.test("the audit log can't be edited by a slip of the hand", async (t) => {
  const { store, path } = openIn(t);
  await store.commit([{ audit: { type: "alert" } }]);
  const db = new DatabaseSync(path);
  t.teardown(() => db.close());
  t.throws(() => db.exec("UPDATE audit SET event = '{}'"), /append-only/);
  t.throws(() => db.exec("DELETE FROM audit"), /append-only/);
});

t.test("many tokens' lives: a long one that is registered ends no short one", async (t) => {
  const { store, clock } = openIn(t);
  const { tokens } = store;
  const [short, long] = [newRunId(), newRunId()];
  await tokens.put({ jti: "short", issuer: "partner", runId: short, expiresAt: clock.nowMs() + 60_000 });
  await tokens.put({ jti: "long", issuer: "partner", runId: long, expiresAt: clock.nowMs() + 86_400_000 });
  t.match(tokens.find("partner", "short"), { revoked: false });
  t.equal(tokens.active("partner", clock.nowMs()).length, 2);
});

t.test("tokens that expired long ago are forgotten, and inactive by that", async (t) => {
  const { store, clock } = openIn(t);
  const expiresAt = clock.nowMs() + 1_000;
  await store.tokens.put({ jti: "old", issuer: "partner", runId: newRunId(), expiresAt });
  await clock.advance(3_602_000);
  t.same(store.tokens.active("partner", clock.nowMs()), []);
  await store.tokens.put({ jti: "new", issuer: "partner", runId: newRunId(), expiresAt: clock.nowMs() + 1_000 });
  t.equal(store.tokens.find("partner", "old"), undefined);
});
