// Leases that are ended on demand, whatever their runs do: which ones, what their jobs see, and who hears of it.
import t from "tap";
import { pauseMsMax } from "../../../runtime/core/leases/back-off.ts";
import type { RunId } from "../../../runtime/model/ids.ts";
import {
  countOf,
  down,
  grant,
  held,
  leaveLease,
  leftOpen,
  makeWorld,
  newRunId,
  requestFor,
  restarted,
  scriptedIssuer,
  settle,
  type World,
} from "./world.ts";

async function threeRuns(world: World) {
  const runs: RunId[] = [];
  for (const [job, issuer] of [
    ["sync", "partner"],
    ["sync", "fine"],
    ["report", "fine"],
  ] as const) {
    const runId = newRunId();
    await world.broker.acquire({ ...requestFor(runId, world.clock), job, grant: { ...grant, issuer } });
    runs.push(runId);
  }
  return runs as [RunId, RunId, RunId];
}

t.test("by lease, run, job, issuer, or all: those are ended, and no others", async (t) => {
  const cases = [
    [([first]: RunId[]) => ({ lease: first?.replace("run_", "lease_") ?? "" }), 1],
    [([first]: RunId[]) => ({ run: first ?? "" }), 1],
    [() => ({ job: "sync" }), 2],
    [() => ({ issuer: "fine" }), 2],
    [() => ({ all: true as const }), 3],
    [() => ({ job: "nobody" }), 0],
    [() => ({ lease: "lease_x" }), 0],
    [() => ({ run: "../x" }), 0],
  ] as const;
  for (const [target, count] of cases) {
    const fine = scriptedIssuer();
    const world = makeWorld({ fine });
    const runs = await threeRuns(world);
    const heard: string[] = [];
    const ended = await world.broker.revoke(target(runs), "revoked: test", ({ runId }) => heard.push(runId));
    t.equal(ended.length, count);
    t.equal(heard.length, count);
    t.ok(ended.every(({ state }) => state === "revoked"));
    t.equal(world.issuer.live.size + fine.live.size, 3 - count);
    t.equal(world.store.openLeases().length, 3 - count);
  }
});

t.test(
  "[CRED-07] revoked in the middle of its run: dead at the resource, the job sees `ended`, and the run goes on",
  async (t) => {
    const world = makeWorld();
    const { broker, clock, issuer, events, store } = world;
    const runId = newRunId();
    const live = await broker.acquire(requestFor(runId, clock));
    t.equal(live.use(), "live");
    await broker.revoke({ run: runId }, "revoked: a leak, says the partner");
    t.equal(issuer.live.size, 0);
    t.same([live.secret(), live.standing(), live.use()], [undefined, "ended", "ended"]);
    await t.rejects(
      live.query({ sql: "", params: [], write: false, rowsMax: 1, bytesMax: 1, timeMs: 1 }, AbortSignal.any([])),
      {
        code: "issuer_refused",
      },
    );
    t.equal(
      (await broker.acquire(requestFor(runId, clock))).standing(),
      "ended",
      "there is no second one for this run",
    );
    t.match(await broker.end(runId), { state: "revoked" }, "the run's own end finds it proven");
    t.same(events(runId), ["intended", "issued", "revoking", "revoked"]);
    const why = store.auditEntries(1, 100).find(({ event }) => event.type === "lease.revoking");
    t.match(why?.event.detail, /a leak, says the partner/);
  },
);

t.test("[CRED-07] [CRED-20] revoked while it is being issued: the job never gets it", async (t) => {
  const { broker, clock, issuer, store } = makeWorld();
  const answer = held<void>();
  issuer.onIssue = async (usual) => {
    await answer.promise;
    return usual();
  };
  const runId = newRunId();
  const acquired = broker.acquire(requestFor(runId, clock));
  acquired.catch(() => undefined);
  await settle();
  const revoked = broker.revoke({ job: "sync" }, "revoked: test");
  await settle();
  answer.resolve();
  await t.rejects(acquired, { code: "issuer_unavailable" });
  t.match(await revoked, [{ state: "revoked" }]);
  t.equal(issuer.live.size, 0);
  await t.rejects(broker.acquire(requestFor(runId, clock)), { code: "issuer_unavailable" }, "nor another one");
  t.equal(countOf(issuer.asked, "issue"), 1);
  t.equal(store.lease(runId)?.state, "revoked");
});

t.test("[CRED-07] revoked by another process: the run's own finds out at the next use", async (t) => {
  const world = makeWorld();
  const { broker, clock, revoker } = world;
  const runId = newRunId();
  const live = await broker.acquire(requestFor(runId, clock));
  const elsewhere = restarted(world);
  t.match(await elsewhere.broker.revoke({ run: runId }, "revoked: test"), [{ state: "revoked" }]);
  t.equal(live.use(), "ended");
  t.equal(live.secret(), undefined);
  await settle();
  t.match(await broker.end(runId), { state: "revoked" });
  await Promise.all([revoker.close(), elsewhere.revoker.close()]);
});

t.test("an order for what is being ended already is in the audit by its own words", async (t) => {
  const world = makeWorld();
  const { broker, clock, issuer, store } = world;
  const lease = await leaveLease(world);
  issuer.onRevoke = down;
  void world.revoker.end(lease, leftOpen);
  await clock.advance(10_000);
  const revoked = broker.revoke({ lease: lease.id }, "revoked: now");
  await clock.advance(pauseMsMax);
  t.match(await revoked, [{ state: "unconfirmed" }]);
  const details = store.auditEntries(1, 100).map(({ event }) => event.detail);
  t.equal(details.filter((detail) => detail === "revoked: now").length, 1);
});
