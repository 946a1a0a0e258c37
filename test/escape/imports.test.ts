// ISO-04, RES-24: what a job's source may draw in. Static imports are followed when the job is bundled, by the project's own
// door (bundle-door.ts): nothing of Node, of the machine or of the network comes through it, and no archive is unpacked.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";
import t from "tap";
import { openRuns } from "../support/runs.ts";

const job = (line: string) =>
  `import { defineJob } from "mayfly";\n${line}\nexport default defineJob(async () => "ran");\n`;

const forbidden: Record<string, string> = {
  "Node's files": 'import fs from "node:fs"; fs.readFileSync("/etc/passwd");',
  "Node's files without the scheme": 'import { readFileSync } from "fs"; readFileSync("/etc/passwd");',
  "a file by its URL": 'import x from "file:///etc/passwd"; x;',
  "a file by its absolute path": 'import x from "/etc/passwd"; x;',
  "a file outside of the project": 'import x from "../../../../../../etc/passwd"; x;',
  "a text from the network": 'import x from "http://127.0.0.1:9/x.js"; x;',
  "a package that isn't there": 'import x from "no-such-package-here"; x;',
  "a package whose main leads out": 'import x from "leads-out"; console.log(x);',
  "isolated-vm": 'import ivm from "isolated-vm"; ivm;',
  "what require is": 'const x = require("node:child_process"); x;',
  "an import of what it computes": 'await import("node:" + "fs");',
  "an export of another": 'export * from "node:child_process";',
};

/** A zip of one member that inflates to 64 MiB, and one member that would land elsewhere. */
function zip(name: string): Buffer {
  const data = deflateRawSync(Buffer.alloc(64 << 20));
  const header = Buffer.alloc(30);
  header.write("PK\u0003\u0004", 0, "latin1");
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(data.length, 18);
  header.writeUInt32LE(64 << 20, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(name), data]);
}

function tar(name: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("00000000004\0", 124);
  header.write("ustar\0", 257);
  return Buffer.concat([header, Buffer.from("pwnd"), Buffer.alloc(508 + 1_024)]);
}

const archives: Record<string, Uint8Array> = {
  "zip that inflates": zip("job.ts"),
  "zip that leads out": zip("../../../../tmp/mayfly-unpacked"),
  "tar that leads out": tar("../../../../tmp/mayfly-unpacked"),
  "tar in gzip": gzipSync(tar("/tmp/mayfly-unpacked")),
};

const slug = (name: string) => name.replaceAll(/[^a-z]+/gi, "-");
const runs = await openRuns({
  ...Object.fromEntries(Object.entries(forbidden).map(([name, line]) => [slug(name), { module: job(line) }])),
  ...Object.fromEntries(Object.entries(archives).map(([name, module]) => [slug(name), { module }])),
  benign: { module: job('const x: string = "typed"; x;') },
  "by-data": { module: job('import x from "data:text/javascript,export default typeof process"; console.log(x);') },
});
const outside = join(runs.directory, "node_modules", "leads-out");
mkdirSync(outside, { recursive: true });
writeFileSync(
  join(outside, "package.json"),
  JSON.stringify({ name: "leads-out", main: "../../../../../../etc/passwd" }),
);

t.test(
  "[ISO-04] [RES-24] a job that draws in nothing runs: what follows is refused for what it draws in",
  async (t) => {
    t.match(await runs.run("benign"), { state: "succeeded", result: "ran" });
  },
);

for (const name of Object.keys(forbidden)) {
  t.test(`[ISO-04] a static import of ${name}`, async (t) => {
    const error = await runs.run(slug(name)).then(
      (record) => record.error,
      (thrown: unknown) => thrown,
    );
    t.match(error, { code: /^(bundle_failed|job_threw)$/ });
    t.notMatch(JSON.stringify(error), /root:x:0/, "nothing was read");
    t.notOk(runs.runtime.store.auditEntries(1, 10_000).some(({ event }) => event.type === "allow"));
  });
}

t.test("[ISO-04] a module of a data: URL is code of the job, and has no more rights", async (t) => {
  const record = await runs.run("by-data").catch((error: { code: string }) => error);
  if ("id" in record) t.same(await runs.logs(record), ["undefined"], "no process in it");
  else t.match(record, { code: "bundle_failed" });
});

for (const name of Object.keys(archives)) {
  t.test(`[RES-24] a job that is a ${name}: refused as no program, and not unpacked`, async (t) => {
    const before = process.memoryUsage.rss();
    const error = await runs.run(slug(name)).then(
      (record) => record.error,
      (thrown: unknown) => thrown,
    );
    t.match(error, { code: "bundle_failed" });
    t.ok(process.memoryUsage.rss() - before < 48 << 20, "what it would inflate to was never in memory");
    t.notOk(existsSync("/tmp/mayfly-unpacked"), "and nothing lies where it leads");
  });
}

t.test("what all of them left behind", (t) => runs.end(t));
