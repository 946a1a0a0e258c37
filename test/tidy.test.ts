// The walls that trust stands on, held by the build: who may import whom (runtime/README.md), and where the powers that
// reach out of the program may appear. Each rule says what to do instead. The first half of the tests plants a violation
// of every rule, so that a wall which no longer stands is found; the last one looks at the repository.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import t from "tap";
import { type Import, importsOf, tokenize } from "./tidy-reader.ts";

interface Source {
  /** From the repository's root. */
  path: string;
  text: string;
}

// ─── Who may import whom ───────────────────────────────────────────────────────────────────────────────────────────

const words = ["model", "protocol", "ports"];
const early = ["core/policy", "core/audit", "core/bundle"];
const core = [...early, "core/observe", "core/leases", "core/capabilities", "core/recording", "core/scheduler"];
const below = [...words, "job", "config", "guest", "executor", ...core, "adapters"];

/** A zone may import itself and these. A zone that isn't listed may not exist. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  job: [],
  protocol: ["model"],
  ports: ["model", "protocol"],
  config: ["model"],
  guest: ["model", "protocol", "job"],
  executor: words,
  "core/policy": words,
  "core/audit": words,
  "core/bundle": words,
  "core/observe": [...words, "core/audit"],
  "core/leases": [...words, ...early],
  "core/capabilities": [...words, ...early, "core/leases"],
  "core/recording": [...words, ...early, "core/leases", "core/capabilities"],
  "core/scheduler": [...words, ...core],
  adapters: words,
  compose: below,
  index: ["model", "job", "config", "compose"],
  testkit: [...below, "compose", "index"],
  dashboard: [...below, "compose", "index", "testkit"],
  cli: [...below, "compose", "index", "testkit", "dashboard"],
};

const remedies: Readonly<Record<string, string>> = {
  core: "take a port as an argument; compose.ts hands the adapter in",
  adapters: "share a type through ports/ or model/; compose.ts brings both together",
  model: "the vocabulary imports nothing: move the function to where it is used",
  guest: "the guest asks through protocol/bridge.ts",
};

/** `runtime/core/leases/broker.ts` is of zone `core/leases`, `runtime/config.ts` of `config`. */
function zoneOf(path: string): string | undefined {
  const [root, first = "", second = ""] = path.split("/");
  if (root !== "runtime") return undefined;
  return first === "core" ? `core/${second}` : first.replace(/\.ts$/, "");
}

// ─── Where powers may appear ───────────────────────────────────────────────────────────────────────────────────────

const adapters = /^runtime\/adapters\//;
const outside = /^(?:test|scripts)\//;
const wires = "node:(?:net|tls|http|https|http2|dgram|dns|quic|inspector)";

/** Imported for its values, such a module may appear in `places` only. Types give no power. */
const modules: readonly { module: RegExp; places: readonly RegExp[]; instead: string }[] = [
  {
    module: new RegExp(`^(?:node:(?:fs|child_process|cluster|worker_threads)|${wires})(?:/.*)?$`),
    places: [adapters, /^runtime\/executor\/(?:main|pipe|code-cache|attacker)\.ts$/, /^runtime\/testkit\//, outside],
    instead: "write or extend a port, and its adapter in runtime/adapters",
  },
  {
    module: /^(?:pg|pg-cursor|pg-boss|node:sqlite|better-sqlite3)(?:\/.*)?$/,
    places: [/^runtime\/adapters\/(?:stores|issuers)\//, /^runtime\/testkit\//, outside],
    instead: "use ports/store.ts or ports/credential-issuer.ts",
  },
  {
    module: /^isolated-vm$/,
    places: [/^runtime\/executor\/isolate\.ts$/, outside],
    instead: "use executor/isolate.ts",
  },
  {
    module: /^(?:esbuild|undici|tmp)(?:\/.*)?$/,
    places: [adapters, /^runtime\/testkit\//, outside],
    instead: "use the port that its adapter serves",
  },
  {
    module: /^pkcs11js$/,
    places: [/^runtime\/adapters\/keys\/pkcs11-token\.ts$/, /^runtime\/testkit\//, outside],
    instead: "use ports/key-provider.ts",
  },
  {
    module: /^node-cron$/,
    places: [adapters, /^runtime\/config\/shape\.ts$/, outside],
    instead: "take the ticker as an argument",
  },
  { module: /^node:process$/, places: [outside], instead: "take what you need of it as an argument" },
  {
    module: /^node:(?:vm|v8)$/,
    // One takes V8's collector, and evaluates "gc"; one asks what V8's code caches depend on.
    places: [/^runtime\/adapters\/system\/(?:buffer-collector|guest-cache)\.ts$/, outside],
    instead: "nothing of a job is evaluated or deserialised on the host",
  },
];

/** Such words, as tokens in a row, may appear in `places` only. */
const tokens: readonly { row: string; places: readonly RegExp[]; instead: string }[] = [
  ...["Date . now", "new Date ( )", "performance . now", "process . hrtime"].map((row) => ({
    row,
    // The guest has its own clock; the executor is a process of its own, where no port reaches.
    places: [
      /^runtime\/adapters\/system\/clock\.ts$/,
      /^runtime\/guest\//,
      /^runtime\/executor\/inhabitant\.ts$/,
      /^jobs\//,
      outside,
    ],
    instead: "take ports/clock.ts as an argument",
  })),
  ...["setTimeout (", "setInterval (", "setImmediate (", "AbortSignal . timeout"].map((row) => ({
    row,
    places: [/^runtime\/(?:adapters|executor|guest|testkit|cli|dashboard|compose)\b/, /^jobs\//, outside],
    instead: "use setTimer of ports/clock.ts: in the core, time moves only when it is told to",
  })),
  {
    row: "process . env",
    places: [/^runtime\/(?:cli\/|compose\.ts$|executor\/attacker\.ts$)/, outside],
    instead: "read it in compose.ts or cli/, and hand the value in",
  },
  { row: "Math . random", places: [/^jobs\//], instead: "take ports/random.ts as an argument" },
  { row: "getBuiltinModule (", places: [], instead: "import it, so that it can be seen" },
  ...["eval (", "Function ("].map((row) => ({
    row,
    places: [/^runtime\/guest\//, outside],
    instead: "nothing of a job is evaluated on the host",
  })),
];

const linesMax = 400;

// ─── The audit ─────────────────────────────────────────────────────────────────────────────────────────────────────

function audit({ path, text }: Source): string[] {
  const read = tokenize(text);
  const found = importsOf(read).flatMap((each) =>
    auditImport(path, each).map((what) => `${path}:${each.line} ${what}`),
  );
  const flat = ` ${read.map((token) => (token.kind === "string" ? '""' : token.text)).join(" ")} `;
  for (const { row, places, instead } of tokens) {
    if (!places.some((place) => place.test(path)) && appears(row, flat)) {
      found.push(`${path} has \`${row.replaceAll(" ", "")}\`: ${instead}`);
    }
  }
  const lines = text.split("\n").length - 1;
  if (lines > linesMax) found.push(`${path} has ${lines} lines: does it tell two stories? At most ${linesMax}`);
  if (path.startsWith("runtime/") && !/^(?:#!.*\n)?(?:\/\/|\/\*)/.test(text)) {
    found.push(`${path} doesn't begin with a comment: say what it answers for, and what it leaves to whom`);
  }
  return found;
}

// A plain call, as in `eval(…)`, is not a method of that name, save the global object's.
function appears(row: string, flat: string): boolean {
  const plain = /^(?:eval|Function|set\w+) \($/.test(row);
  const literal = row.replace(/[.()]/g, "\\$&");
  return new RegExp(`${plain ? "(?<!(?<! globalThis) \\.| function)" : ""} ${literal} `).test(flat);
}

function auditImport(path: string, { specifier, typeOnly }: Import): string[] {
  if (specifier.startsWith(".")) return auditDirection(path, posix.join(posix.dirname(path), specifier));
  const found: string[] = [];
  const zone = zoneOf(path);
  if (zone === "model") found.push(`imports ${specifier}: ${remedies.model}`);
  if ((zone === "guest" || path.startsWith("jobs/")) && specifier.startsWith("node:")) {
    return [`imports ${specifier}: there is no Node in the isolate`];
  }
  if (typeOnly) return found;
  for (const { module, places, instead } of modules) {
    // Node's own modules have a second name, without the scheme.
    const named = module.test(specifier) || module.test(`node:${specifier}`);
    if (named && !places.some((place) => place.test(path))) found.push(`imports ${specifier}: ${instead}`);
  }
  return found;
}

function auditDirection(path: string, target: string): string[] {
  const [zone, targetZone] = [zoneOf(path), zoneOf(target)];
  if (path.startsWith("jobs/") || path === "sandbox.config.ts") {
    return targetZone === undefined ? [] : [`imports ${target}: use what "mayfly" exports`];
  }
  if (zone === undefined) return [];
  if (targetZone === undefined) return [`imports ${target}, which is no part of the runtime`];
  const allowed = mayImport[zone];
  if (allowed === undefined) return [`is of no zone that tidy.test.ts knows: give ${zone} its place among the layers`];
  if (zone === targetZone || allowed.includes(targetZone)) return [];
  const remedy = remedies[zone.split("/")[0] ?? ""] ?? "imports point one way: see runtime/README.md";
  return [`imports ${target}, but ${zone} may import ${allowed.join(", ") || "nothing"} only: ${remedy}`];
}

// ─── The walls themselves, tried ───────────────────────────────────────────────────────────────────────────────────

const planted: [path: string, text: string, message: RegExp][] = [
  [
    "runtime/core/policy/x.ts",
    'import { a } from "../../adapters/system/clock.ts";',
    /core\/policy may import .* compose\.ts hands/,
  ],
  ["runtime/core/policy/x.ts", 'import type { A } from "../../adapters/system/clock.ts";', /adapters\/system\/clock/],
  ["runtime/core/policy/x.ts", 'type A = import("../../adapters/a.ts").A;', /adapters\/a\.ts/],
  ["runtime/core/policy/x.ts", 'export * from "../../config.ts";', /runtime\/config\.ts/],
  ["runtime/core/policy/x.ts", 'export { type A,\n b\n} from "../leases/broker.ts";', /x\.ts:4 .*core\/leases/],
  ["runtime/core/audit/x.ts", 'import { a } from "../policy/decide.ts";', /core\/policy/],
  ["runtime/core/leases/x.ts", 'import { a } from "../capabilities/gate.ts";', /core\/capabilities/],
  ["runtime/core/capabilities/x.ts", 'import { a } from "../scheduler/run.ts";', /core\/scheduler/],
  ["runtime/core/recording/x.ts", 'import { a } from "../scheduler/run.ts";', /core\/scheduler/],
  ["runtime/adapters/system/x.ts", 'import "../../core/audit/chain.ts";', /adapters may import .* ports/],
  ["runtime/adapters/system/x.ts", 'const a = await import("../../config.ts");', /runtime\/config/],
  ["runtime/model/x.ts", 'import { a } from "../protocol/frame.ts";', /imports nothing/],
  ["runtime/model/x.ts", 'import { z } from "zod";', /imports nothing/],
  ["runtime/protocol/x.ts", 'import { a } from "../ports/clock.ts";', /protocol may import model only/],
  ["runtime/config/x.ts", 'import { a } from "../ports/clock.ts";', /config may import model only/],
  ["runtime/guest/x.ts", 'import { a } from "../core/capabilities/gate.ts";', /bridge\.ts/],
  ["runtime/guest/x.ts", 'import { Buffer } from "node:buffer";', /no Node in the isolate/],
  ["runtime/executor/x.ts", 'import { a } from "../core/policy/decide.ts";', /executor may import/],
  ["runtime/compose.ts", 'import { a } from "./testkit/index.ts";', /compose may import/],
  ["runtime/index.ts", 'export { a } from "./adapters/a.ts";', /index may import/],
  ["runtime/testkit/x.ts", 'import { a } from "../cli/main.ts";', /testkit may import/],
  ["runtime/dashboard/x.ts", 'import { a } from "../cli/main.ts";', /dashboard may import/],
  ["runtime/novelty/x.ts", 'import { a } from "../model/ids.ts";', /no zone/],
  ["runtime/core/novelty/x.ts", 'import { a } from "../../model/ids.ts";', /no zone/],
  ["runtime/compose.ts", 'import { a } from "../jobs/a.ts";', /no part of the runtime/],
  ["jobs/x.ts", 'import { a } from "../runtime/job.ts";', /"mayfly"/],
  ["jobs/x.ts", 'import { a } from "node:fs";', /no Node/],
  ["sandbox.config.ts", 'import { a } from "./runtime/config.ts";', /"mayfly"/],
  ["runtime/core/policy/x.ts", 'import { readFile } from "node:fs/promises";', /write or extend a port/],
  ["runtime/core/policy/x.ts", 'import { readFile } from "fs";', /write or extend a port/],
  ["runtime/core/policy/x.ts", 'const fs = require("node:fs");', /write or extend a port/],
  ["runtime/cli/main.ts", 'import net from "node:net";', /write or extend a port/],
  ["runtime/compose.ts", 'import { spawn } from "node:child_process";', /write or extend a port/],
  ["runtime/executor/isolate.ts", 'import { lookup } from "node:dns";', /write or extend a port/],
  ["runtime/core/policy/x.ts", 'import { get } from "node:http";', /write or extend a port/],
  ["runtime/executor/main.ts", 'import ivm from "isolated-vm";', /isolate\.ts/],
  ["runtime/adapters/system/x.ts", 'import pg from "pg";', /ports\/store/],
  ["runtime/cli/main.ts", 'import { DatabaseSync } from "node:sqlite";', /ports\/store/],
  ["runtime/adapters/keys/x.ts", 'const js = await import("pkcs11js");', /key-provider/],
  ["runtime/core/bundle/x.ts", 'import * as esbuild from "esbuild";', /port/],
  ["runtime/core/scheduler/x.ts", 'import cron from "node-cron";', /ticker/],
  ["runtime/adapters/system/x.ts", 'import vm from "node:vm";', /evaluated/],
  ["runtime/core/policy/x.ts", "const now = Date.now();", /clock\.ts/],
  ["runtime/core/policy/x.ts", "const now = globalThis.Date . now();", /clock\.ts/],
  ["runtime/adapters/system/x.ts", "const now = new Date();", /clock\.ts/],
  ["runtime/testkit/x.ts", "const now = performance.now();", /clock\.ts/],
  ["runtime/core/policy/x.ts", "const text = `a $" + "{`$" + "{Date.now()}`}`;", /clock\.ts/],
  ["runtime/core/policy/x.ts", "const half = a / 2; const now = Date.now() / 2;", /clock\.ts/],
  ["runtime/core/policy/x.ts", "setTimeout(() => {}, 5);", /setTimer/],
  ["runtime/core/policy/x.ts", "clock.setTimeout(1); globalThis.setTimeout(() => {}, 5);", /setTimer/],
  ["runtime/core/policy/x.ts", "const s = AbortSignal.timeout(5);", /setTimer/],
  ["runtime/adapters/system/x.ts", "const home = process.env.HOME;", /compose\.ts or cli/],
  ["runtime/adapters/system/x.ts", 'import { env } from "node:process";', /as an argument/],
  ["runtime/guest/x.ts", "const r = Math.random();", /random\.ts/],
  ["runtime/adapters/system/x.ts", 'process.getBuiltinModule("fs");', /can be seen/],
  ["runtime/core/policy/x.ts", 'const f = new Function("a");', /evaluated/],
  ["runtime/core/policy/x.ts", "eval(text);", /evaluated/],
];

for (const [path, text, message] of planted) {
  t.test(`a wall that doesn't stand: ${path} with ${JSON.stringify(text)}`, async (t) => {
    const found = audit({ path, text: `// A planted file.\n${text}\n` });
    t.match(found.join("\n"), message);
    t.equal(found.length, 1);
  });
}

const permitted: [path: string, text: string][] = [
  ["runtime/core/policy/x.ts", "// Date.now() in a comment\n/* Math.random() */ const a = 'process.env';"],
  ["runtime/core/policy/x.ts", 'const a = "import x from \'node:fs\'";\nconst b = `import "node:fs" Date.now()`;'],
  ["runtime/core/policy/x.ts", "const a = /Date.now[/]Math.random/.test(b);"],
  ["runtime/core/policy/x.ts", "const at = new Date(ms).toISOString(); clock.setTimeout(5); const from = 1;"],
  ["runtime/core/policy/x.ts", 'import type { Socket } from "node:net";\nimport { createHash } from "node:crypto";'],
  [
    "runtime/core/policy/x.ts",
    'export type A = string;\nexport const b = 1;\nimport { c } from "../../ports/clock.ts";',
  ],
  ["runtime/core/scheduler/x.ts", 'import { a } from "../capabilities/gate.ts";\nimport { b } from "./loop.ts";'],
  ["runtime/config.ts", 'import { a } from "./config/shape.ts";'],
  ["runtime/compose.ts", 'import { a } from "./adapters/a.ts";\nconst b = process.env.B;'],
  ["runtime/adapters/stores/x.ts", 'import { DatabaseSync } from "node:sqlite";\nimport fs from "node:fs";'],
  ["runtime/executor/isolate.ts", 'import ivm from "isolated-vm";'],
  ["runtime/guest/x.ts", 'import type { JobContext } from "../job.ts";\nconst now = Date.now();'],
  ["test/x.test.ts", 'import fs from "node:fs";\nconst now = Date.now();'],
];

for (const [path, text] of permitted) {
  t.test(`a wall in the way of what is fine: ${path} with ${JSON.stringify(text)}`, async (t) => {
    t.same(audit({ path, text: `// A planted file.\n${text}\n` }), []);
  });
}

t.test("a file that tells two stories, and one that tells none", async (t) => {
  t.same(audit({ path: "runtime/model/x.ts", text: "//\n".repeat(linesMax) }), []);
  t.match(audit({ path: "runtime/model/x.ts", text: "//\n".repeat(linesMax + 1) }), [/has 401 lines/]);
  t.match(audit({ path: "runtime/model/x.ts", text: "export const a = 1;\n" }), [/begin with a comment/]);
  t.same(audit({ path: "runtime/cli/main.ts", text: "#!/usr/bin/env node\n// The command.\n" }), []);
});

// ─── The repository ────────────────────────────────────────────────────────────────────────────────────────────────

t.test("the repository keeps its walls", async (t) => {
  const root = dirname(import.meta.dirname);
  const paths = ["runtime", "jobs", "scripts", "test"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  const sources = [...paths, "sandbox.config.ts"].filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"));
  t.ok(sources.length > 50, "which are many files");
  const found = sources.flatMap((path) => audit({ path, text: readFileSync(join(root, path), "utf8") }));
  t.same(found, []);
});
