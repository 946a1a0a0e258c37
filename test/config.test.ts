// The config's parser. A mistake in a config must stop the start and say where it is: a key that is ignored, or a value
// that is guessed, is a permission that nobody gave.
import t from "tap";
import { type Config, ConfigInvalid, defineConfig, issuers, parseConfig } from "../runtime/config.ts";
import { defaultLimits, limitCeilings } from "../runtime/model/limits.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const parse = (value: unknown): Config => parseConfig(value, file);

type Words = Record<string, unknown>;

const sealed = {
  issuer: "partner",
  scope: ["orders:read"],
  ttl: "2m",
  purpose: "sync",
  hosts: ["api.partner.example"],
};
const network = { allow: ["GET https://api.partner.example/v1/*"] };
const query = { issuer: "warehouse", scope: ["select:public.sales"], ttl: "2m", purpose: "rollup", delivery: "query" };

function config(job: Words = {}, rest: Words = {}): Words {
  return {
    issuers: {
      partner: issuers.jwt({ audience: "https://partner.example" }),
      warehouse: issuers.postgres({ url: { env: "PG_URL" } }),
    },
    jobs: { sync: { entry: "./jobs/sync.ts", ...job } },
    ...rest,
  };
}

function problems(value: unknown) {
  try {
    parse(value);
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems;
    throw error;
  }
  return [];
}

/** The one problem of a config, as one line. */
function only(value: unknown): string {
  const all = problems(value).map(({ path, found, needed, next }) => `${path}: ${found} / ${needed} / ${next ?? ""}`);
  t.equal(all.length, 1, `one problem: ${all.join(" | ")}`);
  return all[0] ?? "";
}

const jobOf = (job: Words, rest?: Words) => parse(config(job, rest)).jobs.sync;

t.test("the least that a job can say grants the least", async (t) => {
  const parsed = parse({ jobs: { sync: { entry: "./jobs/sync.ts" } } });
  t.match(parsed, {
    directory: "/srv/app",
    path: "/srv/app/sandbox.config.ts",
    stateDirectory: "/srv/app/.mayfly",
    executor: { osSandbox: null, warm: 2 },
    scheduler: { concurrency: 4, queueMax: 1_000, drainMs: 30_000 },
  });
  t.same(parsed.jobs.sync, {
    name: "sync",
    entry: "/srv/app/jobs/sync.ts",
    tenant: "default",
    schedule: null,
    grants: {
      network: { allow: [], privateAddresses: [] },
      files: { mounts: {}, quota: { bytes: 16_777_216, entries: 1_000, depth: 16 } },
      credential: null,
      identity: null,
      isolate: { webAssembly: false, sharedMemory: false },
    },
    limits: defaultLimits,
  });
});

t.test("what is recorded: nothing, unless the config says so; within a size that has its bounds", async (t) => {
  for (const record of [undefined, false])
    t.notOk("record" in (jobOf({ ...(record === undefined ? {} : { record }) }) ?? {}));
  for (const record of [true, {}]) t.same(jobOf({ record })?.record, { bytesMax: 16_777_216 });
  t.same(jobOf({ record: { bytes: "64KiB" } })?.record, { bytesMax: 65_536 });
  t.same(jobOf({ record: { bytes: "256MiB" } })?.record, { bytesMax: 268_435_456 });
  for (const record of ["yes", 1, null, [], { bytes: "63KiB" }, { bytes: "257MiB" }, { bytes: 5 }, { size: "1MiB" }])
    t.throws(() => jobOf({ record }), { code: "config_invalid", message: /record/ }, JSON.stringify(record));
});

t.test("words that mean something else than they say", async (t) => {
  const job = jobOf({
    tenant: "acme",
    schedule: { cron: "0 2 * * *", timezone: "Europe/Zurich", overlap: "allow" },
    credential: sealed,
    network: { ...network, privateAddresses: ["10.1.0.0/16"] },
    files: { mounts: { "/data": "./data", "/data2": "/var/lib/x" }, quota: { bytes: "1MiB", entries: 5 } },
    limits: { wall: "90s", cpu: "5s", memory: "128MiB", logs: "64KiB", requests: 10, requestTime: "250ms", calls: 7 },
  });
  t.match(job?.schedule, { cron: "0 2 * * *", timezone: "Europe/Zurich", overlap: "allow" });
  t.same(job?.grants.credential, {
    issuer: "partner",
    scope: ["orders:read"],
    ttlMs: 120_000,
    delivery: "sealed",
    purpose: "sync",
    ...{ idleMs: null, usesMax: null, onLeak: "revoke" },
    sealed: {
      place: { header: "authorization" },
      hosts: ["api.partner.example"],
      ...{ requests: null, perRequest: 1 },
    },
  });
  t.match(job?.grants.network.allow, [{ host: "api.partner.example", port: 443, path: "/v1/", pathIsPrefix: true }]);
  t.same(job?.grants.files, {
    mounts: { "/data": "/srv/app/data", "/data2": "/var/lib/x" },
    quota: { bytes: 1_048_576, entries: 5, depth: 16 },
  });
  t.match(job?.limits, { wallMs: 90_000, cpuMs: 5_000, memoryBytes: 134_217_728, logBytes: 65_536 });
  t.match(job?.limits, { requests: 10, requestsAtOnce: 10, requestMs: 250, calls: 7 });
  t.equal(jobOf({ files: { quota: "2MiB" } })?.grants.files.quota.bytes, 2_097_152);
  t.same(jobOf({ credential: query })?.grants.credential?.query, {
    write: false,
    rowsMax: 10_000,
    bytesMax: 4_194_304,
    timeMs: 10_000,
  });
  t.match(parse(config()).issuers.partner, {
    name: "partner",
    kind: "jwt",
    listen: { host: "127.0.0.1", port: 7_420 },
  });
});

t.test("defaults that a shorter wall time makes senseless shrink with it", async (t) => {
  const limits = jobOf({ limits: { wall: "2s" } })?.limits;
  t.match(limits, { wallMs: 2_000, cpuMs: 2_000, requestMs: 2_000 });
  t.equal(jobOf({ credential: query, limits: { wall: "2s" } })?.grants.credential?.query?.timeMs, 2_000);
});

t.test("all mistakes at once, each with its place, in one error", async (t) => {
  const found = problems({
    executr: {},
    scheduler: { drain: 30 },
    issuers: { a: { kind: "jwtt" } },
    jobs: {
      Bad: { entry: "./x.ts" },
      one: { limits: { wal: "1s", cpu: "1 s" }, network: { allow: ["GET *"] }, files: { quota: { depht: 2 } } },
      two: { entry: 5, schedule: { cron: "61 * * * *" } },
    },
  });
  t.same(found.map(({ path }) => path).sort(), [
    "executr",
    "issuers.a.kind",
    "jobs.Bad",
    "jobs.one.entry",
    "jobs.one.files.quota.depht",
    "jobs.one.limits.cpu",
    "jobs.one.limits.wal",
    "jobs.one.network.allow[0]",
    "jobs.two.entry",
    "jobs.two.schedule.cron",
    "scheduler.drain",
  ]);
  t.throws(() => parse({ jobs: { one: { entry: "./x.ts", limits: { wal: "1s" } } } }), {
    code: "config_invalid",
    exitCode: 2,
    message:
      "/srv/app/sandbox.config.ts has a problem:\n- jobs.one.limits.wal: found an unknown key, needed one of wall, cpu, " +
      "memory, logs, result, requests, requestsAtOnce, requestTime, requestBody, responseBody, responseHeader, calls; " +
      "did you mean `wall`?",
  });
  const describes = new ConfigInvalid("x", found).describe().split("\n");
  t.equal(describes[0], "x has 11 problems [config_invalid]:");
  t.equal(describes.length, 13);
});

t.test("a config of the wrong kind", async (t) => {
  for (const value of [undefined, null, 5, "x", [], () => ({}), new Map()]) t.not(problems(value).length, 0);
  t.match(only({ jobs: [] }), /^jobs: an empty list/);
  t.match(only({}), /^jobs: nothing/);
  t.same(Object.keys(parse({ jobs: {} }).jobs), []);
});

t.test("a list of hundreds is cut", async (t) => {
  const jobs = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`j${index}`, {}]));
  t.throws(() => parse({ jobs }), { message: /has 200 problems:[\s\S]*- and 150 more$/ });
});

t.test("a name that is a file name's or a prototype's trick", async (t) => {
  for (const name of ["", "Order", "1st", "a_b", "../x", "a".repeat(64), "ü", "a\nb", "__proto__x"]) {
    t.match(problems({ jobs: { [name]: { entry: "./x.ts" } } })[0]?.needed, /^a name: a lower-case letter/, name);
  }
  t.equal(parse({ jobs: {} }).jobs.constructor, undefined, "no job that nobody declared");
  t.ok(parse({ jobs: { ["a".repeat(63)]: { entry: "./x.ts" } } }));
});

const each: [name: string, job: Words, line: RegExp][] = [
  ["an entry beyond the config's directory", { entry: "../x.ts" }, /^jobs\.sync\.entry: "\.\.\/x\.ts"/],
  ["a duration without a unit", { limits: { wall: 30 } }, /wall: 30 .*a number alone has no unit/],
  ["a duration with two", { limits: { wall: "1m30s" } }, /wall: "1m30s"/],
  ["nothing at all", { limits: { wall: "0s" } }, /wall: "0s"/],
  ["null for absent", { limits: { wall: null } }, /wall: null/],
  ["a size in the other units", { limits: { memory: "64MB" } }, /memory: "64MB" .*KiB, MiB/],
  ["less memory than an isolate takes", { limits: { memory: "4MiB" } }, /memory: .*at least 8MiB/],
  ["a fraction", { limits: { requests: 1.5 } }, /requests: 1\.5/],
  [
    "more at once than at all",
    { limits: { requests: 2, requestsAtOnce: 3 } },
    /requestsAtOnce: 3 .*at most `requests`, 2/,
  ],
  ["a request longer than the run", { limits: { wall: "1s", requestTime: "2s" } }, /requestTime: 2s .*1s/],
  ["CPU beyond the wall", { limits: { wall: "1s", cpu: "2s" } }, /cpu: 2s .*1s/],
  ["a cron field that is none", { schedule: { cron: "60 * * * *" } }, /cron: "60 .*minute/],
  ["an endless cron", { schedule: { cron: "*".repeat(300) } }, /cron/],
  ["a zone that is none", { schedule: { cron: "* * * * *", timezone: "Europe/Zürich" } }, /`Europe\/Zurich`/],
  ["an offset for a zone", { schedule: { cron: "* * * * *", timezone: "+01:00" } }, /timezone: "\+01:00"/],
  ["a slip in a choice", { schedule: { cron: "* * * * *", overlap: "skipp" } }, /overlap: .*`skip`/],
  ["a wildcard host", { network: { allow: ["GET https://*.example.com/"] } }, /allow\[0\]: "\*\.example\.com"/],
  ["one rule as text", { network: { allow: "GET https://a.example/" } }, /allow: "GET .*a list of rules/],
  ["a network without rules", { network: {} }, /allow: nothing/],
  ["a block that isn't one", { network: { allow: [], privateAddresses: ["10.0.0.1/8"] } }, /privateAddresses\[0\]/],
  ["a mount over /output", { files: { mounts: { "/output/x": "./a" } } }, /\/output is where the job writes/],
  ["a mount over all", { files: { mounts: { "/": "./a" } } }, /absolute path/],
  ["a mount that isn't absolute", { files: { mounts: { data: "./a" } } }, /mounts\.data: .*absolute path/],
  ["a mount with dots", { files: { mounts: { "/a/../b": "./a" } } }, /absolute path/],
  ["a mount in a mount", { files: { mounts: { "/a": "./a", "/a/b": "./b" } } }, /overlap with \/a/],
  ["the state as a mount", { files: { mounts: { "/s": "./.mayfly/keys" } } }, /state directory/],
  ["the state inside of a mount", { files: { mounts: { "/s": "." } } }, /state directory/],
  ["a quota in words", { files: { quota: "lots" } }, /quota: "lots" .*a size/],
  ["scopes that are none", { credential: { ...query, scope: [] } }, /scope: an empty list/],
  ["a scope with a space", { credential: { ...query, scope: ["a b"] } }, /scope\[0\]: "a b"/],
  ["no purpose", { credential: { ...query, purpose: " " } }, /purpose/],
  ["a time to live beyond any run", { credential: { ...query, ttl: "2d" } }, /ttl: "2d" .*at most/],
  ["a time to live below a second", { credential: { ...query, ttl: "999ms" } }, /ttl: .*at least 1s/],
  ["an issuer that isn't there", { credential: { ...query, issuer: "warehous" } }, /issuer: .*`warehouse`/],
  ["hosts with a query", { credential: { ...query, hosts: ["a.example"] } }, /hosts: .*delivery "sealed"/],
  ["a query longer than the run", { credential: { ...query, query: { time: "2m" } } }, /query\.time: 2m .*1m/],
  [
    "a sealed database password",
    { credential: { ...query, delivery: "revealed" } },
    /delivery: "revealed" .*no sockets/,
  ],
  ["a query of a token issuer", { credential: { ...sealed, hosts: undefined, delivery: "query" } }, /jwt issuer/],
  ["sealed to nobody", { network, credential: { ...sealed, hosts: [] } }, /hosts: an empty list .*at least one/],
  [
    "sealed for a host that isn't allowed",
    { network, credential: { ...sealed, hosts: ["api.partner.exampl"] } },
    /`api\.partner\.example`/,
  ],
  [
    "sealed for another port",
    { network, credential: { ...sealed, hosts: ["api.partner.example:8443"] } },
    /hosts\[0\]/,
  ],
  [
    "sealed in a framing header",
    { network, credential: { ...sealed, place: { header: "Host" } } },
    /place\.header: "Host"/,
  ],
  ["sealed in no header", { network, credential: { ...sealed, place: { header: "a b" } } }, /place\.header: "a b"/],
];

for (const [name, job, line] of each) {
  t.test(`a mistake that starts anyway: ${name}`, async (t) => {
    t.match(only(config(job)), line);
  });
}

t.test("a database issuer with the delivery that goes without saying", async (t) => {
  const { delivery: _, ...silent } = query;
  t.match(problems(config({ credential: silent }))[0]?.found, 'nothing, which means "sealed"');
});

t.test("limits above what the supervisor's buffers are made for", async (t) => {
  t.ok(jobOf({ limits: { responseBody: "1024GiB", wall: "24h" } }));
  t.match(only(config({ limits: { responseBody: "1025GiB" } })), /at most 1024GiB/);
  t.match(only(config({ limits: { wall: "25h" } })), /at most 1d/);
  t.match(only(config({ limits: { calls: limitCeilings.calls + 1 } })), /1 to 100000000/);
  t.match(only(config({ files: { quota: { entries: 1_000_001 } } })), /1 to 1000000/);
  t.match(only({ jobs: {}, executor: { warm: 65 } }), /0 to 64/);
  t.match(only({ jobs: {}, scheduler: { concurrency: 0 } }), /1 to 256/);
});

t.test("a host with its port, and an address", async (t) => {
  const allow = ["GET http://127.0.0.1:7421/v1/*", "GET https://a.example:8443/"];
  const job = jobOf({ network: { allow }, credential: { ...sealed, hosts: ["127.0.0.1:7421", "a.example:8443"] } });
  t.same(job?.grants.credential?.sealed?.hosts, ["127.0.0.1:7421", "a.example:8443"]);
  t.match(
    only(config({ network: { allow }, credential: { ...sealed, hosts: ["127.0.0.1"] } })),
    /one of 127\.0\.0\.1:7421, a\.example:8443/,
  );
});

t.test("root credentials that stand in the config, and are then shown", async (t) => {
  const secret = "postgres://root:hunter2@db.example/x";
  for (const url of [secret, { env: secret }, { file: "./a", password: "hunter2" }, [secret], undefined]) {
    const line = only({ jobs: {}, issuers: { w: { kind: "postgres", url } } });
    t.match(line, /^issuers\.w\.url: .*\{ env: "NAME" \}/);
    t.notMatch(line, "hunter2");
  }
  t.match(only({ jobs: {}, issuers: { w: { kind: "postgres", url: secret } } }), "never stand in the config");
  t.notMatch(only({ jobs: {}, issuers: { w: secret } }), "hunter2", "not in the wrong place either");
  t.notMatch(only(config({ limits: { wall: secret } })), "hunter2");
});

t.test("where an issuer's secret is found", async (t) => {
  const parsed = parse({ jobs: {}, issuers: { w: issuers.postgres({ url: { file: "./pg-url" } }) } });
  t.match(parsed.issuers.w, { kind: "postgres", name: "w", url: { file: "/srv/app/pg-url" } });
});

t.test("an issuer that other machines could reach", async (t) => {
  const listening = (listen: string) => ({ jobs: {}, issuers: { p: issuers.jwt({ audience: "a", listen }) } });
  for (const listen of [
    "0.0.0.0:7420",
    "[::]:7420",
    "10.0.0.1:1",
    "localhost:1",
    "127.0.0.1",
    "127.0.0.1:65536",
    ":1",
    "127.0.0.256:1",
    "127.0.0.01:1",
  ]) {
    t.match(only(listening(listen)), /^issuers\.p\.listen: .*loopback/, listen);
  }
  t.match(parse(listening("[::1]:0")).issuers.p, { listen: { host: "::1", port: 0 } });
  t.match(parse(listening("127.9.9.9:65535")).issuers.p, { listen: { host: "127.9.9.9", port: 65_535 } });
});

t.test("a path that starts from somewhere else than the config", async (t) => {
  t.equal(parse(config({}, { state: "./var/state" })).stateDirectory, "/srv/app/var/state");
  t.throws(() => parseConfig({ jobs: {} }, { directory: "relative", path: "x" }), RangeError);
});

t.test("control codes in a config's own text", async (t) => {
  const line = only(config({ "\u001b[2J": 1 }));
  t.notMatch(line, /\u001b/);
  t.match(line, "\\u{1b}");
});

t.test("this repository's own config", async (t) => {
  const { default: own } = await import("../sandbox.config.ts");
  t.same(Object.keys(parse(own).jobs), ["dependency-report", "order-sync", "sales-rollup"]);
  t.equal(defineConfig(own), own);
});
