// A lease's life under issuers that are slow, failing, lying or late, with time that moves only when told.
import t from "tap";
import { issuerTimeoutMs } from "../../../runtime/core/leases/broker.ts";
import { type IssuedCredential, IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import type { Change } from "../../../runtime/ports/store.ts";
import { held, makeWorld, never, newRunId, requestFor, settle } from "./world.ts";

const putsLease = (state: string) => (changes: readonly Change[]) =>
  changes.some((change) => "put" in change && change.put === "lease" && change.lease.state === state);

t.test("the intent is on disk before the issuer is asked", async (t) => {
  const { broker, clock, store, issuer } = makeWorld();
  const runId = newRunId();
  const seen: (string | undefined)[] = [];
  issuer.onIssue = (usual) => {
    seen.push(store.lease(runId)?.state);
    return usual();
  };
  const live = await broker.acquire(requestFor(runId, clock));
  t.same(seen, ["intended"]);
  t.equal(store.lease(runId)?.state, "issued", "and its issue before the job has it");
  t.equal(live.secret(), issuer.live.get(runId));
});

t.test("no issue without a record: when the intent can't be written, the issuer is never asked", async (t) => {
  const { broker, clock, issuer, failCommits, store } = makeWorld();
  failCommits(putsLease("intended"));
  const runId = newRunId();
  await t.rejects(broker.acquire(requestFor(runId, clock)), { code: "issuer_unavailable" });
  await settle();
  t.same(issuer.asked, []);
  t.equal(await broker.end(runId), undefined);
  t.equal(store.lease(runId), undefined);
});

t.test("a credential whose record can't be written is taken back", async (t) => {
  const { broker, clock, issuer, failCommits, store } = makeWorld();
  failCommits(putsLease("issued"));
  const runId = newRunId();
  await t.rejects(broker.acquire(requestFor(runId, clock)), { code: "issuer_unavailable" });
  await settle();
  t.equal(issuer.live.size, 0, "nothing is live");
  t.equal(store.lease(runId)?.state, "revoked");
});

t.test("[CRED-02] a hundred calls at once get one lease and one secret", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const request = requestFor(newRunId(), clock);
  const all = await Promise.all(Array.from({ length: 100 }, () => broker.acquire(request)));
  t.equal(issuer.asked.filter((what) => what === "issue").length, 1);
  t.equal(new Set(all.map((live) => live.secret())).size, 1);
});

t.test("the end takes the secret away at once and writes revoked on proof", async (t) => {
  const { broker, clock, issuer, store, events } = makeWorld();
  const runId = newRunId();
  const live = await broker.acquire(requestFor(runId, clock));
  const revoked = held<void>();
  issuer.onRevoke = async (usual) => {
    await revoked.promise;
    return usual();
  };
  const ending = broker.end(runId);
  t.equal(live.secret(), undefined, "before the issuer has answered");
  await settle();
  t.equal(store.lease(runId)?.state, "revoking", "the end begun is on disk");
  revoked.resolve();
  t.match(await ending, { state: "revoked", proof: "resource: refused", revokedAt: clock.nowMs() });
  t.same(events(runId), ["intended", "issued", "revoking", "revoked"]);
});

t.test("ending in parallel, and again later, is one revocation", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  const all = await Promise.all([broker.end(runId), broker.end(runId), broker.end(runId)]);
  t.same(
    all.map((lease) => lease?.state),
    ["revoked", "revoked", "revoked"],
  );
  t.equal(await broker.end(runId), undefined, "nothing is held any more");
  t.equal(issuer.asked.filter((what) => what === "revoke").length, 1);
});

t.test("a run that ends while its credential is being issued leaves none behind", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  const answer = held<void>();
  issuer.onIssue = async (usual) => {
    await answer.promise; // the issuer makes it after our first revocation has found nothing
    return usual();
  };
  const runId = newRunId();
  const acquired = broker.acquire(requestFor(runId, clock));
  acquired.catch(() => undefined);
  await settle();
  const ending = broker.end(runId);
  await settle();
  answer.resolve();
  await t.rejects(acquired, { code: "issuer_unavailable" });
  t.equal((await ending)?.state, "revoked");
  t.equal(issuer.live.size, 0, "the credential that came late is dead");
  t.equal(store.lease(runId)?.state, "revoked");
});

t.test("[CRED-05] a run that ends before the issuer was asked never asks it", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const runId = newRunId();
  const acquired = broker.acquire(requestFor(runId, clock));
  acquired.catch(() => undefined);
  const ending = broker.end(runId); // in the same turn: the intent isn't on disk yet
  await t.rejects(acquired);
  await ending;
  t.notOk(issuer.asked.includes("issue"));
});

t.test("[CRED-18] an issuer that hangs is given up after its time, and what it may have made is ended", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  issuer.onIssue = () => never();
  const runId = newRunId();
  const acquired = broker.acquire(requestFor(runId, clock));
  acquired.catch(() => undefined);
  await clock.advance(issuerTimeoutMs - 1);
  t.same(issuer.asked, ["issue"], "still waiting");
  await clock.advance(1);
  await t.rejects(acquired, { code: "issuer_unavailable" });
  t.equal(store.lease(runId)?.state, "revoked");
});

t.test("[CRED-20] an issuer that answers after its time was up has made a credential that must not live", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  const answer = held<void>();
  issuer.onIssue = async (usual) => {
    await answer.promise;
    return usual();
  };
  const runId = newRunId();
  const acquired = broker.acquire(requestFor(runId, clock));
  acquired.catch(() => undefined);
  await clock.advance(issuerTimeoutMs);
  await t.rejects(acquired);
  await broker.end(runId);
  t.equal(store.lease(runId)?.state, "revoked", "proven dead, as it seemed");
  answer.resolve();
  await settle();
  t.equal(issuer.live.size, 0);
  t.equal(store.lease(runId)?.state, "revoked");
});

t.test("a signal tells the issuer that nobody waits any more", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  let signal: AbortSignal | undefined;
  issuer.onIssue = (_usual, _request, given) => {
    signal = given;
    return never();
  };
  broker.acquire(requestFor(newRunId(), clock)).catch(() => undefined);
  await clock.advance(issuerTimeoutMs - 1);
  t.equal(signal?.aborted, false);
  await clock.advance(1);
  t.equal(signal?.aborted, true);
});

const garbage: Record<string, unknown> = {
  nothing: undefined,
  null: null,
  "a text": "secret",
  "no secret": { expiresAt: 1_800_000_060_000 },
  "an empty secret": { secret: "", expiresAt: 1_800_000_060_000 },
  "a secret that is no text": { secret: 7, expiresAt: 1_800_000_060_000 },
  "no expiry": { secret: "x" },
  "an expiry that is no number": { secret: "x", expiresAt: Number.NaN },
  "an expiry that never comes": { secret: "x", expiresAt: Number.POSITIVE_INFINITY },
};

for (const [what, value] of Object.entries(garbage)) {
  t.test(`[CRED-19] an issuer that answers ${what} is not believed, and its credential ended`, async (t) => {
    const { broker, clock, issuer, store } = makeWorld();
    issuer.onIssue = async (usual) => {
      await usual();
      return value as IssuedCredential;
    };
    const runId = newRunId();
    await t.rejects(broker.acquire(requestFor(runId, clock)), { code: "issuer_garbage" });
    await broker.end(runId);
    t.equal(issuer.live.size, 0);
    t.equal(store.lease(runId)?.state, "revoked");
  });
}

t.test("[CRED-19] an issuer that gives a longer life than asked for is not believed either", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  issuer.onIssue = async (usual) => {
    const issued = await usual();
    return { ...issued, expiresAt: issued.expiresAt + 1 };
  };
  const runId = newRunId();
  await t.rejects(broker.acquire(requestFor(runId, clock)), { code: "issuer_garbage" });
  await broker.end(runId);
  t.equal(issuer.live.size, 0);
  t.equal(store.lease(runId)?.state, "revoked");
});

t.test("[CRED-01] the life asked for ends a minute after the run's deadline, however long the ttl", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const asked: number[] = [];
  issuer.onIssue = (usual, request) => {
    asked.push(request.expiresAt - clock.nowMs());
    return usual();
  };
  const request = requestFor(newRunId(), clock);
  await broker.acquire({ ...request, grant: { ...request.grant, ttlMs: 86_400_000 } });
  await broker.acquire({ ...requestFor(newRunId(), clock), grant: { ...request.grant, ttlMs: 5_000 } });
  t.same(asked, [120_000, 5_000]);
});

t.test("an issuer that refuses: the job hears it, nothing is live, and the end is proven all the same", async (t) => {
  const { broker, clock, issuer, events } = makeWorld();
  issuer.onIssue = async () => {
    throw new IssuerFailure("issuer_refused", "no such scope for you");
  };
  const runId = newRunId();
  await t.rejects(broker.acquire(requestFor(runId, clock)), {
    code: "issuer_refused",
    message: "no such scope for you",
  });
  await settle();
  t.same([...events(runId)].sort(), ["failed", "intended", "revoked", "revoking"]);
});

t.test("a revocation that fails n times is tried again with growing pauses, and then proven", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  const tries: number[] = [];
  issuer.onRevoke = async (usual) => {
    tries.push(clock.nowMs());
    if (tries.length < 4) throw new IssuerFailure("issuer_unavailable", "503");
    return usual();
  };
  const ending = broker.end(runId);
  await clock.advance(1_000);
  t.match(await ending, { state: "revoked", attempts: 4 });
  const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  t.same(pauses, [50, 100, 200]);
});

t.test("when it goes on failing, the run's end goes on without proof, and the lease says so durably", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  issuer.onRevoke = async () => {
    throw new IssuerFailure("issuer_unavailable", "connection refused");
  };
  const ending = broker.end(runId);
  await clock.advance(50 + 100 + 200);
  t.match(await ending, { state: "unconfirmed", lastError: "connection refused", revokedAt: null, proof: null });
  const lease = store.lease(runId);
  t.equal(lease?.state, "unconfirmed");
  t.equal(issuer.asked.filter((what) => what === "revoke").length, 4, "bounded");
  t.ok((lease?.nextAttemptAt ?? 0) > 1_800_000_000_000);
  issuer.onRevoke = (usual) => usual();
  await clock.advance(60_000);
  t.match(store.lease(runId), { state: "revoked" }, "and it goes on being tried");
});

t.test("revoked, and alive all the same: that is no proof", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  issuer.onRevoke = async () => {}; // says yes and does nothing
  const ending = broker.end(runId);
  await clock.advance(10_000);
  t.match(await ending, { state: "unconfirmed", lastError: "still alive: resource: taken" });
  t.notOk(store.auditEntries(1, 100).some(({ event }) => event.type === "lease.revoked"));
});

t.test("an issuer that can't say whether it is dead gives no proof", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  issuer.onProve = async () => ({ verdict: "unknowable", how: "introspection: 500" });
  const ending = broker.end(runId);
  await clock.advance(10_000);
  t.match(await ending, { state: "unconfirmed", lastError: "introspection: 500" });
});

t.test("a revocation that hangs is bounded, each time", async (t) => {
  const { broker, clock, issuer } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  issuer.onRevoke = () => never();
  const ending = broker.end(runId);
  await clock.advance(4 * issuerTimeoutMs + 350);
  t.match(await ending, { state: "unconfirmed", attempts: 4 });
});

t.test("the credential is revoked although the ledger can't be written, and the end says unconfirmed", async (t) => {
  const { broker, clock, issuer, failCommits, store } = makeWorld();
  const runId = newRunId();
  await broker.acquire(requestFor(runId, clock));
  failCommits(() => true);
  await t.rejects(broker.end(runId), { code: "store_unavailable" });
  t.equal(issuer.live.size, 0);
  t.equal(store.lease(runId)?.state, "issued", "what is on disk is what recovery will look after");
});

t.test(
  "a ledger that fails while the issuer is still asked takes nobody down: whoever ends the run hears it",
  async (t) => {
    const { broker, clock, issuer, failCommits } = makeWorld();
    const unhandled: unknown[] = [];
    const onRejection = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", onRejection);
    t.teardown(() => process.off("unhandledRejection", onRejection));
    const answer = held<void>();
    issuer.onIssue = async (usual) => {
      await answer.promise;
      return usual();
    };
    const runId = newRunId();
    const acquired = broker.acquire(requestFor(runId, clock));
    acquired.catch(() => undefined);
    await settle();
    failCommits(() => true);
    const ending = broker.end(runId);
    await settle();
    answer.resolve();
    await t.rejects(ending, { code: "store_unavailable" });
    t.same(unhandled, []);
  },
);

t.test("the secret is in no record, no audit entry and no failure", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  const runId = newRunId();
  const live = await broker.acquire(requestFor(runId, clock));
  const secret = live.secret() ?? "";
  t.ok(issuer.live.has(runId));
  await broker.end(runId);
  const written = JSON.stringify([store.leases(10), store.auditEntries(1, 100)]);
  t.ok(secret.length > 10 && !written.includes(secret));
});
