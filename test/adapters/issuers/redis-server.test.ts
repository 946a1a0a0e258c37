// The Redis issuer and the server around it: what it needs of a server and of its administrator, TLS, restarts, and what
// stands in the way.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import {
  hasRedisServer,
  type RedisOptions,
  redisAdminRules,
  startRedis,
} from "../../../runtime/testkit/redis-server.ts";
import { makeAuthority } from "../../egress/authority.ts";
import { accepted, connectAs, openIssuer, requestFor, userOf } from "./redis-peers.ts";
import { openWire } from "./wire.ts";

if (!hasRedisServer()) {
  t.plan(0, "no redis-server of at least 7 on this machine");
  process.exit();
}

const signal = new AbortController().signal;
const server = await startRedis();
const root = await connectAs(server.rootUrl);
t.teardown(async () => {
  root.destroy();
  await server.stop();
});

async function start(t: Test, options: RedisOptions) {
  const started = await startRedis(options);
  t.teardown(() => started.stop());
  return started;
}

function open(t: Test, ...opening: Parameters<typeof openIssuer>) {
  const issuer = openIssuer(...opening);
  t.teardown(() => issuer.close());
  return issuer;
}

t.test("a server whose default user needs no password is refused: its users would protect nothing", async (t) => {
  const { adminUrl } = await start(t, { openToAll: true });
  const issuer = open(t, { adminUrl });
  const lease = newLease();
  const message = /default is on and needs no password/;
  await t.rejects(issuer.issue(requestFor(lease), signal), { code: "issuer_refused", message });
  t.strictSame(await issuer.sweep(signal), []);
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" }, "ending is done all the same");
});

t.test("every right of the administrator's minimal set is needed", async (t) => {
  const rights = redisAdminRules.split(" ").filter((rule) => rule.startsWith("+"));
  const url = Object.assign(new URL(server.rootUrl), { username: "lesser", password: "lesser" });
  for (const right of rights) {
    const rules = redisAdminRules.split(" ").filter((rule) => rule !== right);
    await root.sendCommand(["ACL", "SETUSER", "lesser", "reset", "on", ">lesser", ...rules]);
    const issuer = openIssuer({ adminUrl: url.href });
    const lease = newLease();
    const whole = async () => {
      await issuer.issue(requestFor(lease), signal);
      await issuer.sweep(signal);
      await issuer.revoke(lease, signal);
    };
    await t.rejects(whole(), { code: "issuer_refused", message: /NOPERM/ }, right);
    await issuer.close();
    await root.sendCommand(["ACL", "DELUSER", userOf(lease)]);
  }
  await root.sendCommand(["ACL", "DELUSER", "lesser"]);
});

t.test("an administrator who may not cut connections is refused, and no user is left", async (t) => {
  const limited = await start(t, { adminRules: redisAdminRules.replace(" +client|kill", "") });
  const issuer = open(t, { adminUrl: limited.adminUrl });
  const asked = issuer.issue(requestFor(newLease()), signal);
  await t.rejects(asked, { code: "issuer_refused", message: /NOPERM.*client\|kill/ });
  t.strictSame(await issuer.sweep(signal), []);
});

t.test("a server that gives new users all channels gives none to ours", async (t) => {
  const lavish = await start(t, {});
  const there = await connectAs(lavish.rootUrl);
  t.teardown(() => there.destroy());
  await there.sendCommand(["CONFIG", "SET", "acl-pubsub-default", "allchannels"]);
  const issuer = open(t, { adminUrl: lavish.adminUrl });
  const lease = newLease();
  const { secret } = await issuer.issue(requestFor(lease, ["get:a", "publish:&mine"]), signal);
  const url = Object.assign(new URL(lavish.rootUrl), { username: userOf(lease), password: secret });
  const client = await connectAs(url.href);
  t.teardown(() => client.destroy());
  t.equal(await accepted(client.sendCommand(["PUBLISH", "mine", "x"])), "accepted");
  t.equal(await accepted(client.sendCommand(["PUBLISH", "other", "x"])), "refused");
});

t.test(
  "an issue that was given up, and whose bytes come late, makes no user after the revocation [CRED-20]",
  async (t) => {
    const wire = await openWire(server.port);
    t.teardown(() => wire.close());
    const issuer = open(t, { adminUrl: wire.url(server.adminUrl) });
    await issuer.sweep(signal);
    wire.hold("SETUSER");
    const lease = newLease();
    const caller = new AbortController();
    const asking = issuer.issue(requestFor(lease), caller.signal);
    while (wire.held() === 0) await root.ping();
    caller.abort();
    await t.rejects(asking, { code: "issuer_unavailable" });
    const arrive = wire.letThrough();
    await issuer.revoke(lease, signal);
    arrive();
    t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
    await root.ping();
    t.equal(await root.sendCommand(["ACL", "GETUSER", userOf(lease)]), null);
  },
);

t.test("the twin: bytes that a server hasn't read when their sender leaves are done all the same", async (t) => {
  const wire = await openWire(server.port);
  t.teardown(() => wire.close());
  const client = await connectAs(wire.url(server.rootUrl));
  wire.hold("late");
  const asking = accepted(client.set("late", "done"));
  while (wire.held() === 0) await root.ping();
  client.destroy();
  t.equal(await asking, "refused");
  wire.letThrough()();
  while ((await root.get("late")) !== "done");
  t.pass();
});

t.test("a restart of the server forgets the users; one that somebody has saved is found and ended", async (t) => {
  const kept = await start(t, { aclFile: true });
  const issuer = open(t, { adminUrl: kept.adminUrl });
  const [forgotten, saved] = [newLease(), newLease()];
  const { secret } = await issuer.issue(requestFor(forgotten), signal);
  await kept.restart();
  t.match(await issuer.prove(forgotten, secret, signal), { verdict: "dead", how: /WRONGPASS/ });
  const second = await issuer.issue(requestFor(saved), signal);
  const somebody = await connectAs(kept.rootUrl);
  await somebody.sendCommand(["ACL", "SAVE"]);
  somebody.destroy();
  await issuer.revoke(saved, signal);
  await kept.restart();
  t.match(await issuer.prove(saved, second.secret, signal), { verdict: "alive" }, "back from the file");
  t.strictSame(await issuer.sweep(signal), [{ runId: saved.runId }]);
  await issuer.revoke(saved, signal);
  t.match(await issuer.prove(saved, second.secret, signal), { verdict: "dead" });
});

t.test("a connection of the administrator's that is dead for long is replaced without a failure", async (t) => {
  const issuer = open(t, { adminUrl: server.adminUrl });
  await issuer.sweep(signal);
  await root.sendCommand(["CLIENT", "KILL", "USER", "mayfly-admin"]);
  t.strictSame(await issuer.sweep(signal), []);
});

t.test("closing an issuer, twice too, leaves no connection behind", async (t) => {
  const issuer = openIssuer({ adminUrl: server.adminUrl });
  const connections = async () => {
    const listed = String(await root.sendCommand(["CLIENT", "LIST"]));
    return listed.split("\n").filter((line) => line.includes("name=mayfly-issuer-cache")).length;
  };
  while ((await connections()) > 0); // of tests before
  await issuer.sweep(signal);
  t.equal(await connections(), 1);
  await Promise.all([issuer.close(), issuer.close()]);
  // The server takes a moment to notice; a connection that stays would keep us here until the test times out.
  while ((await connections()) > 0);
});

t.test("a URL that can't be used is refused without being shown", async (t) => {
  for (const url of [
    "https://user:hunter2@127.0.0.1",
    "redis://127.0.0.1",
    "redis://:hunter2@127.0.0.1",
    "redis://user@127.0.0.1",
    "redis://user:hunter2@127.0.0.1/1",
    "redis://user:hunter2@127.0.0.1?db=1",
    "redis://user:hunter2@127.0.0.1#x",
    "redis://user:hunter2@10.1.2.3:6379",
    "redis://user:hunter2@localhost:6379",
    "redis://user:%ff@127.0.0.1",
    "hunter2",
  ]) {
    try {
      openIssuer({ adminUrl: url });
      t.fail(url);
    } catch (error) {
      t.match(error, { code: "config_invalid" });
      t.notMatch(String((error as { describe(): string }).describe()), /hunter2/);
    }
  }
  t.doesNotThrow(() => openIssuer({ adminUrl: "redis://u:p@10.1.2.3:6379", transport: { plaintext: true } }));
  t.doesNotThrow(() => openIssuer({ adminUrl: "redis://u:p@[::1]:6379/0" }));
});

t.test("TLS: the right authority and name are taken, any other refused before a password is sent", async (t) => {
  const authority = makeAuthority(t);
  const { cert, key } = authority.issue({ names: ["localhost"] });
  const client = authority.issue({ names: ["mayfly"] });
  const stranger = makeAuthority(t);
  const directory = t.testdir(); // each call empties it
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const [own, others] = [file("ca.pem", authority.certificate), file("other.pem", stranger.certificate)];
  const files = { certificate: file("server.pem", cert), key: file("server.key", key), ca: own };
  const shown = { certificate: file("client.pem", client.cert), key: { file: file("client.key", client.key) } };
  const tls = await start(t, { tls: { ...files, clients: "asked" } });
  const wire = await openWire(tls.port);
  t.teardown(() => wire.close());
  const adminUrl = wire.url(tls.adminUrl);
  const withClient = { client: shown };

  const issuer = open(t, { adminUrl, transport: { ca: own, ...withClient }, clientKey: client.key });
  const lease = newLease();
  const { secret } = await issuer.issue(requestFor(lease, ["set:orders:*"]), signal);
  const args = ["SET", "orders:1", "x"];
  const ran = await issuer.command?.(lease, secret, { args, bytesMax: 1_000, timeMs: 10_000 }, signal);
  t.equal(ran?.value, "OK", "the leased user's connection too");
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, secret, signal), { verdict: "dead", how: /WRONGPASS/ });
  t.notOk(wire.sent().includes("HELLO"), "and nothing can be read on the way");

  const byAddress = Object.assign(new URL(adminUrl), { hostname: "127.0.0.1" }).href;
  const refused: [why: string, opening: Parameters<typeof openIssuer>[0]][] = [
    ["another authority", { adminUrl, transport: { ca: others, ...withClient }, clientKey: client.key }],
    ["Node's own authorities", { adminUrl, transport: withClient, clientKey: client.key }],
    ["another name", { adminUrl: byAddress, transport: { ca: own, ...withClient }, clientKey: client.key }],
    ["no client certificate", { adminUrl, transport: { ca: own } }],
  ];
  for (const [why, opening] of refused) {
    await t.rejects(open(t, opening).issue(requestFor(newLease()), signal), { code: "issuer_unavailable" }, why);
  }

  const plain = adminUrl.replace("rediss://", "redis://").replace("localhost", "127.0.0.1");
  t.throws(() => openIssuer({ adminUrl: plain, transport: { ca: own } }), { code: "config_invalid" });
  await t.rejects(open(t, { adminUrl: plain }).sweep(signal), { code: /^issuer_/ });
  const missing = { adminUrl, transport: { ca: join(directory, "nowhere.pem") } };
  t.throws(() => openIssuer(missing), { code: "config_invalid", found: /nowhere/ });
  const empty = { adminUrl, transport: { ca: file("empty.pem", "# nothing\n") } };
  t.throws(() => openIssuer(empty), { code: "config_invalid" }, "a file without a certificate trusts nobody");
});
