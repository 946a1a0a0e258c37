// How Node's modules come into a bundle: only those that it imports, from Mayfly's own installation, under names that say
// nothing of where that lies; with a handover that is gone before the job runs.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as esbuild from "esbuild";
import t from "tap";
import { makeBundler } from "../../../runtime/adapters/system/esbuild-bundler.ts";
import { servedModules } from "../../../runtime/adapters/system/node-names.ts";
import { intrinsics, type Reached, walk } from "../../escape/walk.ts";
import { openRuns } from "../../support/runs.ts";

const outside = realpathSync(mkdtempSync(join(tmpdir(), "mayfly-node-bundle-")));
t.teardown(() => rmSync(outside, { recursive: true }));

function project(files: Record<string, string>): string {
  const root = mkdtempSync(join(outside, "project-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

async function bundle(files: Record<string, string>) {
  const root = project(files);
  const bundler = makeBundler({ directory: root });
  try {
    return await bundler.bundle(join(root, "job.ts"));
  } finally {
    await bundler.close();
  }
}

const text = ({ code }: { code: Uint8Array }) => Buffer.from(code).toString();
const job = (imports: string, value: string) =>
  `import { defineJob } from "mayfly";\n${imports}\nexport default defineJob(async () => ${value});\n`;

t.test("a job without Node's modules: not a byte of the layer, and not a second build", async (t) => {
  const files = {
    "job.ts": job('import { x } from "./x.ts";', "x.length"),
    "x.ts": 'export const x = "process, Buffer";\n',
  };
  const made = await bundle(files);
  const root = project(files);
  const plain = await esbuild.build({
    stdin: {
      contents: 'import job from "./job.ts";\n__mayflyRegister(job);\n',
      resolveDir: root,
      sourcefile: "mayfly:entry",
      loader: "js",
    },
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "iife",
    target: "node26",
    platform: "neutral",
    keepNames: true,
    charset: "utf8",
    plugins: [
      {
        name: "mayfly",
        setup(build) {
          build.onResolve({ filter: /^mayfly$/ }, ({ path }) => ({ path, namespace: "mayfly", sideEffects: false }));
          build.onLoad({ filter: /^mayfly$/, namespace: "mayfly" }, () => ({
            contents: 'export const defineJob = (run) => Object.freeze({ kind: "mayfly.job", run });\n',
          }));
        },
      },
    ],
  });
  t.equal(text(made), plain.outputFiles[0]?.text, "byte for byte what esbuild alone makes of it");
  t.ok(made.code.length < 1_500, `${made.code.length} bytes`);
});

const sizes: [what: string, imports: string, value: string, bytesMax: number][] = [
  ["node:path", 'import { join } from "node:path";', 'join("a", "b")', 25_000],
  ["node:events", 'import { EventEmitter } from "node:events";', "new EventEmitter()", 40_000],
  ["process as a free identifier", "", "process.platform", 20_000],
  ["Buffer as a free identifier", "", 'Buffer.from("a")', 80_000],
  ["setImmediate as a free identifier", "", "setImmediate(() => {})", 20_000],
];

for (const [what, imports, value, bytesMax] of sizes) {
  t.test(`a bundle that grows by more than it needs: ${what}`, async (t) => {
    const { code, inputs } = await bundle({ "job.ts": job(imports, value) });
    t.ok(code.length < bytesMax, `${code.length} bytes`);
    t.same(inputs, ["job.ts"], "the job's inputs are its own files");
  });
}

t.test("process.env.NODE_ENV, and global, alone: no layer for them", async (t) => {
  const { code } = await bundle({ "job.ts": job("", "[process.env.NODE_ENV, typeof global]") });
  t.match(Buffer.from(code).toString(), '"production", typeof globalThis');
  t.ok(code.length < 1_500, `${code.length} bytes`);
});

t.test(
  "a bundle with all of Node's modules: the same wherever the project lies, and no path of the host in it",
  async (t) => {
    const names = Object.keys(servedModules);
    const imports = names.map((name, index) => `import m${index} from "node:${name}";`).join("\n");
    const files = { "job.ts": job(imports, `[${names.map((_, index) => `typeof m${index}`).join()}]`) };
    const [here, there] = [await bundle(files), await bundle(files)];
    const linked = join(outside, "linked");
    symlinkSync(project(files), linked);
    const bundler = makeBundler({ directory: linked });
    const viaLink = await bundler.bundle(join(linked, "job.ts"));
    await bundler.close();
    t.equal(here.digest, there.digest);
    t.equal(here.digest, viaLink.digest);
    t.equal(here.sourceMap, there.sourceMap);
    const repository = join(import.meta.dirname, "../../..");
    for (const part of [text(here), here.sourceMap]) {
      t.notMatch(part, repository);
      t.notMatch(part, outside);
    }
    t.ok(here.code.length < 1_000_000, `${here.code.length} bytes`);
  },
);

t.test(
  "a package that has a name of Node's: passed over, with a slash behind its name too, and with no second Buffer",
  async (t) => {
    const { code, inputs } = await bundle({
      "job.ts": job(
        'import { Buffer as bare } from "buffer"; import { Buffer as slashed } from "buffer/";',
        "bare === slashed",
      ),
      "node_modules/buffer/package.json": '{"name":"buffer","main":"index.js"}',
      "node_modules/buffer/index.js": 'exports.Buffer = "installed";',
    });
    t.notMatch(Buffer.from(code).toString(), '"installed"');
    t.same(inputs, ["job.ts"]);
  },
);

const runs = await openRuns({
  handover: {
    module: `import { defineJob } from "mayfly"; import fsp from "node:fs/promises"; const early = [typeof globalThis.__mayflyNode, typeof globalThis.__mayflyRegister];
      export default defineJob(async () => { await fsp.writeFile("/a", "b"); return [early, typeof globalThis.__mayflyNode, "__mayflyNode" in globalThis, await fsp.readFile("/a", "utf8")]; });`,
  },
  lazily: {
    module: `import { defineJob } from "mayfly"; import late from "late"; export default defineJob(async () => late());`,
  },
  modules: {
    module: `import { defineJob } from "mayfly"; ${Object.keys(servedModules)
      .map((name, index) => `import m${index} from "node:${name}"; import * as s${index} from "${name}";`)
      .join("\n")}
      export default defineJob(async () => [${Object.keys(servedModules)
        .map((_, index) => `typeof m${index} + " " + (s${index}.default === m${index})`)
        .join()}]);`,
  },
  reach: {
    module: `import { defineJob } from "mayfly"; ${Object.keys(servedModules)
      .map((name, index) => `import m${index} from "node:${name}";`)
      .join("\n")}
      export default defineJob(async () => {
        const walk = ${walk};
        const roots = [...${intrinsics}, ["globalThis", globalThis]];
        return walk([...roots, ...[${Object.keys(servedModules)
          .map((name, index) => `["node:${name}", m${index}]`)
          .join()}]]);
      });`,
    limits: { wallMs: 60_000, cpuMs: 60_000, resultBytes: 8 << 20 },
  },
});
const late = join(runs.directory, "node_modules", "late");
mkdirSync(late, { recursive: true });
writeFileSync(join(late, "package.json"), '{"name":"late","main":"index.js"}');
writeFileSync(
  join(late, "index.js"),
  'module.exports = async () => { const fs = require("fs/promises"); await fs.writeFile("/late", "x"); const { createHash } = require("crypto"); return [await fs.readFile("/late", "latin1"), createHash("sha1").digest("hex").length]; };',
);

t.test(
  "the handover: there while the bundle is evaluated, gone when the job runs, and the modules go on",
  async (t) => {
    const record = await runs.run("handover");
    t.same(record.result, [["object", "function"], "undefined", false, "b"], record.error?.message ?? "");
  },
);

t.test("a package that requires a module only when it is called: it has the handover all the same", async (t) => {
  const record = await runs.run("lazily");
  t.same(record.result, ["x", 40], record.error?.message ?? "");
});

t.test("every module, by either name and either import", async (t) => {
  const record = await runs.run("modules");
  t.equal(record.state, "succeeded", record.error?.message ?? "");
  for (const each of record.result as string[]) t.match(each, /^(?:object|function) true$/);
});

t.test("[ISO-01] what can be reached from Node's modules: nothing of isolated-vm, and no host's object", async (t) => {
  const record = await runs.run("reach");
  t.equal(record.state, "succeeded", record.error?.message ?? "");
  const { native, scripted, foreign } = record.result as Reached;
  const beyond = (paths: string[]) => paths.filter((path) => path.startsWith("node:"));
  t.ok(beyond(scripted).length > 300, `${beyond(scripted).length} functions of the layer`);
  t.same(beyond(native), [], "no native function beside the language's");
  t.same(beyond(foreign), ["node:buffer.Buffer.prototype"], "no object of isolated-vm or of Node, but our own Buffer");
});

t.test(
  "the sources name no other module of ours than the layer's: nothing of the guest is in a bundle twice",
  async (t) => {
    const folder = join(import.meta.dirname, "../../../runtime/guest/node");
    const { readdirSync } = await import("node:fs");
    for (const name of readdirSync(folder).filter((each) => each.endsWith(".ts") && !each.endsWith(".d.ts"))) {
      const imports = readFileSync(join(folder, name), "utf8").match(/^import (?!type).* from "\.\.\/.*";$/gm) ?? [];
      t.same(imports, [], name);
    }
  },
);

t.test("what all of them left behind", (t) => runs.end(t));
