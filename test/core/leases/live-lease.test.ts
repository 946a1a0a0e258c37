// How long a lease lives while its run goes on: to its expiry by whichever clock is there first, and while it is used.
// Time moves only when told; a stall is time that passed while nothing could happen, as after SIGSTOP.
import t from "tap";
import type { CredentialGrant } from "../../../runtime/model/grant.ts";
import { IssuerFailure, type QueryResult } from "../../../runtime/ports/credential-issuer.ts";
import { grant, held, leaseOf, makeWorld, never, newRunId, requestFor, settle, type World } from "./world.ts";

async function acquire({ broker, clock }: World, changes: Partial<CredentialGrant> = {}) {
  const runId = newRunId();
  const live = await broker.acquire({ ...requestFor(runId, clock), grant: { ...grant, ...changes } });
  return { runId, live };
}

const query = { sql: "select 1", params: [], write: false, rowsMax: 1, bytesMax: 100, timeMs: 100 };
const signal = new AbortController().signal;

t.test(
  "[CRED-08] a lease that expires in the middle of its run: `expired` at the next use, and ended at once",
  async (t) => {
    const world = makeWorld();
    const { clock, issuer, broker, store } = world;
    const { live, runId } = await acquire(world, { ttlMs: 30_000 });
    await clock.advance(29_999);
    t.equal(live.use(), "live");
    await clock.advance(1);
    t.same([live.use(), live.secret(), live.egress()], ["expired", undefined, undefined]);
    t.equal(issuer.live.size, 0, "our clock may be ahead of the issuer's: it is told");
    t.match(store.lease(runId), { state: "revoked" });
    t.equal((await broker.acquire(requestFor(runId, clock))).use(), "expired", "and it is not renewed in silence");
    t.equal(issuer.asked.filter((what) => what === "issue").length, 1);
  },
);

for (const [what, stepMs] of [
  ["back", -3_600_000],
  ["on", 3_600_000],
] as const) {
  t.test(`[CRED-32] a wall clock that is set ${what} by an hour gives no lease a longer life (SCHED-05)`, async (t) => {
    const world = makeWorld();
    const { live } = await acquire(world, { ttlMs: 30_000 });
    world.clock.step(stepMs);
    t.equal(live.use(), stepMs > 0 ? "expired" : "live");
    await world.clock.advance(30_000);
    t.equal(live.use(), "expired");
    t.equal(world.issuer.live.size, 0);
  });
}

t.test(
  "[CRASH-07] a supervisor that was stopped for ten minutes: what expired meanwhile is not used, and ended at once",
  async (t) => {
    const world = makeWorld();
    const { live, runId } = await acquire(world);
    await world.clock.stall(600_000);
    t.equal(live.use(), "expired");
    await settle();
    t.equal(world.issuer.live.size, 0);
    t.match(world.store.lease(runId), { state: "revoked" });
  },
);

t.test("a lease that lies idle is ended, and each use begins its time anew", async (t) => {
  const world = makeWorld();
  const { clock, issuer } = world;
  const { live } = await acquire(world, { idleMs: 5_000 });
  for (let use = 0; use < 4; use += 1) {
    await clock.advance(4_000);
    t.equal(live.use(), "live");
  }
  await clock.advance(4_999);
  t.equal(issuer.live.size, 1);
  await clock.advance(1);
  t.equal(issuer.live.size, 0);
  t.same([live.use(), live.secret()], ["ended", undefined]);
  const why = world.store.auditEntries(1, 100).find(({ event }) => event.type === "lease.revoking");
  t.equal(why?.event.detail, "not used for 5s");
});

t.test(
  "[CRED-32] a wall clock that is set on beyond the run's deadline: nothing is issued that is expired already",
  async (t) => {
    const { broker, clock, issuer, store } = makeWorld();
    const request = requestFor(newRunId(), clock);
    clock.step(3_600_000);
    await t.rejects(broker.acquire(request), { code: "issuer_refused", message: /clock/ });
    await settle();
    t.same(issuer.asked, []);
    t.equal(store.lease(request.runId), undefined);
  },
);

t.test("a grant without an idle time is not ended for lying idle", async (t) => {
  const world = makeWorld();
  const { live } = await acquire(world);
  await world.clock.advance(110_000);
  t.equal(live.use(), "live");
});

t.test("an operation that takes longer than the idle time is a use all the while, and its end too", async (t) => {
  const world = makeWorld();
  const { clock, issuer } = world;
  const answer = held<QueryResult>();
  issuer.query = () => answer.promise;
  const { live } = await acquire(world, { idleMs: 5_000, delivery: "query" });
  const asked = live.query(query, signal);
  await clock.advance(20_000);
  t.equal(live.use(), "live");
  answer.resolve({ columns: [], rows: [] });
  await asked;
  await clock.advance(4_999);
  t.equal(issuer.live.size, 1);
  await clock.advance(10_000);
  t.equal(issuer.live.size, 0);
});

t.test("the run's end stops its lease's timers: nothing is ended twice", async (t) => {
  const world = makeWorld();
  const { broker, clock, issuer } = world;
  const { runId } = await acquire(world, { idleMs: 5_000 });
  await broker.end(runId);
  t.equal(clock.waiting, 0);
  await clock.advance(200_000);
  t.equal(issuer.asked.filter((what) => what === "revoke").length, 1);
});

t.test("[CRED-05] after the run's end nobody gets a credential for it, from whatever closure", async (t) => {
  const world = makeWorld();
  const { broker, clock, issuer } = world;
  const { runId, live } = await acquire(world);
  const never = newRunId();
  await Promise.all([broker.end(runId), broker.end(never)]);
  for (const id of [runId, never]) await t.rejects(broker.acquire(requestFor(id, clock)), { code: "issuer_refused" });
  await t.rejects(live.query(query, signal), { code: "issuer_refused" });
  t.equal(issuer.asked.filter((what) => what === "issue").length, 1);
  t.equal(issuer.live.size, 0);
});

t.test("a run of another process, which has had its lease: not issued again under the same name", async (t) => {
  const { broker, clock, store, issuer } = makeWorld();
  const runId = newRunId();
  await store.commit([{ put: "lease", lease: leaseOf(runId, "revoked") }]);
  await t.rejects(broker.acquire(requestFor(runId, clock)), { code: "issuer_unavailable" });
  t.notOk(issuer.asked.includes("issue"));
  t.match(store.lease(runId), { state: "revoked" });
});

// ─── An issuer that fails ──────────────────────────────────────────────────────────────────────────────────────────

const outages: Record<string, [failure: () => Promise<never>, code: string]> = {
  "is down": [() => Promise.reject(new IssuerFailure("issuer_unavailable", "ECONNREFUSED")), "issuer_unavailable"],
  refuses: [() => Promise.reject(new IssuerFailure("issuer_refused", "403")), "issuer_refused"],
  hangs: [() => never(), "issuer_unavailable"],
  "closes half-way": [() => Promise.reject(new Error("socket hang up")), "issuer_unavailable"],
  "has a wrong certificate": [() => Promise.reject(new Error("SELF_SIGNED_CERT_IN_CHAIN")), "issuer_unavailable"],
};

for (const [what, [fail, code]] of Object.entries(outages)) {
  t.test(
    `[CRED-35] [CRED-18] an issuer that ${what}: the job is told within its time, and nothing of it remains`,
    async (t) => {
      const world = makeWorld();
      const { broker, clock, issuer, store } = world;
      issuer.onIssue = async (usual) => {
        await usual(); // whether it made something, nobody is told
        return fail();
      };
      const runId = newRunId();
      const acquired = broker.acquire(requestFor(runId, clock));
      acquired.catch(() => undefined);
      await clock.advance(10_000);
      await t.rejects(acquired, { code });
      t.equal(issuer.live.size, 0);
      t.match(store.lease(runId), { state: "revoked", issuedAt: null });
      t.ok(world.events(runId).includes("failed"));
    },
  );
}

t.test(
  "[CRED-02] a run whose issue failed may ask once more when the first is proven dead: never two live",
  async (t) => {
    const world = makeWorld();
    const { broker, clock, issuer, store } = world;
    issuer.onIssue = async () => {
      throw new IssuerFailure("issuer_unavailable", "503");
    };
    issuer.onRevoke = async () => {
      throw new IssuerFailure("issuer_unavailable", "503");
    };
    const runId = newRunId();
    await t.rejects(broker.acquire(requestFor(runId, clock)));
    await clock.advance(1_000);
    issuer.onIssue = (usual) => usual();
    await t.rejects(broker.acquire(requestFor(runId, clock)), { message: "503" }, "not while the first may live");
    t.equal(issuer.asked.filter((what) => what === "issue").length, 1);

    const other = newRunId();
    issuer.onIssue = async () => {
      throw new IssuerFailure("issuer_refused", "busy");
    };
    issuer.onRevoke = (usual) => usual();
    await t.rejects(broker.acquire(requestFor(other, clock)));
    await clock.advance(120_000);
    issuer.onIssue = (usual) => usual();
    const live = await broker.acquire(requestFor(other, clock));
    t.equal(live.use(), "live");
    t.match(store.lease(other), { state: "issued", attempts: 0 });
    await broker.end(other);
    t.equal(issuer.live.size, 0);
  },
);

t.test("[CRED-17] the ledger holds handles sealed, and neither secrets nor what a handle says", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  issuer.issue = async (request, _signal, note) => {
    await note?.("handle");
    return { secret: "the secret itself", expiresAt: request.expiresAt };
  };
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  t.ok(store.lease(runId)?.handle);
  t.notMatch(JSON.stringify([store.leases(10), store.auditEntries(1, 100)]), /the secret itself|"handle":"handle"/);
});
