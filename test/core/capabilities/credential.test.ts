// The credential capability alone: who may ask in which way, what is handed out for each delivery, and what remains of it
// once the lease has ended. Issuing and ending are the broker's.
import t from "tap";
import { type CallContext, Denied, Failed } from "../../../runtime/core/capabilities/capability.ts";
import { makeCredential } from "../../../runtime/core/capabilities/credential.ts";
import type { LiveLease } from "../../../runtime/core/leases/broker.ts";
import type { CredentialGrant, Delivery } from "../../../runtime/model/grant.ts";
import { leaseIdOf, runIdFrom } from "../../../runtime/model/ids.ts";
import { noUsage } from "../../../runtime/model/run.ts";
import { IssuerFailure, type QueryRequest } from "../../../runtime/ports/credential-issuer.ts";
import { inOnePiece } from "../../../runtime/ports/http-client.ts";

const upload = () => inOnePiece(new Uint8Array(0));

const runId = runIdFrom(new Uint8Array(16));
const secret = "the-secret-itself";

function grantOf(delivery: Delivery): CredentialGrant {
  const base = { issuer: "partner", scope: ["a"], ttlMs: 60_000, delivery, purpose: "test" };
  const grant: CredentialGrant = { ...base, idleMs: null, usesMax: null, onLeak: "revoke" };
  if (delivery === "sealed") {
    const sealed = { place: { header: "authorization" }, hosts: ["a.example"], requests: null, perRequest: 1 };
    return { ...grant, sealed };
  }
  if (delivery === "query") return { ...grant, query: { write: false, rowsMax: 10, bytesMax: 100, timeMs: 2_000 } };
  return grant;
}

function open(
  grant: CredentialGrant | null,
  answer: (query: QueryRequest) => unknown = () => ({ columns: [], rows: [] }),
) {
  let acquired = 0;
  let ended = false;
  const stop = new AbortController();
  const context: CallContext = { signal: stop.signal, record: async () => {}, usage: { ...noUsage }, upload };
  const lease = {
    id: leaseIdOf(runId),
    runId,
    job: "job",
    issuer: "partner",
    state: "issued",
    scope: ["a"],
    purpose: "test",
    delivery: grant?.delivery ?? "revealed",
    intendedAt: 1,
    issuedAt: 2,
    expiresAt: 60_000,
    revokedAt: null,
    proof: null,
    attempts: 0,
    nextAttemptAt: null,
    lastError: null,
    handle: null,
  } satisfies LiveLease["lease"];
  const live: LiveLease = {
    lease,
    secret: () => (ended ? undefined : secret),
    egress: () => undefined,
    parts: [secret],
    standing: () => (ended ? "ended" : "live"),
    use: () => (ended ? "ended" : "live"),
    query: async (query) => answer(query) as never,
    command: async (command) => answer(command as never) as never,
    exec: async (exec) => answer(exec as never) as never,
  };
  const capability = makeCredential({
    job: "job",
    grant,
    random: { bytes: (count) => new Uint8Array(count).fill(7) },
    acquire: async () => {
      acquired += 1;
      return live;
    },
  });
  const { "credential.fetch": fetchOp, "credential.query": queryOp } = capability.operations;
  return {
    capability,
    acquired: () => acquired,
    end: () => {
      ended = true;
    },
    stop: () => stop.abort(),
    fetch: async () => {
      const plan = await fetchOp.authorize({}, new Uint8Array(0), context);
      return (await fetchOp.act(plan, new Uint8Array(0), context)).value;
    },
    query: async (sql: string) => {
      const plan = await queryOp.authorize({ sql, params: [] }, new Uint8Array(0), context);
      return JSON.parse(Buffer.from((await queryOp.act(plan, new Uint8Array(0), context)).body ?? []).toString());
    },
  };
}

t.test("[CRED-04] a job without a grant: told what to add to its config, and nobody is asked", async (t) => {
  const { fetch, query, acquired, capability } = open(null);
  await t.rejects(fetch(), { name: "Denied", code: "grant", remedy: /credential: .* in jobs\.job/ });
  await t.rejects(query("select 1"), { name: "Denied", code: "grant" });
  t.equal(acquired(), 0);
  t.equal(capability.sealed, null);
});

t.test("asking in another way than was granted", async (t) => {
  const revealed = open(grantOf("revealed"));
  await t.rejects(revealed.query("select 1"), { code: "grant", remedy: 'credential.delivery: "query"' });
  const byQuery = open(grantOf("query"));
  await t.rejects(byQuery.fetch(), { code: "grant", message: /credential\.query/ });
  t.equal(revealed.acquired() + byQuery.acquired(), 0);
});

t.test("revealed: the value itself, and when it ends", async (t) => {
  t.same(await open(grantOf("revealed")).fetch(), { value: secret, expiresAt: 60_000 });
});

t.test("sealed: a placeholder that says nothing; egress alone can tell what it stands for", async (t) => {
  const { fetch, capability, end } = open(grantOf("sealed"));
  t.equal(capability.sealed?.reveal(), undefined, "before the first fetch there is nothing to reveal");
  const answer = await fetch();
  const placeholder = `mayfly-sealed-${"07".repeat(16)}`;
  t.same(answer, { value: placeholder, expiresAt: 60_000 });
  t.notMatch(JSON.stringify(answer), new RegExp(secret));
  t.match(capability.sealed, { placeholder, place: { header: "authorization" }, hosts: ["a.example"] });
  t.equal(capability.sealed?.reveal(), secret);
  end();
  t.equal(capability.sealed?.reveal(), undefined, "nor when the lease has ended");
});

t.test("sealed without a place is not sealed: there is no header to put it in", async (t) => {
  const { sealed: _, ...without } = grantOf("sealed");
  t.equal(open(without).capability.sealed, null);
});

t.test(
  "asked again, after the lease has ended or the run is over: refused, whatever was handed out before",
  async (t) => {
    const first = open(grantOf("revealed"));
    await first.fetch();
    first.end();
    await t.rejects(first.fetch(), { name: "Denied", code: "ended" });
    const second = open(grantOf("sealed"));
    second.stop();
    await t.rejects(second.fetch(), { name: "Denied", code: "ended" });
  },
);

t.test("queries go with the grant's bounds, whatever the job says", async (t) => {
  const asked: QueryRequest[] = [];
  const { query } = open(grantOf("query"), (request) => {
    asked.push(request);
    return { columns: ["a"], rows: [[1]] };
  });
  t.same(await query("select a"), { columns: ["a"], rows: [[1]] });
  t.same(asked, [{ sql: "select a", params: [], write: false, rowsMax: 10, bytesMax: 100, timeMs: 2_000 }]);
});

t.test("a query grant without bounds grants none", async (t) => {
  const { query: _, ...without } = grantOf("query");
  await t.rejects(open(without).query("select 1"), { code: "grant" });
});

t.test("an issuer that fails: its code for the job, and no word that could be a secret or a host's", async (t) => {
  const make = (thrown: unknown) =>
    makeCredential({
      job: "job",
      grant: grantOf("revealed"),
      random: { bytes: (count) => new Uint8Array(count) },
      acquire: () => Promise.reject(thrown),
    }).operations["credential.fetch"];
  const context: CallContext = {
    signal: new AbortController().signal,
    record: async () => {},
    usage: { ...noUsage },
    upload,
  };
  const act = async (thrown: unknown) => make(thrown).act(grantOf("revealed"), new Uint8Array(0), context);
  await t.rejects(act(new IssuerFailure("issuer_refused", "it said no")), { name: "Failed", code: "issuer_refused" });
  await t.rejects(act(new Error("connect ECONNREFUSED 10.0.0.1:5432")), {
    name: "Failed",
    code: "issuer_unavailable",
    message: "the credential can't be had now",
  });
  const limited = open(grantOf("query"), () => {
    throw new IssuerFailure("query_limit", "too slow");
  });
  await t.rejects(limited.query("select pg_sleep(9)"), { code: "query_limit", message: "too slow (time limit 2s)" });
  t.ok(new Denied("a", "b", "c") instanceof Error && new Failed("a", "b") instanceof Error);
});
