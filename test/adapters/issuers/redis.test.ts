// The Redis issuer on a real server: the contract, and what Redis does beyond it. Whoever tries a credential here is an
// independent client, as a thief would have it.
import t, { type Test } from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import type { LeaseRef } from "../../../runtime/ports/credential-issuer.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import {
  type IssuerUnderTest,
  issuerContract,
  issuerLaws,
  newLease,
} from "../../../runtime/testkit/issuer-contract.ts";
import { hasRedisServer, startRedis } from "../../../runtime/testkit/redis-server.ts";
import { accepted, connectAs, type Opening, openIssuer, type RedisClient, userOf } from "./redis-peers.ts";
import { openWire } from "./wire.ts";

if (!hasRedisServer()) {
  t.plan(0, "no redis-server of at least 7 on this machine");
  process.exit();
}

const signal = new AbortController().signal;
const server = await startRedis();
const root = await connectAs(server.rootUrl);
await root.set("orders:1", "one");
await root.set("secret", "hidden");
t.teardown(async () => {
  root.destroy();
  await server.stop();
});

function urlOf(lease: LeaseRef, secret: string): string {
  const url = new URL(server.rootUrl);
  Object.assign(url, { username: userOf(lease), password: secret });
  return url.href;
}

const login = (lease: LeaseRef, secret: string) => connectAs(urlOf(lease, secret));

async function openUnderTest(): Promise<IssuerUnderTest> {
  const proxy = await startFaultyProxy({ port: server.port, speaks: "other" });
  const url = new URL(server.adminUrl);
  url.port = String(proxy.port);
  const issuer = openIssuer({ adminUrl: url.href });
  const opened: RedisClient[] = [];
  return {
    issuer,
    scope: ["get,mget:orders:*"],
    scopesRefused: [
      ["orders:*"],
      ["get"],
      ["get:"],
      ["get:*"],
      ["get:?x"],
      ["get:[a-z]"],
      ["get:a\\b"],
      ["get:a b"],
      ["get:a\n"],
      ["get:a)"],
      ["get:a(+set"],
      ['get:"a"'],
      ["get:~a"],
      ["get:%R~a"],
      ["get,get:a"],
      ["get,:a"],
      ["GET:a"],
      ["+get:a"],
      ["@all:a"],
      ["@dangerous:a"],
      ["@keyspace:a"],
      ["@key:a"],
      ["@admin:a"],
      ["@scripting:a"],
      ["@connection:a"],
      ...["acl", "auth", "client", "config", "debug", "eval", "flushall", "hello", "keys", "module", "multi"].map(
        (word) => [`${word}:a`],
      ),
      ...["blpop", "copy", "dump", "migrate", "monitor", "move", "object", "randomkey", "reset", "restore", "scan"].map(
        (word) => [`${word}:a`],
      ),
      ...["script", "select", "sort", "sort_ro", "subscribe", "swapdb", "publish", "fcall", "acl|setuser"].map(
        (word) => [`${word}:a`],
      ),
      ["get:&a"],
      ["subscribe:&a"],
      ["publish:&*"],
      [`get:${"x".repeat(257)}`],
      ["get:ſ"],
      ["get:orders:*", "config:orders:*"],
      Array.from({ length: 65 }, (_, index) => `get:k${index}`),
    ],
    nowMs: () => systemClock.nowMs(),
    async tryAtResource(lease, secret) {
      const client = await login(lease, secret).catch(() => undefined);
      if (client === undefined) return "refused";
      const tried = await accepted(client.get("orders:1"));
      client.destroy();
      return tried;
    },
    async openSession(lease, secret) {
      const client = await login(lease, secret);
      opened.push(client);
      return () => accepted(client.get("orders:1"));
    },
    elsewhere: async () => openIssuer({ adminUrl: server.adminUrl, installed: "ffffffff" }),
    takeDown: async () => proxy.behave("silent"),
    misbehave: (how) => proxy.behave(how),
    async close() {
      for (const client of opened) client.destroy();
      await issuer.close();
      await proxy.close();
      const users = await root.sendCommand(["ACL", "USERS"]);
      const left = (users as unknown as string[]).filter((name) => name.startsWith("mayfly_"));
      if (left.length > 0) await root.sendCommand(["ACL", "DELUSER", ...left]);
    },
  };
}

t.test("the contract", { timeout: 180_000 }, async (t) => {
  await issuerContract(t, "redis", openUnderTest);
});

t.test("the contract catches an issuer that doesn't revoke", async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("what it revokes is refused at the resource"));
  const under = await openUnderTest();
  under.issuer.revoke = async () => {};
  await t.rejects(async () => law?.hold(under));
  await under.close();
});

t.test("the contract catches an issuer that turns the user off and leaves its connections", async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("a session that was opened before"));
  const under = await openUnderTest();
  under.issuer.revoke = async (lease) => void (await root.sendCommand(["ACL", "SETUSER", userOf(lease), "off"]));
  await t.rejects(async () => law?.hold(under));
  await under.close();
});

async function issued(t: Test, scope: readonly string[] = ["get,mget:orders:*"], opening: Partial<Opening> = {}) {
  const issuer = openIssuer({ adminUrl: server.adminUrl, ...opening });
  const lease = newLease();
  const request = { lease, job: "sync", tenant: "default", scope, purpose: "test" };
  const again = () => issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal);
  const { secret } = await again();
  t.teardown(async () => {
    await root.sendCommand(["ACL", "DELUSER", userOf(lease)]);
    await issuer.close();
  });
  return { issuer, lease, secret, again, user: userOf(lease) };
}

const describeUser = (user: string) => root.sendCommand(["ACL", "GETUSER", user]) as Promise<unknown>;

t.test("the user can do what its scope says, and nothing else [CRED-36]", async (t) => {
  const scope = ["get,set:orders:*", "@read:stats:?", "incr:counter", "publish:&events.*"];
  const { lease, secret } = await issued(t, scope);
  const client = await login(lease, secret);
  t.teardown(() => client.destroy());
  for (const command of [
    ["SET", "orders:2", "two"],
    ["GET", "orders:2"],
    ["HGETALL", "stats:1"],
    ["TTL", "stats:1"],
    ["INCR", "counter"],
    ["PUBLISH", "events.sync", "done"],
  ]) {
    t.equal(await accepted(client.sendCommand(command)), "accepted", command.join(" "));
  }
  for (const command of [
    ["GET", "secret"],
    ["GET", "Orders:2"],
    ["SET", "stats:1", "x"], // the commands of one entry on the keys of another
    ["GET", "counter"],
    ["INCR", "orders:2"],
    ["MGET", "orders:1"],
    ["HGETALL", "stats:11"],
    ["PUBLISH", "other", "x"],
    ["SUBSCRIBE", "events.sync"],
    ["PSUBSCRIBE", "*"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["RANDOMKEY"],
    ["DBSIZE"],
    ["SELECT", "1"],
    ["SORT", "orders:1", "BY", "nosort", "GET", "secret"],
    ["EVAL", "return redis.call('get', 'secret')", "0"],
    ["COPY", "orders:2", "orders:3", "DB", "1"],
    ["ACL", "WHOAMI"],
    ["CONFIG", "GET", "*"],
    ["CLIENT", "LIST"],
    ["OBJECT", "ENCODING", "orders:1"],
    ["DUMP", "orders:1"],
    ["MULTI"],
    ["FLUSHALL"],
    ["SHUTDOWN", "NOSAVE"],
    ["MONITOR"],
  ]) {
    await t.rejects(client.sendCommand(command), /NOPERM/, command.join(" "));
  }
});

t.test(
  "the password is in nothing that the issuer says to the server, nor in what the server keeps [CRED-16]",
  async (t) => {
    const wire = await openWire(server.port);
    t.teardown(() => wire.close());
    const { secret, user, issuer, lease } = await issued(t, undefined, { adminUrl: wire.url(server.adminUrl) });
    t.notOk(JSON.stringify(await describeUser(user)).includes(secret));
    t.match(JSON.stringify(await describeUser(user)), /"[0-9a-f]{64}"/, "its hash");
    await issuer.revoke(lease, signal);
    t.match(wire.sent(), new RegExp(`SETUSER\\r\\n.*${user}`, "s"), "what is said is seen here");
    t.notOk(wire.sent().includes(secret));
    const careless = await connectAs(wire.url(server.rootUrl));
    await careless.sendCommand(["ACL", "SETUSER", "careless", ">shown-to-the-server"]);
    await careless.sendCommand(["ACL", "DELUSER", "careless"]);
    careless.destroy();
    t.match(wire.sent(), /shown-to-the-server/, "and a password would be seen");
  },
);

t.test("a second issue for a run cuts whoever had logged in with the first secret", async (t) => {
  const { lease, secret, again } = await issued(t);
  const first = await login(lease, secret);
  t.teardown(() => first.destroy());
  t.equal(await accepted(first.get("orders:1")), "accepted");
  await again();
  t.equal(await accepted(first.get("orders:1")), "refused");
  t.equal(await accepted(login(lease, secret)), "refused");
});

t.test(
  "a revocation cuts a connection that waits for a message, one that streams, and one that does nothing",
  async (t) => {
    const { issuer, lease, secret } = await issued(t, ["xread:orders:*", "get:orders:*"]);
    const clients = await Promise.all([0, 1, 2].map(() => login(lease, secret)));
    const waiting = accepted(
      (clients[0] as RedisClient).sendCommand(["XREAD", "BLOCK", "0", "STREAMS", "orders:s", "$"]),
    );
    const ended = clients.map((client) => new Promise((resolve) => client.once("terminated", resolve)));
    await issuer.revoke(lease, signal);
    t.equal(await waiting, "refused");
    await Promise.all(ended);
    t.match(await issuer.prove(lease, secret, signal), {
      verdict: "dead",
      how: /no such user; CLIENT LIST: no connection; login: WRONGPASS/,
    });
  },
);

t.test("a proof says what it saw: a user, a login, or neither", async (t) => {
  const { issuer, lease, secret, user } = await issued(t);
  t.match(await issuer.prove(lease, secret, signal), { verdict: "alive", how: /exists, with 0 connections/ });
  await root.sendCommand(["ACL", "SETUSER", user, "off"]);
  t.match(await issuer.prove(lease, secret, signal), { verdict: "alive" }, "off is not gone: somebody may turn it on");
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
});
