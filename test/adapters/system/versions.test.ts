// ISO-22: version floors. A process that is told of older versions refuses to start, and says which floor it is below.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { isBelow, requireVersions, versionFindings } from "../../../runtime/adapters/system/versions.ts";

const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
t.teardown(removeCallback);
const module = new URL("../../../runtime/adapters/system/versions.ts", import.meta.url).href;

/** What `requireVersions` says in a process where `change` (JavaScript) has been done before. */
function inWorld(change: string): { code?: string; message?: string; found?: string; needed?: string; next?: string } {
  const preload = join(directory, "world.cjs");
  writeFileSync(preload, change);
  const script = `import(${JSON.stringify(module)}).then((m) => m.requireVersions()).then(() => console.log("{}"), (e) => console.log(JSON.stringify({ ...e, message: e.message })))`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--require", preload, "-e", script], { encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

const withPackage = (name: string, version: string) => `
  const fs = require("node:fs"), { readFileSync } = fs;
  fs.readFileSync = (path, ...rest) => String(path).endsWith(${JSON.stringify(`node_modules/${name}/package.json`)}) ? JSON.stringify({ version: ${JSON.stringify(version)} }) : readFileSync(path, ...rest);
  require("node:module").syncBuiltinESMExports();
`;
const withNode = (version: string) =>
  `Object.defineProperty(process, "versions", { value: { ...process.versions, node: ${JSON.stringify(version)} } });`;

t.test("the versions that are installed here pass", async (t) => {
  requireVersions();
  t.same(inWorld(""), {});
  t.same(
    versionFindings().map(({ name }) => name),
    ["Node.js", "isolated-vm", "tmp", "undici"],
  );
  t.ok(versionFindings().every(({ holds }) => holds));
});

for (const [name, version] of [
  ["isolated-vm", "7.0.0"],
  ["isolated-vm", "6.1.9"],
  ["tmp", "0.2.6"],
  ["undici", "8.12.3"],
  ["isolated-vm", "7.0.1-beta.1"],
] as const) {
  t.test(`[ISO-22] ${name} ${version}: the runtime refuses to start`, async (t) => {
    t.match(inWorld(withPackage(name, version)), {
      code: "version_floor",
      message: new RegExp(`${name} is below its floor`),
      found: version,
      needed: /or later/,
      next: "npm ci",
    });
  });
}

t.test("[ISO-22] a Node below the floor, and a system that isn't Linux", async (t) => {
  t.match(inWorld(withNode("24.20.9")), {
    code: "version_floor",
    message: /Node\.js/,
    found: "24.20.9",
    next: /npx mayfly/,
  });
  t.same(inWorld(withNode("24.21.0")), {}, "the floor itself passes");
  const elsewhere = inWorld('Object.defineProperty(process, "platform", { value: "darwin" });');
  t.match(elsewhere, { code: "platform_unsupported", found: "darwin", needed: "linux" });
});

t.test("versions are compared by number, and a pre-release is below its release", async (t) => {
  const below: [string, string][] = [
    ["7.0.0", "7.0.1"],
    ["6.99.99", "7.0.1"],
    ["0.2.6", "0.2.7"],
    ["8.9.0", "8.12.4"],
    ["7.0.1-rc.1", "7.0.1"],
    ["24.9.0", "24.21.0"],
  ];
  for (const [version, floor] of below) {
    t.ok(isBelow(version, floor), `${version} < ${floor}`);
    t.notOk(isBelow(floor, version), `${floor} ≥ ${version}`);
  }
  t.notOk(isBelow("7.0.1", "7.0.1"));
  t.notOk(isBelow("7.0.2-rc.1", "7.0.1"), "a pre-release of a later version is later");
});
