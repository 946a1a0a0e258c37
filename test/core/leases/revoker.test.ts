// The end of one lease when its issuer fails in every way: when it is asked again, and that however often its end is asked
// for it is one end. Time moves only when told, and jitter is at its longest unless a test says otherwise.
import t from "tap";
import { issuerTimeoutMs } from "../../../runtime/core/leases/ask.ts";
import { fractionOf, jitteredMs, pauseMs, pauseMsMax } from "../../../runtime/core/leases/back-off.ts";
import type { Lease } from "../../../runtime/model/lease.ts";
import { IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import type { Random } from "../../../runtime/ports/random.ts";
import {
  countOf,
  down,
  held,
  leaveLease,
  leftOpen,
  longestPauses,
  makeWorld,
  never,
  refusal,
  restarted,
  settle,
} from "./world.ts";

// ─── Asked again ───────────────────────────────────────────────────────────────────────────────────────────────────

const failures: Record<string, () => Promise<void>> = {
  "503": async () => {
    throw new IssuerFailure("issuer_unavailable", "503");
  },
  "a refusal": refusal,
  "what can't be an answer": async () => {
    throw new IssuerFailure("issuer_garbage", "200 with an error in it");
  },
  "an exception of its own": async () => {
    throw new TypeError("cannot read properties of undefined");
  },
  silence: () => never(),
};

for (const [what, revoke] of Object.entries(failures)) {
  t.test(
    `[CRED-21] an issuer whose revocation ends in ${what}: tried until it is proven, and unconfirmed till then`,
    async (t) => {
      const world = makeWorld();
      const { clock, store, issuer, revoker } = world;
      const lease = await leaveLease(world);
      issuer.onRevoke = revoke;
      revoker.end(lease, leftOpen).catch(() => undefined);
      await clock.advance(issuerTimeoutMs + 1);
      t.match(store.lease(lease.runId), { state: "unconfirmed", revokedAt: null, proof: null, lastError: /./ });
      issuer.onRevoke = (usual) => usual();
      await clock.advance(pauseMsMax + issuerTimeoutMs);
      t.match(store.lease(lease.runId), { state: "revoked", proof: "resource: refused", nextAttemptAt: null });
      t.equal(issuer.live.size, 0);
    },
  );
}

t.test(
  "[CRED-21] a connection that is cut after the revocation took effect: dead on proof, and not on hearsay",
  async (t) => {
    const world = makeWorld();
    const lease = await leaveLease(world);
    let cuts = 0;
    world.issuer.onRevoke = async (usual) => {
      await usual();
      cuts += 1;
      if (cuts === 1) throw new IssuerFailure("issuer_unavailable", "ECONNRESET");
    };
    t.match(await world.revoker.end(lease, leftOpen), { state: "unconfirmed" }, "it is dead, and nobody can know");
    await world.clock.advance(50);
    t.match(world.store.lease(lease.runId), { state: "revoked", attempts: 2 });
  },
);

t.test("pauses double up to a minute, each anything from nothing to its bound", (t) => {
  const bounds = [1, 2, 3, 4, 11, 12, 40].map((tries) => jitteredMs(tries, 50, pauseMsMax, longestPauses));
  t.same(bounds, [50, 100, 200, 400, 51_200, 60_000, 60_000]);
  const half: Random = { bytes: (count) => new Uint8Array(count).fill(0x80) };
  const none: Random = { bytes: (count) => new Uint8Array(count) };
  t.equal(jitteredMs(4, 50, pauseMsMax, none), 0);
  t.ok(Math.abs(jitteredMs(4, 50, pauseMsMax, half) - 200) < 5);
  t.equal(fractionOf(none), 0);
  t.ok(fractionOf(longestPauses) < 1);
  t.end();
});

t.test("an issuer that asks to be left alone is, for a minute at most while the credential lives", (t) => {
  const lease = { attempts: 1, expiresAt: 10_000_000 };
  const after = (retryAfterMs: number | undefined) =>
    pauseMs(lease, { askedAt: 0, now: 0, retryAfterMs }, longestPauses);
  t.equal(after(undefined), 50);
  t.equal(after(7_000), 7_000);
  t.equal(after(60_001), 60_000);
  t.equal(after(Number.POSITIVE_INFINITY), 60_000);
  for (const nonsense of [Number.NaN, -5, 0]) t.equal(after(nonsense), 50);
  t.end();
});

t.test("Retry-After holds back what is tried again at that issuer, and no run's end", async (t) => {
  const world = makeWorld();
  const { clock, issuer, revoker } = world;
  const [first, second, running] = [await leaveLease(world), await leaveLease(world), await leaveLease(world)];
  issuer.onRevoke = async () => {
    throw new IssuerFailure("issuer_unavailable", "429", undefined, 30_000);
  };
  await revoker.end(first, leftOpen);
  void revoker.end(second, leftOpen);
  await clock.advance(1_000);
  t.equal(countOf(issuer.asked, "revoke"), 1);
  issuer.onRevoke = (usual) => usual();
  t.match(await revoker.end(running, { ...leftOpen, urgency: "run" }), { state: "revoked" });
  await settle();
  t.match(world.store.lease(second.runId), { state: "revoked" }, "an answer says that it speaks again");
});

t.test("[CRED-21] [CRASH-17] the next try is in the ledger: a restart neither forgets nor hammers", async (t) => {
  const world = makeWorld();
  const { clock, store, issuer } = world;
  const lease = await leaveLease(world);
  issuer.onRevoke = refusal;
  void world.revoker.end(lease, leftOpen);
  await clock.advance(30_000);
  const left = store.lease(lease.runId) as Lease;
  const dueInMs = (left.nextAttemptAt ?? 0) - clock.nowMs();
  t.ok(left.attempts > 5 && dueInMs > 1_000, `${left.attempts} tries, the next in ${dueInMs} ms`);
  await world.revoker.close();

  const before = issuer.asked.length;
  const next = restarted(world);
  void next.revoker.end(left, { ...leftOpen, whenDue: true });
  await clock.advance(dueInMs - 1);
  t.equal(issuer.asked.length, before, "not before its time");
  await clock.advance(1);
  t.equal(issuer.asked.length, before + 1);
  t.equal(store.lease(lease.runId)?.attempts, left.attempts + 1, "and counted on");
  await next.revoker.close();
});

t.test("[CRED-32] a wall clock that is set back by a day holds no try up for longer than its pause", async (t) => {
  const world = makeWorld();
  const { clock, store, issuer } = world;
  const lease = await leaveLease(world, { nextAttemptAt: clock.nowMs() + 20_000, state: "unconfirmed" });
  clock.step(-86_400_000);
  void world.revoker.end(lease, { ...leftOpen, whenDue: true });
  await clock.advance(pauseMsMax);
  t.match(store.lease(lease.runId), { state: "revoked" });
  t.equal(issuer.live.size, 0);
});

// ─── Once, however often it is asked for ───────────────────────────────────────────────────────────────────────────

t.test("[CRED-22] ended twice, ended in parallel, ended when it is dead: no error, and one entry a try", async (t) => {
  const world = makeWorld();
  const { issuer, revoker, events } = world;
  const lease = await leaveLease(world);
  const all = await Promise.all([1, 2, 3].map(() => revoker.end(lease, { ...leftOpen, urgency: "run" })));
  t.same(
    all.map(({ state }) => state),
    ["revoked", "revoked", "revoked"],
  );
  const [dead] = all;
  t.same(await revoker.end(dead as Lease, leftOpen), dead, "what is proven dead isn't asked about again");
  t.equal(countOf(issuer.asked, "revoke"), 1);
  t.same(events(lease.runId), ["revoking", "revoked"]);
});

t.test("[CRED-22] a lease that its issuer never knew, or that has expired: success, on proof", async (t) => {
  const world = makeWorld();
  const unknown = await leaveLease(world);
  const expired = await leaveLease(world, { expiresAt: world.clock.nowMs() - 1 });
  world.issuer.live.clear();
  for (const lease of [unknown, expired]) t.match(await world.revoker.end(lease, leftOpen), { state: "revoked" });
});

t.test("[CRED-22] each failed try is one entry in the audit, and the end's beginning one", async (t) => {
  const world = makeWorld();
  const lease = await leaveLease(world);
  world.issuer.onRevoke = down;
  void world.revoker.end(lease, leftOpen);
  await world.clock.advance(50 + 100 + 200);
  const tries = countOf(world.issuer.asked, "revoke");
  t.equal(tries, 4);
  t.same(world.events(lease.runId), ["revoking", ...Array.from({ length: tries }, () => "unconfirmed")]);
});

t.test("somebody urgent doesn't wait for a pause, and the try that is under way counts for both", async (t) => {
  const world = makeWorld();
  const { clock, issuer, revoker } = world;
  const lease = await leaveLease(world);
  issuer.onRevoke = down;
  void revoker.end(lease, leftOpen);
  await clock.advance(20_000);
  const before = countOf(issuer.asked, "revoke");
  const answer = held<void>();
  issuer.onRevoke = async (usual) => {
    await answer.promise;
    return usual();
  };
  const [one, two] = [1, 2].map(() => revoker.end(lease, { ...leftOpen, urgency: "operator" }));
  await settle();
  t.equal(countOf(issuer.asked, "revoke"), before + 1);
  answer.resolve();
  t.match(await Promise.all([one, two]), [{ state: "revoked" }, { state: "revoked" }]);
});

t.test(
  "[CRED-20] what is found while a proof is under way is asked for once more: that proof may not have seen it",
  async (t) => {
    const world = makeWorld();
    const { issuer, revoker, store } = world;
    const lease = await leaveLease(world);
    const answer = held<void>();
    issuer.onProve = async (usual) => {
      const proof = await usual();
      await answer.promise;
      return proof;
    };
    const first = revoker.end(lease, leftOpen);
    await settle();
    issuer.live.set(lease.runId, "issued late");
    const second = revoker.end(lease, { ...leftOpen, found: true });
    answer.resolve();
    await first;
    t.match(await second, { state: "revoked" });
    t.equal(issuer.live.size, 0);
    t.equal(store.lease(lease.runId)?.state, "revoked");
  },
);

t.test(
  "a proof is never taken back by a failure: another process was first, and we can't reach the issuer",
  async (t) => {
    const world = makeWorld();
    const { clock, store, issuer, revoker } = world;
    const lease = await leaveLease(world);
    issuer.onRevoke = async () => {
      await store.commit([{ put: "lease", lease: { ...lease, state: "revoked", proof: "elsewhere", revokedAt: 7 } }]);
      throw new IssuerFailure("issuer_unavailable", "connection refused");
    };
    t.match(await revoker.end(lease, leftOpen), { state: "revoked", proof: "elsewhere" });
    await clock.advance(120_000);
    t.match(store.lease(lease.runId), { state: "revoked", proof: "elsewhere" });
    t.equal(countOf(issuer.asked, "revoke"), 1);
  },
);

t.test("[CRED-20] a credential that its issuer makes after the proof is found by a second look", async (t) => {
  const world = makeWorld();
  const { clock, issuer, revoker, store } = world;
  const lease = await leaveLease(world, { state: "intended", issuedAt: null });
  issuer.live.clear(); // the question is on its way
  t.match(await revoker.end(lease, leftOpen), { state: "revoked" });
  issuer.live.set(lease.runId, "made after the proof");
  await clock.advance(issuerTimeoutMs);
  t.equal(issuer.live.size, 0);
  t.match(store.lease(lease.runId), { state: "revoked" });
  t.same(world.events(lease.runId), ["revoking", "revoked", "revoking", "revoked"]);
});
