// The Vault issuer before the stand-in: no Vault can be had here, and the stand-in follows its documented API.
import t, { type Test } from "tap";
import type { VaultIssuerParts } from "../../../runtime/adapters/issuers/vault.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import { type IssuerUnderTest, issuerContract, newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { notingInto, openWorld, path, requestFor, signal, type VaultWorld, type WorldOptions } from "./vault-world.ts";

async function openUnderTest(changes: Partial<VaultIssuerParts>): Promise<IssuerUnderTest> {
  const world = await openWorld();
  const proxy = await startFaultyProxy({ port: world.vault.port, speaks: "http" });
  const issuer = world.open({ url: new URL(`http://127.0.0.1:${proxy.port}`), ...changes });
  const use = async (secret: string) => (world.live.has(secret) ? ("accepted" as const) : ("refused" as const));
  return {
    issuer,
    scope: [path],
    scopesRefused: [["database/creds/other"], [path, path], [`${path}/`], ["../sys/mounts"], ["*"], ["__proto__"]],
    nowMs: () => systemClock.nowMs(),
    tryAtResource: (_lease, secret) => use(secret),
    openSession: async (_lease, secret) => () => use(secret),
    elsewhere: async () => world.open(changes),
    takeDown: () => proxy.close(),
    misbehave: (how) => proxy.behave(how),
    async close() {
      await issuer.close();
      await proxy.close();
      await world.vault.close();
    },
  };
}

t.test("the contract, with a management token", async (t) => {
  await issuerContract(t, "vault", async () => {
    const under = await openUnderTest({});
    return under;
  });
});

t.test("the contract, with logins' own tokens", async (t) => {
  await issuerContract(t, "vault", () => openUnderTest({ management: null }));
});

async function open(t: Test, options: WorldOptions = {}, changes: Partial<VaultIssuerParts> = {}) {
  const world = await openWorld(options);
  const issuer = world.open(changes);
  t.teardown(async () => {
    await issuer.close();
    await world.vault.close();
  });
  const issue = async (request = requestFor()) => {
    const issued = await issuer.issue(request, signal, notingInto(request.lease));
    return { ...issued, lease: request.lease as { runId: typeof request.lease.runId; handle?: string } };
  };
  return { ...world, issuer, issue };
}

/** Another process, after a crash: it has the handle and nothing else. */
function afterwards({ open }: VaultWorld, t: Test, changes: Partial<VaultIssuerParts> = {}) {
  const issuer = open(changes);
  t.teardown(() => issuer.close());
  return issuer;
}

/** The token of root and of management: what is there when no run is. */
const standing = 2;

for (const [name, changes] of [
  ["a management token", {}],
  ["its own token", { management: null }],
] as [string, Partial<VaultIssuerParts>][]) {
  t.test(`ended with ${name}: neither lease nor token is left, and both were looked for`, async (t) => {
    const { vault, live, issuer, issue } = await open(t, {}, changes);
    const { secret, lease, parts } = await issue();
    t.same(parts, [secret]);
    t.same([...live], [secret]);
    t.same(vault.leaseIds().length, 1);
    await issuer.revoke(lease, signal);
    t.same([live.size, vault.leaseIds(), vault.accessors().length], [0, [], standing]);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead", how: /lease: invalid/ });
  });

  t.test(`[CRED-20] a credential whose answer was lost ends all the same, with ${name}`, async (t) => {
    const world = await open(t, {}, changes);
    world.vault.cutAnswer(path);
    const request = requestFor();
    await t.rejects(world.issuer.issue(request, signal, notingInto(request.lease)), { code: "issuer_unavailable" });
    t.equal(world.live.size, 1, "Vault made it, and nobody heard");
    const later = afterwards(world, t, changes);
    t.match(await later.prove(request.lease, undefined, signal), { verdict: "alive" });
    await later.revoke(request.lease, signal);
    t.equal(world.live.size, 0);
    t.match(await later.prove(request.lease, undefined, signal), {
      verdict: "dead",
      how: /no credential was answered/,
    });
  });
}

t.test(
  "the accessor is noted before the credential is asked for, and the lease before it is handed over",
  async (t) => {
    const { vault, issuer, management } = await open(t);
    const at: string[][] = [];
    const handles: string[] = [];
    const request = requestFor();
    const { secret } = await issuer.issue(request, signal, async (handle) => {
      handles.push(handle);
      at.push(vault.requests.map(({ path }) => path));
    });
    t.notOk(at[0]?.includes(path));
    t.ok(at[0]?.includes("auth/jwt/login"));
    t.ok(at[1]?.includes(path));
    t.match(JSON.parse(handles[1] ?? ""), { accessor: /./, token: null, lease: /^database\/creds\/readonly\// });
    t.notOk(handles.join().includes(secret), "no secret in a handle");
    const shown = vault.requests.filter(({ path }) => path.includes("accessor"));
    t.ok(shown.every(({ token }) => token === management));
  },
);

t.test("a note that can't be kept yields no credential, and the token is gone again", async (t) => {
  const { vault, live, issuer } = await open(t);
  const full = async () => {
    throw new Error("disk full");
  };
  await t.rejects(issuer.issue(requestFor(), signal, full), /disk full/);
  t.same([live.size, vault.accessors().length], [0, standing]);
  await t.rejects(issuer.issue(requestFor(), signal), { code: "issuer_refused", message: /must be noted/ });
});

t.test("token and lease live no longer than asked, though the role would give an hour", async (t) => {
  const { vault, issue, management } = await open(t);
  const request = requestFor({ expiresAt: systemClock.nowMs() + 30_500 });
  const { lease, expiresAt } = await issue(request);
  t.ok(expiresAt <= request.expiresAt && expiresAt > request.expiresAt - 3_000);
  const { lease: id, accessor } = JSON.parse(lease.handle ?? "");
  const ask = async (path: string, body: object) => {
    const headers = { "x-vault-token": management };
    const answer = await fetch(`${vault.url}/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return ((await answer.json()) as { data: { ttl: number } }).data.ttl;
  };
  t.ok((await ask("sys/leases/lookup", { lease_id: id })) <= 30);
  t.ok((await ask("auth/token/lookup-accessor", { accessor })) <= 30);
});

t.test("[CRED-32] when nobody lives to revoke, the token's time ends both, and that is proven", async (t) => {
  let now = systemClock.nowMs();
  const clock: Clock = { ...systemClock, nowMs: () => now };
  for (const changes of [{}, { management: null }]) {
    const world = await open(t, { clock }, changes);
    const { lease, secret } = await world.issue(requestFor({ expiresAt: now + 30_000 }));
    now += 30_001;
    const later = afterwards(world, t, changes);
    const early = await later.prove(lease, undefined, signal);
    t.equal(early.verdict, changes.management === null ? "unknowable" : "dead", early.how);
    t.notOk(world.live.has(secret));
    now += 60_000;
    t.match(await later.prove(lease, undefined, signal), { verdict: "dead" });
  }
});

t.test("a lease that waits to be revoked is alive, whatever became of its token", async (t) => {
  const world = await open(t);
  const { lease, secret } = await world.issue();
  await world.vault.holdQueue(true);
  const { accessor } = JSON.parse(lease.handle ?? "");
  const headers = { "x-vault-token": world.vault.rootToken };
  const body = JSON.stringify({ accessor });
  await fetch(`${world.vault.url}/v1/auth/token/revoke-accessor`, { method: "POST", headers, body });
  t.match(await world.issuer.prove(lease, secret, signal), { verdict: "alive", how: /its lease is there still/ });
  t.same(
    (await world.issuer.sweep(signal)).map(({ runId }) => runId),
    [lease.runId],
  );
  await world.issuer.revoke(lease, signal);
  t.match(await world.issuer.prove(lease, secret, signal), { verdict: "dead" });
});

t.test("without a management token, a token that somebody else revoked proves nothing of its lease", async (t) => {
  const world = await open(t, {}, { management: null });
  const { lease } = await world.issue();
  await world.vault.holdQueue(true);
  const { accessor } = JSON.parse(lease.handle ?? "");
  const headers = { "x-vault-token": world.vault.rootToken };
  const body = JSON.stringify({ accessor });
  await fetch(`${world.vault.url}/v1/auth/token/revoke-accessor`, { method: "POST", headers, body });
  await world.issuer.revoke(lease, signal);
  t.equal(world.live.size, 1, "it is good still");
  t.match(await world.issuer.prove(lease, undefined, signal), { verdict: "unknowable", how: /can't be looked for/ });
  await world.vault.holdQueue(false);
});

t.test(
  "[CRED-29] a wrapped answer is unwrapped here; one that was opened on the way, or is another's, is refused",
  async (t) => {
    const { vault, live, issuer, issue } = await open(t, {}, { wrapS: 30 });
    const { secret, lease } = await issue();
    t.ok(live.has(secret));
    t.ok(vault.requests.some(({ path, token }) => path === "sys/wrapping/unwrap" && token?.startsWith("hvs.wrap.")));
    await issuer.revoke(lease, signal);

    vault.intercept(async (info) => {
      await fetch(`${vault.url}/v1/sys/wrapping/unwrap`, { method: "POST", headers: { "x-vault-token": info.token } });
      return info;
    });
    const opened = issuer.issue(requestFor(), signal, async () => {});
    await t.rejects(opened, { code: "issuer_garbage", message: /somebody else did/ });
    vault.intercept((info) => ({ ...info, creation_path: "sys/wrapping/wrap" }));
    const foreign = issuer.issue(requestFor(), signal, async () => {});
    await t.rejects(foreign, { code: "issuer_garbage", message: /none of its own/ });
    t.same([live.size, vault.accessors().length], [0, standing], "what was made is ended");
  },
);

t.test("a namespace goes with every request", async (t) => {
  const { issuer, issue, live } = await open(t, { namespace: "team-a" });
  const { lease } = await issue();
  await issuer.revoke(lease, signal);
  t.equal(live.size, 0);
  const without = await open(t, { namespace: "team-a" }, { namespace: null });
  await t.rejects(without.issue(), { code: "issuer_refused", message: /no handler for route/ });
});

t.test("[CRED-29] what the server can't do now is no refusal, and a token follows no redirect", async (t) => {
  const { vault, issuer, issue } = await open(t);
  const { lease } = await issue();
  const trap = await openWorld();
  t.teardown(() => trap.vault.close());
  const errors = JSON.stringify({ errors: ["x"] });
  const cases: [string, Parameters<typeof vault.answerWith>[0], RegExp, number | undefined][] = [
    ["sealed", { status: 503, body: JSON.stringify({ errors: ["Vault is sealed"] }) }, /sealed/, undefined],
    ["a standby", { status: 307, headers: { location: `${trap.vault.url}/v1/x` } }, /sends us elsewhere/, undefined],
    ["a replica", { status: 472, body: errors }, /standby/, undefined],
    ["a performance standby", { status: 473, body: errors }, /standby/, undefined],
    ["a quota", { status: 429, headers: { "retry-after": "12" }, body: errors }, /too many/, 12_000],
    ["behind its primary", { status: 412, body: errors }, /caught up/, undefined],
    ["broken", { status: 500, body: errors }, /failed/, undefined],
  ];
  for (const [name, answer, says, retryAfterMs] of cases) {
    vault.answerWith(answer);
    const expected = { code: "issuer_unavailable", message: says, retryAfterMs };
    await t.rejects(
      issuer.issue(requestFor(), signal, async () => {}),
      expected,
      name,
    );
    await t.rejects(issuer.revoke(lease, signal), expected, name);
    t.match(await issuer.prove(lease, undefined, signal), { verdict: "unknowable", how: says }, name);
  }
  t.same(trap.vault.requests, [], "nothing went after the redirect");
  for (const body of ["<!doctype html>", "", "[]", '{"errors":"x"}', "null"]) {
    for (const status of [200, 403]) {
      vault.answerWith({ status, body });
      t.match(await issuer.prove(lease, undefined, signal), { verdict: "unknowable" }, `${status} ${body}`);
      await t.rejects(issuer.revoke(lease, signal), { code: "issuer_garbage" }, `${status} ${body}`);
    }
  }
  vault.answerWith({ status: 403, body: JSON.stringify({ errors: ["permission denied"] }) });
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "unknowable" }, "that we may not ask is no death");
  vault.answerWith(undefined);
  await issuer.revoke(lease, signal);
});

t.test("a role of the wrong kind is refused with what it should be, and its token is revoked", async (t) => {
  const cases: [string, WorldOptions, RegExp, number?][] = [
    ["batch tokens", { role: { type: "batch" } }, /batch tokens, which nobody can revoke/, standing + 1],
    ["root", { role: { policies: ["root"] } }, /policy root/],
    ["limited uses", { role: { uses: 5 } }, /limited uses/],
    ["long tokens that stay long", { role: { renewable: false } }, /shorter token_ttl/],
    ["no right to the path", { role: { policies: [] } }, /read on database\/creds\/readonly/],
    ["leases that stay long", { dynamic: { renewable: false } }, /a lease of 3600 s/],
  ];
  for (const [name, options, says, left = standing] of cases) {
    const { vault, live, issuer } = await open(t, options);
    const error = await issuer.issue(requestFor(), signal, async () => {}).catch((thrown: unknown) => thrown);
    t.match(error, { code: /^issuer_(?:refused|garbage)$/, message: says }, name);
    t.same([live.size, vault.accessors().length], [0, left], `${name}: nothing is left`);
  }
  const alone = await open(t, { policies: { readers: { [path]: ["read"] } } }, { management: null });
  await t.rejects(alone.issue(), { code: "issuer_refused", message: /update on sys\/leases\/revoke/ });
  const weak = await open(t, { policies: { managers: { "sys/capabilities-self": ["update"] } } });
  await t.rejects(weak.issue(), { code: "issuer_refused", message: /the management token may not: .*revoke-accessor/ });
  t.equal(weak.vault.accessors().length, standing, "it is asked before anybody logs in");
});

t.test("[CRED-19] an answer that isn't what was asked for is refused, and what was made is ended", async (t) => {
  const { vault, live, issuer } = await open(t);
  const lies: [string, string, (answer: Record<string, unknown>) => Record<string, unknown>][] = [
    ["another path's lease", path, (answer) => ({ ...answer, lease_id: `other/${answer.lease_id}` })],
    ["a lease without a time", path, (answer) => ({ ...answer, lease_duration: 0 })],
    ["a time that is no number", path, (answer) => ({ ...answer, lease_duration: "60" })],
    ["no password", path, (answer) => ({ ...answer, data: { username: "u" } })],
    ["a password that is no text", path, (answer) => ({ ...answer, data: { password: { a: 1 } } })],
    ["a renewal that lengthens", "sys/leases/renew", (answer) => ({ ...answer, lease_duration: 7_200 })],
    ["a token that stays long", "auth/token/renew-self", (answer) => ({ ...answer, auth: { lease_duration: 7_200 } })],
  ];
  for (const [name, at, change] of lies) {
    vault.tamper(at, change);
    await t.rejects(
      issuer.issue(requestFor(), signal, async () => {}),
      { code: "issuer_garbage" },
      name,
    );
    vault.tamper(at, undefined);
    t.same([live.size, vault.accessors().length], [0, standing], name);
  }
  vault.tamper(path, (answer) => ({ ...answer, lease_id: "" }));
  await t.rejects(
    issuer.issue(requestFor(), signal, async () => {}),
    { code: "issuer_refused", message: /can't be ended/ },
  );
  vault.tamper(path, undefined);
  t.same([live.size, vault.accessors().length], [0, standing], "a static secret");
});

t.test("several fields are JSON, and each secret one is a part", async (t) => {
  const credentials = new Map([[path, { secret: ["password", "session"], with: ["username"] }]]);
  const { issue } = await open(t, { extra: { session: "s-1" } }, { credentials });
  const { secret, parts } = await issue();
  const value = JSON.parse(secret);
  t.same(Object.keys(value), ["username", "password", "session"]);
  t.same(parts, [value.password, "s-1"]);
});

t.test("an identity that Vault doesn't take gives nothing", async (t) => {
  const { issue, vault } = await open(
    t,
    {},
    { login: { mount: "jwt", role: "mayfly", audience: "https://other.test" } },
  );
  await t.rejects(issue(), { code: "issuer_refused", message: /error validating token/ });
  const unknown = await open(t, {}, { login: { mount: "jwt", role: "other", audience: "https://vault.test" } });
  await t.rejects(unknown.issue(), { code: "issuer_refused", message: /could not be found/ });
  t.equal(vault.accessors().length, standing);
});

t.test("a handle of before, and no management token any more: said, not guessed", async (t) => {
  const world = await open(t);
  const { lease } = await world.issue();
  const later = afterwards(world, t, { management: null });
  await t.rejects(later.revoke(lease, signal), { code: "issuer_refused", message: /there is none any more/ });
  t.match(await later.prove(lease, undefined, signal), { verdict: "unknowable" });
  await t.rejects(later.revoke({ ...newLease(), handle: '"x"' }, signal));
  await world.issuer.revoke(lease, signal);
});
