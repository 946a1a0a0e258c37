// Modules of Node that jobs haven't: refused where a job's own file imports one, and in a package when it is used, with the
// module's and the member's name and what to use instead. What they have that needs no power is there.

import { mkdirSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { isIP } from "node:net";
import { join } from "node:path";
import t from "tap";
import { makeBundler } from "../../../runtime/adapters/system/esbuild-bundler.ts";
import { servedModules } from "../../../runtime/adapters/system/node-names.ts";
import { openRuns } from "../../support/runs.ts";

const module = (imports: string, body: string) =>
  `import { defineJob } from "mayfly"; ${imports} export default defineJob(async (c) => { ${body} });`;

const addresses = [
  "1.2.3.4",
  "01.2.3.4",
  "256.1.1.1",
  "1.2.3",
  "::1",
  "fe80::1%eth0",
  "::ffff:1.2.3.4",
  "1::2::3",
  ":",
  "[::1]",
  "",
  "a",
];

const runs = await openRuns({
  used: {
    module: module(
      'import probe from "probing";',
      "return [probe.tried(), probe.extended(), probe.named(), probe.copied(), probe.required()];",
    ),
  },
  parts: {
    module: module(
      'import probe from "probing";',
      `return [${JSON.stringify(addresses)}.map((a) => probe.net.isIP(a)), probe.tty.isatty(1), probe.threads.isMainThread, probe.threads.parentPort, probe.cluster.isPrimary, probe.module.isBuiltin("node:fs"), probe.module.builtinModules.length, typeof probe.module.createRequire("/"), probe.inspector.url() ?? null];`,
    ),
  },
  names: {
    module: module(
      'import probe from "probing";',
      `const late = (ask) => new Promise((f) => ask((e) => f([e.code, e.message])));
      return [await late((cb) => probe.dns.lookup("a.example", cb)), await late((cb) => probe.dns.lookup("a.example", { all: true }, cb)), await late((cb) => new probe.dns.Resolver().resolve4("a.example", cb)),
        await probe.dns.promises.lookup("a.example").catch((e) => [e.code, e.message]), probe.dns.getServers()];`,
    ),
  },
  addons: {
    module: module('import probe from "probing";', "return [probe.addon(), probe.place(), probe.fallback];"),
  },
  diagnostics: {
    module: module(
      'import channels from "node:diagnostics_channel"; import { performance } from "node:perf_hooks";',
      `const seen = []; const a = channels.channel("a"); channels.subscribe("a", (m, n) => seen.push([m, n])); a.publish(1); return [seen, a.hasSubscribers, channels.hasSubscribers("b"), channels.tracingChannel("t").traceSync((x) => x + 1, {}, null, 1), typeof performance.now()];`,
    ),
  },
});

const packages = join(runs.directory, "node_modules");
const files: Record<string, string> = {
  "probing/package.json": '{"name":"probing","main":"index.js"}',
  "probing/index.js": `
    const net = require("net"), tls = require("node:tls"), vm = require("vm"), { spawn } = require("child_process");
    const threads = require("worker_threads"), cluster = require("cluster"), tty = require("tty"), module_ = require("module"), inspector = require("inspector"), dns = require("dns");
    class Own extends net.Socket {}
    const own = require("./esm.mjs");
    const told = (f) => { try { f(); return "done" } catch (e) { return [e.name, e.code, e.message] } };
    module.exports = {
      net, tty, threads, cluster, inspector, dns, module: module_,
      tried: () => told(() => net.connect(80, "a.example")),
      extended: () => told(() => new Own()),
      named: () => told(() => spawn("ls")),
      copied: () => told(() => own.connect()),
      addon: () => told(() => require("bindings")("probing.node")),
      place: () => told(() => require("@mapbox/node-pre-gyp").find("/package.json")),
      fallback: (() => { try { return require("node-gyp-build")(__dirname); } catch { return "in JavaScript"; } })(),
      required: () => told(() => module_.createRequire("/")("fs")),
    };`,
  "probing/esm.mjs": 'import { connect as tlsConnect } from "node:tls"; export const connect = () => tlsConnect(443);',
};
for (const [path, text] of Object.entries(files)) {
  mkdirSync(join(packages, path, ".."), { recursive: true });
  writeFileSync(join(packages, path), text);
}

t.test("a package that imports what isn't there goes on until it uses it", async (t) => {
  const record = await runs.run("used");
  const error = (what: RegExp) => ["MayflyUnsupportedError", "ERR_MAYFLY_UNSUPPORTED", what];
  t.match(
    record.result,
    [
      error(/^node:net\.connect isn't available in a job: a job has no sockets: use the context's fetch$/),
      error(/^node:net\.Socket isn't available/),
      error(/^node:child_process\.spawn isn't available in a job: a job starts no programs/),
      error(/^node:tls\.connect isn't available/),
      error(/createRequire.* a bundle has all its modules in it/),
    ],
    record.error?.message ?? "",
  );
});

t.test("what such a module has that needs no power: there", async (t) => {
  const record = await runs.run("parts");
  t.same(
    record.result,
    [addresses.map((address) => isIP(address)), false, true, null, true, true, builtinModules.length, "function", null],
    record.error?.message ?? "",
  );
});

t.test("names of hosts: asked for in Node's ways, and answered late by an error", async (t) => {
  const record = await runs.run("names");
  const error = [
    "ERR_MAYFLY_UNSUPPORTED",
    /^dns\..* isn't available in a job: the runtime resolves the names of hosts/,
  ];
  t.match(record.result, [error, error, error, error, []], record.error?.message ?? "");
});

t.test(
  "a package that loads an addon: told so when it does, by the package's name, unless it goes on without",
  async (t) => {
    const record = await runs.run("addons");
    const error = [
      "MayflyUnsupportedError",
      "ERR_MAYFLY_UNSUPPORTED",
      "the addon of probing isn't available in a job: it is compiled for a machine: use a package in JavaScript or WebAssembly",
    ];
    t.same(record.result, [error, error, "in JavaScript"], record.error?.message ?? "");
  },
);

t.test("messages by name, and a clock", async (t) => {
  t.same((await runs.run("diagnostics")).result, [[[1, "a"]], true, false, 2, "number"]);
});

t.test("a job's own file that imports what no job can have: refused with file, line and what to use", async (t) => {
  const bundler = makeBundler({ directory: runs.directory });
  const refused = builtinModules
    .concat("node:test", "node:sqlite", "node:sea")
    .filter((name) => !name.startsWith("_") && !Object.hasOwn(servedModules, name.replace(/^node:/, "")));
  t.ok(refused.length >= 20, refused.join());
  for (const name of refused) {
    const entry = join(runs.directory, "jobs", "own.ts");
    writeFileSync(entry, `import x from ${JSON.stringify(name)};\nexport default x;\n`);
    const error = await bundler.bundle(entry).then(
      () => undefined,
      (thrown: { code: string; message: string; next: string }) => thrown,
    );
    t.match(
      error,
      { code: "bundle_failed", message: /jobs\/own\.ts:1:15: ".*" is a module of Node that no job can have/ },
      name,
    );
    t.match(error?.next, /\S/, name);
  }
  await bundler.close();
});

t.test("what all of them left behind", (t) => runs.end(t));
