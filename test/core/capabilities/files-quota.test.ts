// The quota of a run's files: exact to the byte and to the entry, whatever fails in between.
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { FileFailure } from "../../../runtime/ports/file-tree.ts";
import { codeOf, errorOf, world } from "./files-world.ts";

t.test("[RES-12] the quota of bytes is full at its last byte and not before", async (t) => {
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

t.test("[RES-13] the quota of entries counts directories that were made on the way", async (t) => {
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

t.test("[RES-13] depth ends at its last directory", async (t) => {
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

t.test("[RES-12] a hundred writes at once fill the quota exactly", async (t) => {
  const { write, list, own } = await world(t, { quota: { bytes: 1_000, entries: 40 } });
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) => write(`/d/f${index}`, "x".repeat(30))),
  );
  t.equal(results.filter(({ status }) => status === "fulfilled").length, 33, "33 of 30 bytes fit into 1,000");
  const bytes = (await list("/d")).reduce((sum, { name }) => sum + statSync(join(own, "d", name)).size, 0);
  t.equal(bytes, 990);
});

t.test("[RES-12] what was counted is what is there, after any sequence of changes", async (t) => {
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

t.test("[RES-12] small files count as the disk's blocks: many of one byte don't get around the quota", async (t) => {
  const quota = { bytes: 64 * 1_024, entries: 100_000 };
  const { write, remove, own, mkdir } = await world(t, { quota });
  const blocksMax = 256 + 16; // 256 that need not be full, and the quota's own
  for (let index = 0; index < blocksMax - 1; index += 1) await write(`/d/f${index}`, "x");
  const error = await errorOf(write("/d/more", "x"));
  t.match(error, {
    code: "quota",
    message: /1114112 bytes of the disk's blocks and 4096 more .* of 1114112; put more/,
  });
  t.equal(await codeOf(mkdir("/e")), "quota", "a directory takes a block too");
  t.ok(
    allocatedBytes(own) <= 1_114_112 + 2 * 4_096,
    `${allocatedBytes(own)} bytes of blocks, /output and the root too`,
  );
  await write("/d/f0", "y".repeat(4_000), "append");
  t.equal(await codeOf(write("/d/f0", "y".repeat(100), "append")), "quota", "4,097 bytes would be two blocks");
  await write("/d/empty", "");
  await remove("/d/f0");
  await write("/d/more", "x");
});

t.test("[RES-12] six thousand appends of one byte end at the quota's last byte", async (t) => {
  const { write, own } = await world(t, { quota: { bytes: 3_000 } });
  let done = 0;
  let denied = 0;
  for (let index = 0; index < 6_000; index += 1) {
    const code = await write("/f", "x", "append").then(
      () => "done",
      ({ code }: { code: string }) => code,
    );
    if (code === "done") done += 1;
    if (code === "quota") denied += 1;
  }
  t.strictSame([done, denied], [3_000, 3_000]);
  const { size, blocks } = statSync(join(own, "f"));
  t.ok(size === 3_000 && blocks * 512 <= 8_192, `${size} bytes, ${blocks} blocks`);
});

t.test("[RES-13] as many empty files as a run has calls: the quota's number is made, and all of them go", async (t) => {
  const triesMax = 100_000; // as many calls as a run has by default: it never comes to the million
  const { write, own, usage, end } = await world(t, { quota: { entries: 1_000 } });
  const codes = new Map<string, number>();
  for (let index = 0; index < triesMax; index += 1) {
    const code = await write(`/f${index}`, "").then(
      () => "done",
      ({ code }: { code: string }) => code,
    );
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  t.strictSame(
    [...codes],
    [
      ["done", 1_000],
      ["quota", triesMax - 1_000],
    ],
  );
  t.equal(usage.filesWritten, 1_000);
  t.equal(readdirSync(own).length, 1_001);
  t.ok(await end());
  t.notOk(existsSync(own));
});

t.test(
  "[RES-13] depth and length: 10,000 levels are refused at once, 255 bytes are a name, and all of it goes",
  async (t) => {
    const { write, mkdir, own, end, read } = await world(t, { quota: { depth: 64 } });
    t.equal(await codeOf(mkdir("/d".repeat(10_000))), "depth");
    t.equal(await codeOf(write(`${"/d".repeat(10_000)}/f`, "x")), "depth");
    t.equal(await codeOf(write(`/${"n".repeat(256)}`, "x")), "path");
    const longest = `/${"n".repeat(255)}`.repeat(64);
    await write(`${longest}/${"é".repeat(127)}`, "at the end of 16 KiB");
    t.equal(await read(`${longest}/${"é".repeat(127)}`), "at the end of 16 KiB");
    t.equal(await codeOf(write(`${longest}/n/f`, "x")), "depth");
    t.ok(await end());
    t.notOk(existsSync(own));
  },
);

t.test("writes that pile up are told to wait: their bytes lie in the supervisor's memory", async (t) => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { write } = await world(t, {
    quota: { bytes: 1_000_000_000 },
    around: () => ({ write: () => gate }),
  });
  const each = "x".repeat(8 * 1_048_576);
  const codes = Array.from({ length: 40 }, (_, index) =>
    write(`/f${index}`, each).then(
      () => "done",
      (error) => error.code,
    ),
  );
  t.equal(await codes[39], "busy", "at once, while the others wait");
  open();
  const all = await Promise.all(codes);
  t.strictSame([all.filter((code) => code === "done").length, new Set(all).size], [8, 2], "64 MiB are taken in");
  await write("/again", each);
});

function allocatedBytes(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).blocks * 512, 0);
}

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
