// What a crash leaves at the server, and that the next process ends it with nothing but the handle of the lease. The process
// that dies is played by an issuer whose last request is done by the server and not answered, and whose later ones are not
// done at all: it can end nothing any more.
import t from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { type CredentialIssuer, IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { issueTo, modes, never, open, requestFor, start } from "../../support/oauth-issuers.ts";
import { type Meddler, type OidcServer, tryAtResource } from "../../support/oidc-server.ts";

/** Its nth request is the last one. */
function deadAfter(request: number): Meddler {
  let count = 0;
  return async (context, next) => {
    count += 1;
    if (count <= request) await next();
    if (count >= request) context.socket.destroy();
  };
}

/** Of an issue where nothing goes wrong. */
async function requestsOf(server: OidcServer, issuer: CredentialIssuer): Promise<string[]> {
  const before = server.asked.length;
  const { lease } = await issueTo(issuer);
  const requests = server.asked.slice(before).map((asked) => asked.replace(/\/reg\/.*/, "/reg/…"));
  await issuer.revoke(lease, never);
  return requests;
}

type Mode = keyof typeof modes;

/** By mode: tokens and clients that a process which died after its nth request leaves, and what the next one leaves of them. */
const left: { [mode in Mode]: [request: string, before: number, live: number, clients: number, verdict: string][] } = {
  registration: [
    // The trial. Whether tokens end with clients here isn't known yet, so of a token that nobody heard of nothing is.
    ["POST /reg", 1, 0, 1, "dead"], // no token was asked for; the client's key died with us
    ["POST /token", 2, 0, 0, "unknowable"],
    ["POST /token/introspection", 2, 0, 0, "dead"],
    ["GET /reg/…", 2, 0, 0, "dead"],
    ["DELETE /reg/…", 0, 0, 0, "dead"],
    ["GET /reg/…", 0, 0, 0, "dead"],
    ["POST /token/introspection", 0, 0, 0, "dead"],
    // The run's own client.
    ["POST /reg", 1, 0, 1, "dead"],
    ["POST /token", 2, 0, 0, "dead"],
    ["POST /token/introspection", 2, 0, 0, "dead"],
  ],
  token: [
    ["POST /token", 1, 1, 0, "unknowable"], // lost: nobody holds it, and it expires
    ["POST /token/introspection", 1, 0, 0, "dead"],
  ],
};

for (const mode of Object.keys(left) as Mode[]) {
  t.test(
    `[CRASH-01] [CRED-20] mode ${mode}: dead after any request of an issue, and the next process ends what is left`,
    async (t) => {
      const sample = await start(t);
      t.same(
        await requestsOf(sample, await open(t, sample, modes[mode])),
        left[mode].map(([request]) => request),
      );
      for (const [index, [request, before, live, clients, verdict]] of left[mode].entries()) {
        const about = `${index + 1}, ${request}`;
        const server = await start(t);
        const dying = await open(t, server, modes[mode]);
        server.meddle(deadAfter(index + 1));
        const lease = newLease();
        await t.rejects(issueTo(dying, lease), { code: "issuer_unavailable" }, about);
        server.meddle(undefined);
        t.equal(server.liveTokens().length + server.clients().length, before, `${about}: what was left`);
        const next = await open(t, server, modes[mode]);
        await next.revoke(lease, never);
        const proof = await next.prove(lease, undefined, never);
        t.equal(server.liveTokens().length, live, `${about}: tokens`);
        t.equal(server.clients().length, clients, `${about}: clients`);
        t.equal(proof.verdict, verdict, `${about}: ${proof.how}`);
      }
    },
  );

  t.test(`[CRASH-09] mode ${mode}: what can't be noted isn't asked for, and what was asked is ended`, async (t) => {
    for (let failing = 1; failing <= (mode === "token" ? 3 : 4); failing += 1) {
      const server = await start(t);
      const issuer = await open(t, server, modes[mode]);
      let notes = 0;
      const note = async () => {
        notes += 1;
        if (notes === failing) throw new Error("disk full");
      };
      const lease = newLease();
      await t.rejects(issuer.issue(requestFor(lease), never, note), { message: "disk full" });
      t.same(server.liveTokens(), [], `note ${failing}`);
      t.same(server.clients(), [], `note ${failing}`);
      if (failing === 1) t.notOk(server.asked.includes("POST /token"));
      // A client that nobody could note is gone as well, only whether tokens would be wasn't known yet.
      const isUnsure = mode === "registration" && failing === 1;
      t.equal((await issuer.prove(lease, undefined, never)).verdict, isUnsure ? "unknowable" : "dead");
    }
  });

  t.test(
    `mode ${mode}: the run ends at any note of its issue, and is ended again after it: dead, both times`,
    async (t) => {
      for (let last = 1; last <= (mode === "token" ? 3 : 1); last += 1) {
        const server = await start(t);
        const issuer = await open(t, server, modes[mode]);
        if (mode === "registration") await requestsOf(server, issuer); // the trial is over
        const asked = server.asked.length;
        const lease = newLease();
        let notes = 0;
        const note = async (handle: string) => {
          notes += 1;
          lease.handle = handle; // it is durable, and then it is refused
          if (notes === last) throw new IssuerFailure("issuer_unavailable", "the lease was ended");
        };
        await t.rejects(issuer.issue(requestFor(lease), never, note), { message: "the lease was ended" });
        t.equal(server.asked.slice(asked).includes("POST /token"), last > 1);
        for (const time of ["when the run ends", "when its issue is over"]) {
          await issuer.revoke(lease, never);
          const { verdict, how } = await issuer.prove(lease, undefined, never);
          t.equal(verdict, "dead", `note ${last}, ${time}: ${how}`);
        }
        t.same(server.liveTokens(), []);
      }
    },
  );

  t.test(
    `[CRED-20] mode ${mode}: an answer that comes after we gave up: the token is found and ended, or has no holder`,
    async (t) => {
      const server = await start(t);
      const issuer = await open(t, server, modes[mode]);
      if (mode === "registration") await requestsOf(server, issuer); // the trial is over
      const made = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<void>();
      server.meddle(async (context, next) => {
        await next();
        if (context.path !== "/token") return;
        made.resolve();
        await answered.promise;
      });
      const giveUp = new AbortController();
      const lease = newLease();
      const issuing = issuer.issue(requestFor(lease), giveUp.signal, async (handle) => {
        lease.handle = handle;
      });
      const failed = t.rejects(issuing, { code: "issuer_unavailable" });
      await made.promise;
      t.equal(server.liveTokens().length, 1, "it is there, and we don't know");
      giveUp.abort();
      await failed;
      answered.resolve();
      await issuer.revoke(lease, never);
      const { verdict, how } = await issuer.prove(lease, undefined, never);
      if (mode === "registration") t.same([verdict, server.liveTokens()], ["dead", []]);
      else t.match([verdict, how], ["unknowable", /the answer to the request for a token was lost; it expires by 2/]);
    },
  );

  t.test(`mode ${mode}: issued again by another process, the earlier token is ended first`, async (t) => {
    const server = await start(t);
    const { lease, issued: first } = await issueTo(await open(t, server, modes[mode]));
    const other = await open(t, server, modes[mode]);
    const { issued: second } = await issueTo(other, lease);
    t.equal(await tryAtResource(server, first.secret), "refused");
    t.equal(await tryAtResource(server, second.secret), "accepted");
    t.equal(server.liveTokens().length, 1);
  });

  t.test(`mode ${mode}: revoked by a handle that is a note behind, the newest is ended too`, async (t) => {
    const server = await start(t);
    const issuer = await open(t, server, modes[mode]);
    const { lease, notes } = await issueTo(issuer);
    const behind = { runId: lease.runId, handle: notes.at(-2) ?? lease.handle ?? "" };
    await issuer.revoke(behind, never);
    t.same(server.liveTokens(), []);
    t.equal((await issuer.prove(behind, undefined, never)).verdict, "dead");
  });
}

t.test("a lost token counts as dead when it has expired, and not before", async (t) => {
  const server = await start(t);
  let late = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + late };
  const issuer = await open(t, server, { ...modes.token, clock });
  server.meddle(deadAfter(1));
  const lease = newLease();
  const asked = systemClock.nowMs();
  await t.rejects(issueTo(issuer, lease));
  server.meddle(undefined);
  const verdictAt = async (ms: number) => {
    late = asked + ms - systemClock.nowMs();
    return (await issuer.prove(lease, undefined, never)).verdict;
  };
  t.equal(await verdictAt(50_000 + 299_000), "unknowable");
  t.equal(await verdictAt(50_000 + 301_000 + 8_000), "dead");
});

t.test("a handle that another version wrote ends nothing and proves nothing", async (t) => {
  const server = await start(t);
  const issuer = await open(t, server);
  const bad = [
    "",
    "x",
    "null",
    "[]",
    "{}",
    '{"v":2,"tokens":[],"until":0,"sure":true}',
    '{"v":1,"tokens":[1],"until":0,"sure":true}',
  ];
  for (const handle of bad) {
    const lease = { ...newLease(), handle };
    const thrown = async (work: Promise<unknown>) =>
      work.then(
        () => "done",
        (error: unknown) => error,
      );
    for (const error of [
      await thrown(issuer.revoke(lease, never)),
      await thrown(issuer.prove(lease, undefined, never)),
    ]) {
      t.ok(error instanceof IssuerFailure && error.code === "issuer_garbage", handle);
    }
  }
});
