// A job, or a package in it, that asks for what isn't there: the run's error says what to do instead, in the words that tsc
// has for it.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { absenceOf } from "../../runtime/model/absent-names.ts";
import { openRuns } from "../support/runs.ts";

const job = (body: string, before = "") =>
  `${before}\nimport { defineJob } from "mayfly";\nexport default defineJob(async (context) => {\n${body}\n});\n`;

const runs = await openRuns({
  socket: { module: job('  return new WebSocket("wss://a.example/").url;') },
  dom: { module: job("  return document.title;") },
  member: { module: job('  return new globalThis.XMLHttpRequest().open("GET", "x");') },
  wasm: { module: job("  return WebAssembly.validate(new Uint8Array(8));") },
  shared: { module: job("  return new SharedArrayBuffer(8).byteLength;") },
  "while-loading": { module: job("  return 1;", "const worker = new Worker('x');") },
  caught: {
    module: job(
      "  try {\n    return new FileReader();\n  } catch (cause) {\n    throw new Error('no upload', { cause });\n  }",
    ),
  },
  package: { module: job("  return connect();", 'import { connect } from "needs-socket";') },
  scoped: { module: job("  return read();", 'import { read } from "@a/needs-net";') },
  dynamic: { module: job("  return load('x');", 'import { load } from "needs-files";') },
  unknown: { module: job("  return nobodyHasThis;") },
  lying: { body: 'throw new Error("WebSocket is not defined");' },
  object: { body: 'const e = new ReferenceError("constructor is not defined"); throw e;' },
  rejection: {
    module: job("  void (async () => new EventSource('x'))();\n  await new Promise((f) => setTimeout(f, 20));"),
  },
});

function install(name: string, source: string): void {
  const path = join(runs.directory, "node_modules", name, "index.js");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(join(dirname(path), "package.json"), JSON.stringify({ name, version: "1.0.0", main: "index.js" }));
  writeFileSync(path, source);
}

install("needs-socket", "exports.connect = () => new WebSocket('wss://a.example/');\n");
install("@a/needs-net", "const net = require('net');\nexports.read = () => net.connect(80);\n");
install("needs-files", "exports.load = (name) => require(name);\n");

for (const [name, global] of Object.entries({
  socket: "WebSocket",
  dom: "document",
  member: "XMLHttpRequest",
  wasm: "WebAssembly",
  shared: "SharedArrayBuffer",
  "while-loading": "Worker",
  caught: "FileReader",
  rejection: "EventSource",
})) {
  t.test(`${name}: ${global} isn't there, and the error says what is`, async (t) => {
    const { state, error } = await runs.run(name);
    t.equal(state, "failed");
    t.equal(error?.hint, absenceOf(global, name), error?.message ?? "no error");
  });
}

t.test("what the config turns on is said with the job's own name", async (t) => {
  t.match((await runs.run("wasm")).error?.hint, "isolate: { webAssembly: true } in jobs.wasm turns it on");
});

t.test("a package that asks for it is named", async (t) => {
  t.match((await runs.run("package")).error, {
    message: "ReferenceError: WebSocket is not defined",
    source: { file: "jobs/package.ts" },
    hint: `${absenceOf("WebSocket")} (the package "needs-socket" asks for it)`,
  });
  t.match((await runs.run("scoped")).error, {
    message: /net\.connect isn't available in a job: a job has no sockets/,
    hint: /docs\/node\.md .* \(the package "@a\/needs-net" asks for it\)$/,
  });
  t.match((await runs.run("dynamic")).error?.hint, /what is imported by name.*"needs-files"/);
});

t.test("no hint where nothing is known, or where the words are the job's own", async (t) => {
  for (const name of ["unknown", "lying", "object"]) t.equal((await runs.run(name)).error?.hint, undefined, name);
});

t.test("at the end nothing is left", (t) => runs.end(t));
