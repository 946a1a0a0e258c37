// The dependency-report job over a lockfile of the test's own, and over this repository's.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testRun } from "mayfly/testkit";
import t from "tap";

function withLockfile(t: { teardown(undo: () => void): void }, lockfile: unknown): string {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-lock-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "package-lock.json");
  writeFileSync(path, JSON.stringify(lockfile));
  return path;
}

t.test("this repository's own lockfile is reported on", async (t) => {
  const run = await testRun("dependency-report");
  t.equal(run.state, "succeeded", run.error?.message ?? "");
  t.same([...run.outputs.keys()].sort(), ["report.json", "report.md"]);
  t.equal(run.lease, null);
});

t.test("duplicates, licences and install scripts are found", async (t) => {
  const packages = {
    "": { name: "x", version: "1.0.0", dependencies: { a: "1" } },
    "node_modules/a": { version: "1.0.0", license: "MIT", hasInstallScript: true },
    "node_modules/b": { version: "1.0.0", license: "ISC" },
    "node_modules/b/node_modules/a": { version: "2.0.0" },
  };
  const path = withLockfile(t, { name: "x", lockfileVersion: 3, packages });
  const run = await testRun("dependency-report", { mounts: { "/repo/package-lock.json": path } });
  t.equal(run.state, "succeeded", run.error?.message ?? "");
  const report = new TextDecoder().decode(run.outputs.get("report.md"));
  t.match(report, /MIT/);
  t.match(report, /ISC/);
  t.match(report, /a/);
});

t.test("what is no lockfile fails with the author's own line", async (t) => {
  const path = withLockfile(t, ["not", "a", "lockfile"]);
  const run = await testRun("dependency-report", { mounts: { "/repo/package-lock.json": path } });
  t.equal(run.state, "failed");
  t.equal(run.error?.source?.file, "jobs/dependency-report.ts");
});
