// The quota of a run's files: exact to the byte and to the entry, whatever fails in between.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { FileFailure } from "../../../runtime/ports/file-tree.ts";
import { codeOf, errorOf, world } from "./files-world.ts";

t.test("the quota of bytes is full at its last byte and not before", async (t) => {
  const { write, remove, read } = await world(t, { quota: { bytes: 10 } });
  await write("/a", "123456789");
  const error = await errorOf(write("/b", "12"));
  t.match(error, {
    code: "quota",
    message: /9 bytes are used and 2 more asked for, of 10B; remove files, or raise files\.quota/,
  });
  t.equal(error.name, "Denied");
  await write("/a", "0", "append");
  t.equal(await codeOf(write("/a", "1", "append")), "quota", "byte by byte too");
  t.equal(await read("/a"), "1234567890", "a refused append leaves the file as it was");
  await write("/a", "short");
  await write("/b", "12345");
  t.equal(await codeOf(write("/b", "123456")), "quota");
  await remove("/a");
  await write("/b", "1234567890");
});

t.test("the quota of entries counts directories that were made on the way", async (t) => {
  const { write, mkdir, remove } = await world(t, { quota: { entries: 4 } });
  await write("/a/b/c", "");
  t.match(await errorOf(write("/d/e", "")), {
    code: "quota",
    message: /3 files and directories exist and 2 more.* of 4; .* files\.quota\.entries/,
  });
  await mkdir("/d");
  t.equal(await codeOf(mkdir("/e")), "quota");
  t.equal(await codeOf(write("/e", "")), "quota");
  await write("/a/b/c", "a file that is there already takes no entry");
  await mkdir("/a/b");
  await remove("/d");
  await write("/output/e", "");
});

t.test("a refused write makes no directory either", async (t) => {
  const { write, own } = await world(t, { quota: { bytes: 1, entries: 2 } });
  await errorOf(write("/a/b", "12"));
  await errorOf(write("/a/b/c", ""));
  t.strictSame(readdirSync(own), ["output"]);
});

t.test("depth ends at its last directory", async (t) => {
  const { write, mkdir } = await world(t, { quota: { depth: 2 } });
  await write("/a/b/file", "");
  t.match(await errorOf(write("/a/b/c/file", "")), {
    code: "depth",
    message: /3 directories deep, at most 2; .*files\.quota\.depth/,
  });
  t.equal(await codeOf(mkdir("/a/b/c")), "depth");
  await mkdir("/c/d");
});

t.test("a full tree is still cleared, read and shortened", async (t) => {
  const { write, remove, read } = await world(t, { quota: { bytes: 3, entries: 1 } });
  await write("/a", "123");
  t.equal(await read("/a"), "123");
  await write("/a", "12");
  await write("/a", "");
  await remove("/a");
  await write("/b", "123");
});

t.test("a write that fails half way is counted as what is on the disk", async (t) => {
  let fail = true;
  const { write, own } = await world(t, {
    quota: { bytes: 10 },
    around: (tree) => ({
      async write(path, bytes, mode) {
        if (!fail) return tree.write(path, bytes, mode);
        await tree.write(path, bytes.subarray(0, 4), mode);
        throw new FileFailure("io", "no space is left on the host's disk", new Error("ENOSPC /host/path"));
      },
    }),
  });
  const error = await errorOf(write("/a", "12345678"));
  t.match(error, { code: "io", name: "Failed" });
  t.notMatch(error.message + String(error.cause), "/host/path");
  t.equal(readFileSync(join(own, "a"), "utf8"), "1234");
  fail = false;
  t.equal(await codeOf(write("/b", "1234567")), "quota", "four are used");
  await write("/b", "123456");
});

t.test("a write that fails before it begins costs nothing", async (t) => {
  let fail = true;
  const { write, usage } = await world(t, {
    quota: { bytes: 4, entries: 1 },
    around: (tree) => ({
      write: (path, bytes, mode) =>
        fail ? Promise.reject(new FileFailure("io", "no")) : tree.write(path, bytes, mode),
    }),
  });
  t.equal(await codeOf(write("/a", "1234")), "io");
  fail = false;
  await write("/b", "1234");
  t.equal(usage.filesWritten, 1);
});

t.test("a hundred writes at once fill the quota exactly", async (t) => {
  const { write, list, own } = await world(t, { quota: { bytes: 1_000, entries: 40 } });
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) => write(`/d/f${index}`, "x".repeat(30))),
  );
  t.equal(results.filter(({ status }) => status === "fulfilled").length, 33, "33 of 30 bytes fit into 1,000");
  const bytes = (await list("/d")).reduce((sum, { name }) => sum + statSync(join(own, "d", name)).size, 0);
  t.equal(bytes, 990);
});

t.test("what was counted is what is there, after any sequence of changes", async (t) => {
  const paths = ["/a", "/b", "/d", "/d/a", "/d/b", "/d/d/a", "/output/a", "/output/d/a"];
  const step = fc.record({
    op: fc.constantFrom("write", "append", "mkdir", "remove"),
    path: fc.constantFrom(...paths),
    bytes: fc.integer({ min: 0, max: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      await t.test("one history", async (t) => {
        const quota = { bytes: 150, entries: 6, depth: 3 };
        const { write, mkdir, remove, own, outputs } = await world(t, { quota });
        for (const { op, path, bytes } of steps) {
          const work =
            op === "mkdir"
              ? mkdir(path)
              : op === "remove"
                ? remove(path)
                : write(path, "x".repeat(bytes), op === "append" ? "append" : "replace");
          await work.catch(() => {});
          const found = measure(own);
          t.ok(
            found.bytes <= quota.bytes && found.entries <= quota.entries,
            `${JSON.stringify(found)} after ${op} ${path} ${bytes}`,
          );
        }
        // What is left must fit to the byte: the ledger and the disk agree.
        const left = quota.bytes - measure(own).bytes;
        if (measure(own).entries < quota.entries) {
          if (left > 0) await write("/rest", "x".repeat(left));
          t.equal(await codeOf(write("/rest", "x", "append")), "quota");
        }
        t.strictSame(await outputs(), filesBelow(own, "output").sort());
      });
    }),
    { numRuns: 40, seed: 7 },
  );
});

function measure(directory: string): { bytes: number; entries: number } {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const bytes = entries.reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
  return { bytes, entries: entries.length - 1 }; // without /output
}

function filesBelow(own: string, name: string): string[] {
  const entries = readdirSync(join(own, name), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(own.length + 1));
}
