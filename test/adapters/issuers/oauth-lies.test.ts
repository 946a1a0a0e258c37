// A server that gives other than what was asked for, and one that says it ended what it didn't. A real server stands behind
// each lie, so that what it really holds afterwards can be looked at: nothing.
import t from "tap";
import type { OauthIssuerParts } from "../../../runtime/adapters/issuers/oauth.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import { type CredentialIssuer, IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import {
  issueTo,
  makeSigner,
  modes,
  never,
  open,
  openIssuer,
  start,
  subjectIssuer,
} from "../../support/oauth-issuers.ts";
import { type Meddler, tryAtResource } from "../../support/oidc-server.ts";

/** Changes good answers of one endpoint; what the server did stays done. */
function changing(path: RegExp, change: (body: Record<string, unknown>) => unknown): Meddler {
  return async (context, next) => {
    await next();
    if (!path.test(context.path) || context.status >= 300) return;
    context.body = change(context.body as Record<string, unknown>);
    if (typeof context.body === "string") context.type = "text/html";
  };
}

const token = (words: Record<string, unknown>) => changing(/\/token$/, (body) => ({ ...body, ...words }));
const shown = (words: Record<string, unknown>) =>
  changing(/\/introspection$/, (body) => (body.active === true ? { ...body, ...words } : body));

const lies: [name: string, how: Meddler, code: IssuerFailure["code"], says: RegExp][] = [
  ["a token of type mac", token({ token_type: "mac" }), "issuer_garbage", /token endpoint/],
  ["a token of type DPoP", token({ token_type: "DPoP" }), "issuer_garbage", /type "dpop"; needed Bearer/],
  ["a token of no type", token({ token_type: undefined }), "issuer_garbage", /token endpoint/],
  ["no lifetime", token({ expires_in: undefined }), "issuer_garbage", /no lifetime; needed expires_in/],
  ["a lifetime of nothing", token({ expires_in: 0 }), "issuer_garbage", /no lifetime/],
  ["a lifetime in words", token({ expires_in: "soon" }), "issuer_garbage", /token endpoint/],
  ["a longer life", token({ expires_in: 51 }), "issuer_garbage", /a life of 51 s; needed at most 50 s/],
  ["a wider scope", token({ scope: "orders:read orders:write" }), "issuer_garbage", /wasn't asked for, "orders:write"/],
  ["a narrower scope", shown({ scope: "" }), "issuer_refused", /without "orders:read"/],
  ["an identity beside it", token({ id_token: "a.b.c" }), "issuer_garbage", /token endpoint/],
  ["a page of HTML", changing(/\/token$/, () => "<h1>welcome</h1>"), "issuer_garbage", /token endpoint/],
  ["a list", changing(/\/token$/, () => []), "issuer_garbage", /token endpoint/],
  [
    "an answer without end",
    changing(/\/token$/, () => ({ x: "x".repeat(300_000) })),
    "issuer_garbage",
    /more than 262144/,
  ],
  ["a token with a line break", token({ access_token: "a\nb" }), "issuer_garbage", /other characters than ASCII/],
  ["a token of a megabyte", token({ access_token: "a".repeat(16_385) }), "issuer_garbage", /16384 printable/],
  ["a token that it doesn't know itself", shown({ active: false }), "issuer_refused", /calls the token inactive/],
  [
    "a token that may more than its answer says",
    shown({ scope: "orders:read orders:write" }),
    "issuer_garbage",
    /orders:write/,
  ],
  [
    "a token that lives longer than its answer says",
    shown({ exp: 4_000_000_000 }),
    "issuer_garbage",
    /a life of \d+ s/,
  ],
  ["another client's token", shown({ client_id: "resource" }), "issuer_garbage", /another client's/],
  ["a token that is bound to a key", shown({ cnf: { jkt: "x" } }), "issuer_garbage", /bound to a key/],
  ["introspection that isn't one", shown({ active: "yes" }), "issuer_garbage", /introspection endpoint/],
];

/** Those of which the true token isn't in the answer: nobody can name it to the server. */
const unheard = [
  "a page of HTML",
  "a list",
  "an answer without end",
  "a token with a line break",
  "a token of a megabyte",
];

for (const [mode, changes] of Object.entries(modes)) {
  for (const [name, how, code, says] of lies) {
    t.test(`[CRED-19] [CRED-30] mode ${mode}: ${name} is refused, and what was made of it is ended`, async (t) => {
      const server = await start(t);
      const issuer = await open(t, server, changes);
      if (mode === "registration") await honest(issuer); // the trial is over
      server.meddle(how);
      const lease = newLease();
      const error = await issueTo(issuer, lease).catch((thrown: unknown) => thrown);
      if (!(error instanceof IssuerFailure)) return t.fail(`it was not refused: ${String(error)}`);
      t.equal(error.code, code);
      t.match(error.message, says);
      for (const { value } of server.liveTokens()) t.notMatch(error.message, value);
      const isLost = mode === "token" && unheard.includes(name);
      t.equal(server.liveTokens().length, isLost ? 1 : 0);
      t.same(server.clients(), []);
      server.meddle(undefined);
      await issuer.revoke(lease, never);
      const { verdict } = await issuer.prove(lease, undefined, never);
      // Introspection that has never said "active" proves nothing by saying "inactive".
      const isBlind = mode === "token" && /doesn't know itself|isn't one/.test(name);
      t.equal(verdict, isLost || isBlind ? "unknowable" : "dead");
    });
  }
}

async function honest(issuer: CredentialIssuer): Promise<void> {
  const { lease } = await issueTo(issuer);
  await issuer.revoke(lease, never);
}

t.test("[CRED-19] the edge of a life: as long as the config says is taken, a second more is not", async (t) => {
  const server = await start(t);
  for (const changes of Object.values(modes)) {
    await honest(await open(t, server, { ...changes, tokenLifeMs: 50_000 }));
    const stricter = await open(t, server, { ...changes, tokenLifeMs: 49_000 });
    await t.rejects(issueTo(stricter), { code: "issuer_garbage", message: /needed at most 49 s/ });
  }
  t.same(server.liveTokens(), []);
});

t.test("a run that may hold a token for less time than the server's live isn't asked for", async (t) => {
  const server = await start(t);
  const issuer = await open(t, server, modes.token);
  const asked = server.asked.length;
  const lease = newLease();
  const within = (ms: number) => ({ expiresAt: systemClock.nowMs() + ms });
  await t.rejects(issueTo(issuer, lease, within(57_000)), {
    code: "issuer_refused",
    message: /live 50 s; needed 8 s more/,
  });
  t.equal(server.asked.length, asked);
  t.match(await issuer.prove(lease, undefined, never), { verdict: "dead", how: /nothing was asked/ });
  const { lease: fits } = await issueTo(issuer, newLease(), within(59_000));
  await issuer.revoke(fits, never);
});

for (const refresh of ["apart", "together"] as const) {
  for (const [mode, changes] of Object.entries(modes)) {
    t.test(`[CRED-30] mode ${mode}: a refresh token, revoked ${refresh}, is never given on and not left`, async (t) => {
      const { identity, jwks } = await makeSigner();
      const server = await start(t, { subjects: { issuer: subjectIssuer, jwks }, refresh });
      const exchange: Partial<OauthIssuerParts> = { grant: "token-exchange", identity: async () => identity };
      const issuer = await open(t, server, { ...exchange, ...changes });
      const lease = newLease();
      if (refresh === "together") {
        await t.rejects(
          issueTo(issuer, lease),
          { code: "issuer_refused", message: /inactive/ },
          "it took the other along",
        );
        t.match(await issuer.prove(lease, undefined, never), { verdict: "dead" });
      } else {
        const { issued, notes } = await issueTo(issuer, lease);
        t.same(
          server.liveTokens().map(({ kind }) => kind),
          ["AccessToken"],
          "gone before the other is handed out",
        );
        t.notMatch(JSON.stringify(issued), /refresh/);
        t.equal(mode === "token" ? notes.some((note) => JSON.parse(note).tokens.length === 2) : true, true);
        t.equal(await tryAtResource(server, issued.secret), "accepted");
        await issuer.revoke(lease, never);
        t.match(await issuer.prove(lease, issued.secret, never), { verdict: "dead" });
      }
      t.same(server.liveTokens(), []);
    });
  }
}

t.test("[CRED-21] a server that says it has ended what it hasn't: alive is what the record says", async (t) => {
  const server = await start(t);
  const pretending: Meddler = async (context, next) => {
    if (context.path.endsWith("/revocation")) context.status = 200;
    else if (context.method === "DELETE") context.status = 204;
    else await next();
  };
  for (const changes of Object.values(modes)) {
    const issuer = await open(t, server, changes);
    if (changes === modes.registration) await honest(issuer);
    const { lease, issued } = await issueTo(issuer);
    server.meddle(pretending);
    await issuer.revoke(lease, never);
    t.match(await issuer.prove(lease, issued.secret, never), { verdict: "alive", how: /active/ });
    t.equal((await issuer.prove(lease, undefined, never)).verdict, "alive", "after a crash too");
    t.equal(await tryAtResource(server, issued.secret), "accepted");
    server.meddle(undefined);
    await issuer.revoke(lease, never);
    t.match(await issuer.prove(lease, issued.secret, never), { verdict: "dead" });
  }
  server.meddle(pretending);
  await t.rejects(issueTo(await open(t, server)), { message: /a deleted client isn't gone/ }, "and the trial finds it");
});

t.test("a revocation of what the server doesn't know is success, and is proof of nothing by itself", async (t) => {
  const server = await start(t);
  const issuer = await open(t, server, modes.token);
  const { lease, issued } = await issueTo(issuer);
  const other = { ...lease, handle: (lease.handle ?? "").replace(issued.secret, "unknown") };
  await (await open(t, server, modes.token)).revoke(other, never);
  t.equal(await tryAtResource(server, issued.secret), "accepted", "200 for an unknown token");
  await issuer.revoke(lease, never);
  t.equal(await tryAtResource(server, issued.secret), "refused");
});

const refusals: [name: string, answer: Meddler, failure: { code: string; retryAfterMs?: number }][] = [
  ["500", status(500), { code: "issuer_unavailable" }],
  ["503 with Retry-After", status(503, { "retry-after": "7" }), { code: "issuer_unavailable", retryAfterMs: 7_000 }],
  ["429 with Retry-After", status(429, { "retry-after": "7" }), { code: "issuer_refused", retryAfterMs: 7_000 }],
  ["403", status(403), { code: "issuer_" }],
  ["a redirect", status(302, { location: "http://127.0.0.1:1/" }), { code: "issuer_garbage" }],
  ["401 of something before it", status(401, { "www-authenticate": 'Basic realm="proxy"' }), { code: "issuer_" }],
];

function status(code: number, headers: Record<string, string> = {}): Meddler {
  return async (context, next) => {
    if (!context.path.endsWith("/revocation") && context.method !== "DELETE") return next();
    for (const [name, value] of Object.entries(headers)) context.set(name, value);
    context.body = "<h1>no</h1>";
    context.type = "text/html";
    context.status = code;
  };
}

for (const [name, answer, { code, retryAfterMs }] of refusals) {
  t.test(`[CRED-21] a revocation that is answered with ${name} is a failure, and a later one succeeds`, async (t) => {
    const server = await start(t);
    for (const changes of Object.values(modes)) {
      server.meddle(undefined);
      const issuer = await open(t, server, changes);
      const { lease, issued } = await issueTo(issuer);
      server.meddle(answer);
      const error = await issuer.revoke(lease, never).catch((thrown: unknown) => thrown);
      if (!(error instanceof IssuerFailure)) return t.fail(`revoked: ${String(error)}`);
      t.match(error.code, code);
      t.equal(error.retryAfterMs, retryAfterMs);
      t.equal((await issuer.prove(lease, issued.secret, never)).verdict, "alive");
      server.meddle(undefined);
      await issuer.revoke(lease, never);
      t.equal((await issuer.prove(lease, issued.secret, never)).verdict, "dead");
    }
  });
}

t.test("a server whose tokens outlive their client is found out before a run has one", async (t) => {
  const server = await start(t, { endsTokens: false });
  const issuer = await open(t, server);
  const lease = newLease();
  await t.rejects(issueTo(issuer, lease), {
    code: "issuer_refused",
    message: /a token outlives its deleted client .* mode: "token"/,
  });
  t.equal((await issuer.prove(lease, undefined, never)).verdict, "alive", "the token of the trial is not forgotten");
  const asked = server.asked.length;
  await t.rejects(issueTo(issuer), { code: "issuer_refused" });
  t.equal(server.asked.length, asked, "nor is another one made");
  const token = await open(t, server, modes.token);
  const { lease: other, issued } = await issueTo(token);
  await token.revoke(other, never);
  t.equal((await token.prove(other, issued.secret, never)).verdict, "dead", "one by one they can be ended there");
});

t.test(
  "a server that changes the registration access token, or gives none, can't be held to a client's end",
  async (t) => {
    const server = await start(t);
    server.meddle(async (context, next) => {
      await next();
      const body = context.body as Record<string, unknown>;
      if (context.method === "GET" && body.registration_access_token !== undefined)
        body.registration_access_token = "new";
    });
    await t.rejects(issueTo(await open(t, server)), { code: "issuer_refused", message: /reading a client changes/ });
    for (const words of [
      { registration_access_token: undefined },
      { registration_client_uri: undefined },
      { registration_client_uri: "http://127.0.0.1:1/reg/x" },
      { registration_client_uri: "//" },
    ]) {
      server.meddle(changing(/^\/reg$/, (body) => ({ ...body, ...words })));
      await t.rejects(issueTo(await open(t, server)), { code: "issuer_garbage", message: /can't be ended again/ });
    }
    t.same(server.liveTokens(), []);
  },
);

const lacking = (...endpoints: string[]): Meddler =>
  changing(/^\/\.well-known\//, (body) => ({
    ...body,
    ...Object.fromEntries(endpoints.map((name) => [name, undefined])),
  }));

t.test(
  "[CRED-30] a server without revocation or introspection is refused, unless the config says to live with it",
  async (t) => {
    const server = await start(t);
    const cases: [string[], Partial<OauthIssuerParts>, RegExp][] = [
      [["revocation_endpoint"], modes.token, /without revocation_endpoint[\s\S]*without: \["revocation"\]/],
      [["introspection_endpoint"], modes.token, /without introspection_endpoint/],
      [["introspection_endpoint"], { ...modes.token, without: ["revocation"] }, /without introspection_endpoint/],
      [["registration_endpoint"], modes.registration, /without registration_endpoint[\s\S]*mode: "token"/],
      [["introspection_endpoint"], modes.registration, /without introspection_endpoint/],
    ];
    for (const [endpoints, changes, says] of cases) {
      server.meddle(lacking(...endpoints));
      const error = await openIssuer(server, changes).catch((thrown: unknown) => thrown);
      t.ok(error instanceof MayflyError && error.code === "config_invalid", endpoints.join());
      t.match((error as MayflyError).describe(), says);
    }
  },
);

t.test(
  "[CRED-30] [CRED-32] what can't be asked is unknowable until it has expired, with room for clocks, and dead then",
  async (t) => {
    const server = await start(t);
    const cases: (readonly ("revocation" | "introspection")[])[] = [
      ["revocation", "introspection"],
      ["introspection"],
      ["revocation"],
    ];
    for (const without of cases) {
      let late = 0;
      const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + late };
      server.meddle(lacking(...without.map((each) => `${each}_endpoint`)));
      const issuer = await open(t, server, { ...modes.token, without, clock });
      const { lease, issued } = await issueTo(issuer);
      await issuer.revoke(lease, never);
      const verdict = async () => (await issuer.prove(lease, issued.secret, never)).verdict;
      const isAsked = !without.includes("introspection");
      t.equal(await verdict(), isAsked ? "alive" : "unknowable", `without ${without.join(" and ")}`);
      t.equal(await tryAtResource(server, issued.secret), without.includes("revocation") ? "accepted" : "refused");
      if (isAsked) continue; // this server's own clock can't be told
      late = issued.expiresAt + 300_000 - systemClock.nowMs() - 1_000;
      t.equal(await verdict(), "unknowable", "a second before its expiry and five minutes");
      late += 2_000;
      t.equal(await verdict(), "dead", "a second later");
    }
  },
);
