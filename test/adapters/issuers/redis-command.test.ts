// Delivery `command`: what a job may send with a leased user and what comes back, on a real server; and on servers that
// lie, since a reply is bytes from outside.
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createClient } from "@redis/client";
import t, { type Test } from "tap";
import { makeRedisIssuer } from "../../../runtime/adapters/issuers/redis.ts";
import { commandsOf, keyCommands } from "../../../runtime/adapters/issuers/redis-commands.ts";
import { makeRedisSessions } from "../../../runtime/adapters/issuers/redis-session.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { hasRedisServer, startRedis } from "../../../runtime/testkit/redis-server.ts";

if (!hasRedisServer()) {
  t.plan(0, "no redis-server of at least 7 on this machine");
  process.exit();
}

const signal = new AbortController().signal;
const server = await startRedis();
const root = createClient({
  ...{ url: server.rootUrl, disableClientInfo: true, maintNotifications: "disabled" },
  commandOptions: { typeMapping: {} },
});
await root.connect();
t.teardown(async () => {
  root.destroy();
  await server.stop();
});

const bounds = { bytesMax: 65_536, timeMs: 10_000 };

async function leased(t: Test, scope: readonly string[] = ["@read,@write:k*"], port = server.port) {
  const url = Object.assign(new URL(server.adminUrl), { port: String(port) });
  const issuer = makeRedisIssuer({
    ...{ name: "cache", adminUrl: url.href, installation: "0a1b2c3d", clock: systemClock, random: systemRandom },
    ...{ transport: { ca: null, client: null, plaintext: false }, clientKey: null },
  });
  const lease = newLease();
  const request = { lease, job: "j", tenant: "t", scope, purpose: "p", expiresAt: systemClock.nowMs() + 60_000 };
  const { secret } = await issuer.issue(request, signal);
  t.teardown(async () => {
    await root.sendCommand(["ACL", "DELUSER", `mayfly_0a1b2c3d_${lease.runId.replace("run_", "")}`]);
    await issuer.close();
  });
  const say = async (args: readonly string[], limits = bounds, until = signal) => {
    const result = await issuer.command?.(lease, secret, { args, ...limits }, until);
    return result?.value;
  };
  return { issuer, lease, secret, say };
}

t.test("replies as JSON: numbers, lists, maps as pairs, bytes that are no text", async (t) => {
  const { say } = await leased(t);
  await root.sendCommand(["SET", "k:bytes", Buffer.from([0xff, 0x00])]);
  t.equal(await say(["SET", "k:text", "é\r\n*1\r\n$8\r\nFLUSHALL\r\n"]), "OK");
  t.equal(await say(["get", "k:text"]), "é\r\n*1\r\n$8\r\nFLUSHALL\r\n", "an argument is never a command");
  t.equal(await say(["GET", "k:none"]), null);
  t.strictSame(await say(["GET", "k:bytes"]), { base64: "/wA=" });
  t.equal(await say(["INCRBY", "k:n", "41"]), 41);
  t.equal(await say(["INCRBY", "k:n", "9007199254740951"]), "9007199254740992");
  await say(["HSET", "k:map", "a", "1", "__proto__", "2"]);
  t.strictSame(await say(["HGETALL", "k:map"]), [
    ["a", "1"],
    ["__proto__", "2"],
  ]);
  await say(["ZADD", "k:scores", "1.5", "a", "inf", "b"]);
  t.strictSame(await say(["ZRANGE", "k:scores", "0", "-1", "WITHSCORES"]), [
    ["a", 1.5],
    ["b", "inf"],
  ]);
  await say(["XADD", "k:log", "1-1", "field", "x"]);
  t.strictSame(await say(["XREAD", "COUNT", "5", "STREAMS", "k:log", "0"]), [["k:log", [["1-1", ["field", "x"]]]]]);
});

t.test(
  "what would turn the connection into another's, wait, or change what replies mean never leaves [CRED-36]",
  async (t) => {
    const proxy = await startFaultyProxy({ port: server.port, speaks: "other" });
    t.teardown(() => proxy.close());
    const { say } = await leased(t, undefined, proxy.port);
    proxy.behave("cut"); // what leaves would come back as a loss
    for (const args of [
      ["AUTH", "root", "guess"],
      ["HELLO", "3", "AUTH", "root", "guess"],
      ["RESET"],
      ["QUIT"],
      ["SELECT", "1"],
      ["MULTI"],
      ["EXEC"],
      ["WATCH", "k"],
      ["SUBSCRIBE", "x"],
      ["PSUBSCRIBE", "*"],
      ["SSUBSCRIBE", "x"],
      ["MONITOR"],
      ["CLIENT", "REPLY", "OFF"],
      ["CLIENT", "TRACKING", "ON"],
      ["ACL", "SETUSER", "x"],
      ["acl|setuser", "x"],
      ["CONFIG", "SET", "requirepass", ""],
      ["EVAL", "return 1", "0"],
      ["FCALL", "f", "0"],
      ["SCAN", "0"],
      ["KEYS", "*"],
      ["SORT", "k", "GET", "secret"],
      ["RESTORE", "k", "0", "x"],
      ["COPY", "k1", "k2", "DB", "1"],
      ["BLPOP", "k", "0"],
      ["BLMOVE", "k1", "k2", "LEFT", "LEFT", "0"],
      ["BZPOPMIN", "k", "0"],
      ["WAIT", "1", "0"],
      ["xread", "block", "0", "STREAMS", "k", "$"],
      ["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "k", "$"],
      ["XREADGROUP", "GROUP", "g", "c", "NOACK", "BLOCK", "0", "STREAMS", "k", ">"],
      ["XREADGROUP", "COUNT", "1", "GROUP", "block", "streams", "BLOCK", "0", "STREAMS", "k", ">"],
      ["@read", "k"],
      ["xinfo|stream", "k"],
      ["__proto__"],
      ["get\r\nFLUSHALL"],
      [" get", "k"],
      [""],
    ]) {
      await t.rejects(say(args), { code: "operation_failed" }, JSON.stringify(args));
    }
    await t.rejects(say(["GET", "k"]), { code: "issuer_unavailable" }, "and what may leave does");
  },
);

t.test("words that look like BLOCK and are none", async (t) => {
  const { say } = await leased(t);
  await say(["XADD", "k:block", "1-1", "a", "b"]);
  await say(["XGROUP", "CREATE", "k:block", "block", "0"]);
  t.ok(await say(["XREADGROUP", "GROUP", "block", "block", "COUNT", "1", "STREAMS", "k:block", ">"]));
});

t.test("the server's no comes as its own words, on one line and cut", async (t) => {
  const { say } = await leased(t);
  await t.rejects(say(["GET", "other"]), { code: "operation_failed", message: /^NOPERM / });
  await t.rejects(say(["GET"]), { code: "operation_failed", message: /wrong number of arguments/ });
  const evil = `\u001b[2J\u202e${"x".repeat(1_000)}`;
  const said = await say(["XGROUP", evil]).catch((error: Error) => error.message);
  t.match(said, "\\u{1b}[2J\\u{202e}xxx");
  t.ok(String(said).length < 400);
  t.equal(await say(["SET", "k", "1"]), "OK", "the connection goes on");
});

t.test("a reply is bounded at its very byte, on the wire and as JSON", async (t) => {
  const { say } = await leased(t);
  await say(["SET", "k", "x".repeat(1_000)]);
  const wireBytes = "$1000\r\n".length + 1_000 + 2;
  const limit = (bytesMax: number) => ({ ...bounds, bytesMax });
  t.ok(await say(["GET", "k"], limit(wireBytes)));
  await t.rejects(say(["GET", "k"], limit(wireBytes - 1)), { code: "operation_limit", message: /at most 1008 bytes/ });
  await say(["SET", "k", "\u0001".repeat(1_000)]);
  t.ok(await say(["GET", "k"], limit(6_002)), "six characters each as JSON");
  await t.rejects(say(["GET", "k"], limit(6_001)), { code: "operation_limit" });
  t.equal(await say(["STRLEN", "k"]), 1_000, "a connection that was cut is opened again for the next command");
});

t.test("a command that gets no answer ends in its time, and the caller's leaving ends it too", async (t) => {
  const proxy = await startFaultyProxy({ port: server.port, speaks: "other" });
  t.teardown(() => proxy.close());
  const { say, issuer, lease } = await leased(t, undefined, proxy.port);
  await say(["SET", "k", "1"]);
  proxy.behave("silent");
  const late = say(["GET", "k"], { ...bounds, timeMs: 50 });
  const behind = say(["GET", "k"], { ...bounds, timeMs: 50 });
  await t.rejects(late, { code: "operation_limit", message: /at most 50 ms; whether it has taken effect is unknown/ });
  await t.rejects(behind, { code: "operation_limit" }, "the one behind it has its own time");
  const caller = new AbortController();
  const asked = say(["GET", "k"], bounds, caller.signal);
  caller.abort();
  await t.rejects(asked, { code: "issuer_unavailable", message: /given up/ });
  const under = [say(["GET", "k"]), say(["GET", "k"])];
  const ended = Promise.all(under.map((each) => t.rejects(each, { code: "issuer_unavailable", message: /given up/ })));
  await issuer.endSessions?.(lease);
  await ended;
  proxy.behave("well");
});

t.test("one connection a lease, its commands one after another; none is left at the end", async (t) => {
  const { say, issuer, lease } = await leased(t);
  const replies = await Promise.all(Array.from({ length: 50 }, () => say(["INCR", "k:order"])));
  t.strictSame(
    replies,
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  const connections = async () => {
    const listed = String(await root.sendCommand(["CLIENT", "LIST"])).split("\n");
    return listed.filter((line) => line.includes(` user=mayfly_0a1b2c3d_${lease.runId.replace("run_", "")} `)).length;
  };
  t.equal(await connections(), 1);
  await issuer.endSessions?.(lease);
  while ((await connections()) > 0); // the server takes a moment to notice
});

t.test("a revoked lease's command is refused, and no connection comes of it", async (t) => {
  const { say, issuer, lease } = await leased(t);
  await say(["SET", "k", "1"]);
  await issuer.revoke(lease, signal);
  await t.rejects(say(["GET", "k"]), { code: "issuer_refused", message: /WRONGPASS/ });
});

/** Greets as Redis does, and then says the same to everything. */
async function openLiar(t: Test, greeting: string, say: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const liar = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(greeting);
      socket.on("data", () => say(socket));
    });
  });
  await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
  const { port } = liar.address() as AddressInfo;
  const sessions = makeRedisSessions({
    clock: systemClock,
    address: { host: "127.0.0.1", port, tls: null },
    loginFor: (_run, password) => ({ user: "u", password, name: "n" }),
  });
  t.teardown(() => {
    sessions.endAll();
    for (const socket of sockets) socket.destroy();
    liar.close();
  });
  const { runId } = newLease();
  return (limits = bounds) => sessions.command(runId, "secret", { args: ["GET", "k"], ...limits }, signal);
}

const hello = "%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+id\r\n:1\r\n";

t.test("a server that sends without end is cut off at the limit, before it fills our memory [CRED-19]", async (t) => {
  const piece = Buffer.alloc(65_536, "x");
  let sent = 0;
  const ask = await openLiar(t, hello, (socket) => {
    socket.write("$1073741824\r\n");
    const pour = (): void => {
      while (!socket.destroyed && socket.write(piece)) sent += piece.length;
    };
    socket.on("drain", pour);
    pour();
  });
  await t.rejects(ask({ ...bounds, bytesMax: 1_048_576 }), { code: "operation_limit" });
  t.ok(sent < 67_108_864, "what the kernel's buffers take, and not the gigabyte");
});

t.test("a few bytes that announce billions of values cost nothing [CRED-19]", async (t) => {
  const ask = await openLiar(t, hello, (socket) => socket.write("*30000000\r\n".repeat(20)));
  await t.rejects(ask(), { code: "issuer_garbage", message: /nested too deeply/ });
  const patient = await openLiar(t, hello, (socket) => socket.write("*30000000\r\n".repeat(15)));
  await t.rejects(patient({ ...bounds, timeMs: 100 }), { code: "operation_limit" });
});

t.test("answers that are none, or that nobody asked for [CRED-19]", async (t) => {
  for (const answer of ["<!doctype html>\r\n", "+OK\r\n+OK\r\n", ">2\r\n+message\r\n+x\r\n", "$3\r\nabcde\r\n"]) {
    const ask = await openLiar(t, hello, (socket) => socket.write(answer));
    const first = await ask().then(
      () => "answered",
      (error) => error.code,
    );
    t.match(first, /^(answered|issuer_garbage)$/);
    if (first === "answered") continue; // the second answer ended the connection instead
  }
  for (const greeting of ["+OK\r\n", "%0\r\n", "*1\r\n:1\r\n", ":7\r\n", hello.replace("+id\r\n:1", "+id\r\n+x")]) {
    const ask = await openLiar(t, greeting, () => {});
    await t.rejects(ask(), { code: /^issuer_(garbage|refused)$/ }, JSON.stringify(greeting));
  }
  const old = await openLiar(t, hello.replace("7.0.0", "6.2.14"), () => {});
  await t.rejects(old(), { code: "issuer_refused", message: /needed Redis 7/ });
  const loading = await openLiar(t, "-LOADING Redis is loading the dataset in memory\r\n", () => {});
  await t.rejects(loading(), { code: "issuer_unavailable", message: /LOADING/ });
});

t.test(
  "the list of commands is this server's: all there, on keys, none that is dangerous, none forgotten",
  async (t) => {
    type Described = [name: string, arity: number, flags: string[], ...rest: unknown[]];
    const described = (await root.sendCommand(["COMMAND"])) as unknown as Described[];
    const known = new Map<string, { flags: string[]; categories: string[]; specs: unknown[] }>();
    const note = ([name, , flags, , , , categories, , specs, subcommands]: Described): void => {
      known.set(name, { flags, categories: categories as string[], specs: specs as unknown[] });
      for (const each of subcommands as Described[]) note(each);
    };
    for (const each of described) note(each);
    for (const { name, access } of keyCommands) {
      const { flags = [], categories = [], specs = [] } = known.get(name) ?? {};
      t.ok(known.has(name), `${name} is there`);
      t.ok(specs.length > 0, `${name} says which keys it takes`);
      t.ok(categories.includes(`@${access}`), `${name} is @${access}`);
      t.ok(flags.includes(access === "read" ? "readonly" : "write"), name);
      const bad = ["@dangerous", "@admin", "@scripting", "@pubsub", "@connection", "@transaction"];
      t.notOk(
        categories.some((category) => bad.includes(category)),
        `${name} is none of the dangerous`,
      );
      t.equal(categories.includes("@blocking"), name.startsWith("xread"), `${name} doesn't wait`);
    }
    const listed = new Set(keyCommands.map(({ name }) => name));
    const leftOut = [...known]
      .filter(
        ([name, { categories }]) =>
          categories.some((each) => each === "@read" || each === "@write") && !listed.has(name),
      )
      .map(([name]) => name);
    t.strictSame(leftOut.sort(), [
      ...[
        "blmove",
        "blmpop",
        "blpop",
        "brpop",
        "brpoplpush",
        "bzmpop",
        "bzpopmax",
        "bzpopmin",
        "copy",
        "dbsize",
        "dump",
      ],
      ...["flushall", "flushdb", "function|delete", "function|flush", "function|load", "function|restore"],
      ...["georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro", "keys", "lolwut", "memory|usage"],
      ...["migrate", "move", "object|encoding", "object|freq", "object|idletime", "object|refcount", "pfdebug"],
      ...["randomkey", "restore", "restore-asking", "scan", "sort", "sort_ro", "swapdb", "xsetid"],
    ]);
    t.equal(commandsOf("@key", "keys"), undefined);
    t.equal(commandsOf("@keyspace", "keys"), undefined);
  },
);
