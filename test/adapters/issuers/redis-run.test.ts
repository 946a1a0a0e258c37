// A whole run with a real Redis: a real job in a real executor uses its leased user through `credential.command`; when the
// run is over, a thief who had the secret from the first moment is refused, and nothing is left at the server.
import { join } from "node:path";
import t, { type Test } from "tap";
import { openRuntime } from "../../../runtime/compose.ts";
import { parseConfig, type SandboxConfig } from "../../../runtime/config.ts";
import type { IssuedCredential } from "../../../runtime/ports/credential-issuer.ts";
import { hasRedisServer, startRedis } from "../../../runtime/testkit/redis-server.ts";
import { scriptBundle } from "../../support/runs.ts";
import { connectAs } from "./redis-peers.ts";

if (!hasRedisServer()) {
  t.plan(0, "no redis-server of at least 7 on this machine");
  process.exit();
}

const server = await startRedis();
const root = await connectAs(server.rootUrl);
t.teardown(async () => {
  root.destroy();
  await server.stop();
});

async function openWorld(t: Test, body: string, more: { ttl?: "1s"; operation?: { bytes: "1KiB" } } = {}) {
  const directory = t.testdir();
  const words: SandboxConfig = {
    issuers: { cache: { kind: "redis", url: { env: "REDIS_ADMIN_URL" } } },
    jobs: {
      job: {
        entry: "./job.ts",
        credential: {
          ...{ issuer: "cache", scope: ["@read,@write:orders:*"], ttl: "5m", delivery: "command", purpose: "test" },
          ...more,
        },
        limits: { wall: "60s" },
      },
    },
  };
  let issued: (credential: IssuedCredential & { user: string }) => void = () => {};
  const runtime = await openRuntime({
    config: parseConfig(words, { directory, path: join(directory, "sandbox.config.ts") }),
    role: "test",
    osSandbox: "preferred",
    env: { ...process.env, REDIS_ADMIN_URL: server.adminUrl },
    onEvent: () => {},
    onWarning: () => {},
    warm: false,
    world: {
      bundle: async () => scriptBundle(body),
      around: {
        store: (store) => store,
        issuer: (_name, issuer) =>
          Object.create(issuer, {
            issue: {
              value: (async (request, signal, note) => {
                const credential = await issuer.issue(request, signal, note);
                const user = `mayfly_${runtime.store.installation}_${request.lease.runId.replace("run_", "")}`;
                issued({ ...credential, user });
                return credential;
              }) satisfies typeof issuer.issue,
            },
          }),
      },
    },
  });
  t.teardown(() => runtime.close());
  return {
    onIssued(call: typeof issued) {
      issued = call;
    },
    async run() {
      const { done } = await runtime.scheduler.submit({ job: "job", input: "null", trigger: { kind: "test" } });
      return done;
    },
  };
}

t.test("a job works with its leased user, and with the run ends all that could be done with it", async (t) => {
  const world = await openWorld(
    t,
    `
    const { command } = c.credential;
    await command("HSET", "orders:7", "state", "open", "cents", 1250);
    const order = Object.fromEntries(await command("HGETALL", "orders:7"));
    const said = [];
    for (const args of [["GET", "secret"], ["KEYS", "*"], ["AUTH", "root", "x"], ["BLPOP", "orders:8", "0"]]) {
      said.push(await command(...args).then(() => "done", (error) => error.code + " " + error.message));
    }
    return { order, said };
    `,
  );
  const { promise: thief, resolve } = Promise.withResolvers<{ url: string; session: ReturnType<typeof connectAs> }>();
  world.onIssued(({ user, secret }) => {
    const url = Object.assign(new URL(server.rootUrl), { username: user, password: secret }).href;
    const session = connectAs(url);
    session.catch(() => {});
    resolve({ url, session });
  });
  const record = await world.run();
  t.match(record, {
    state: "succeeded",
    result: {
      order: { state: "open", cents: "1250" },
      said: [/^operation_failed NOPERM/, /^operation_failed/, /^operation_failed/, /^operation_failed/],
    },
    lease: { state: "revoked", proof: /no such user; CLIENT LIST: no connection; login: WRONGPASS/ },
    teardown: { lease: "confirmed" },
  });
  const { url, session } = await thief;
  await t.rejects(
    session.then((open) => open.get("orders:7")),
    "the session that he had is cut",
  );
  await t.rejects(connectAs(url), /WRONGPASS/);
  const users = (await root.sendCommand(["ACL", "USERS"])) as unknown as string[];
  t.strictSame(
    users.filter((user) => user.startsWith("mayfly_")),
    [],
  );
  t.notMatch(JSON.stringify(record), new URL(url).password, "the secret is not in the record");
});

t.test("a reply beyond the config's limit is an error that the job can catch, and the run goes on", async (t) => {
  const world = await openWorld(
    t,
    `
    const { command } = c.credential;
    await command("SET", "orders:big", "x".repeat(2_000));
    const code = await command("GET", "orders:big").catch((error) => error.code);
    return [code, await command("STRLEN", "orders:big")];
    `,
    { operation: { bytes: "1KiB" } },
  );
  t.match(await world.run(), { state: "succeeded", result: ["operation_limit", 2_000] });
});

t.test("a user's time is over in the middle of its run: Redis keeps no time, so Mayfly ends it", async (t) => {
  const world = await openWorld(
    t,
    `
    const { command } = c.credential;
    for (;;) {
      const code = await command("INCR", "orders:n").then(() => "", (error) => error.code);
      if (code !== "") return code;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    `,
    { ttl: "1s" },
  );
  const { promise: cut, resolve } = Promise.withResolvers<unknown>();
  world.onIssued(({ user, secret }) => {
    const url = Object.assign(new URL(server.rootUrl), { username: user, password: secret }).href;
    connectAs(url).then((session) => session.once("terminated", resolve), resolve);
  });
  const record = await world.run();
  t.match(record, { state: "succeeded", result: /^(expired|ended)$/, lease: { state: "revoked" } });
  await cut;
});
