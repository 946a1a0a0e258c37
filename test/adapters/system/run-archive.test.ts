// Log lines and output files of runs, on a real disk: what is kept, in which order, under which mode, and what a crash or a
// full disk may leave.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { makeRunArchive } from "../../../runtime/adapters/system/run-archive.ts";
import { type CheckedPath, mint } from "../../../runtime/model/checked.ts";
import type { Output } from "../../../runtime/model/run.ts";
import type { LogLine, RunArchive } from "../../../runtime/ports/run-archive.ts";
import { openedTree } from "../../support/opened-tree.ts";
import { secretBoxIn } from "../../support/signing-keys.ts";

const runA = `run_${"a".repeat(32)}`;
const line = (text: string): LogLine => ({ at: "2026-01-01T00:00:00.000Z", level: "info", text });
const pathOf = (...names: string[]) => mint<CheckedPath>({ root: "private", names, writable: true });

function open(t: Test, fileBytesMax = 1_000_000) {
  const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true, mode: 0o700 });
  t.teardown(removeCallback);
  const archive = makeRunArchive({ stateDirectory: directory, fileBytesMax, box: secretBoxIn(directory) });
  const trees = makeFileTrees({ directory: join(directory, "runs") });
  mkdirSync(join(directory, "runs"));
  return { directory, archive, trees };
}

t.test(
  "lines are kept in their order, whoever writes between them, and all of them once the log is closed",
  async (t) => {
    const { archive, directory } = open(t);
    for (let index = 0; index < 500; index += 1) {
      archive.appendLog(runA, line(`a${index}`));
      if (index % 3 === 0) archive.appendLog("run_b", line(`b${index}`));
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([archive.closeLog(runA), archive.closeLog("run_b")]);
    t.same(
      (await archive.logLines(runA)).map(({ text }) => text),
      Array.from({ length: 500 }, (_, index) => `a${index}`),
    );
    t.equal((await archive.logLines("run_b")).length, 167);
    t.equal(statSync(join(directory, "logs")).mode & 0o777, 0o700);
    t.equal(statSync(join(directory, "logs", `${runA}.ndjson`)).mode & 0o777, 0o600);
  },
);

t.test("a run that printed nothing, and one that nobody knows", async (t) => {
  const { archive, directory } = open(t);
  await archive.closeLog("run_none");
  t.same(await archive.logLines("run_none"), []);
  t.notOk(existsSync(join(directory, "logs")), "no file is made for it");
});

t.test("a last line that a crash has torn", async (t) => {
  const { archive, directory } = open(t);
  archive.appendLog(runA, line("whole"));
  await archive.closeLog(runA);
  const path = join(directory, "logs", `${runA}.ndjson`);
  writeFileSync(path, `${readFileSync(path, "utf8")}{"at":"2026-01-0`);
  t.same(
    (await archive.logLines(runA)).map(({ text }) => text),
    ["whole"],
  );
});

t.test("a log that can't be written costs its lines, not the run", async (t) => {
  const { archive, directory } = open(t);
  writeFileSync(join(directory, "logs"), "a file stands in the way");
  archive.appendLog(runA, line("lost"));
  await archive.closeLog(runA);
  archive.appendLog(runA, line("lost too"));
  await archive.closeLog(runA);
  t.same(await archive.logLines(runA), []);
});

t.test("lines after the log was closed go on behind the others", async (t) => {
  const { archive } = open(t);
  archive.appendLog(runA, line("first"));
  await archive.closeLog(runA);
  archive.appendLog(runA, line("second"));
  await archive.closeLog(runA);
  t.same(
    (await archive.logLines(runA)).map(({ text }) => text),
    ["first", "second"],
  );
});

t.test("output files: copied with their directories, with digests, readable by us alone", async (t) => {
  const { archive, trees } = open(t);
  const tree = await openedTree(trees, runA);
  await tree.makeDirectory(pathOf("output", "deep"));
  await tree.write(pathOf("output", "deep", "a.txt"), Buffer.from("abc"), "replace");
  await tree.write(pathOf("output", "empty"), new Uint8Array(0), "replace");
  const outputs = await archive.collect(runA, tree, [pathOf("output", "deep", "a.txt"), pathOf("output", "empty")]);
  t.same(outputs, [
    { path: "deep/a.txt", bytes: 3, sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { path: "empty", bytes: 0, sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  ]);
  const directory = archive.outputDirectory(runA);
  t.equal(await contentOf(archive, outputs[0]), "abc");
  t.equal(await contentOf(archive, outputs[1]), "");
  t.equal(statSync(join(directory, "deep", "a.txt")).mode & 0o777, 0o600);
  t.equal(statSync(directory).mode & 0o777, 0o700);
  await tree.destroy();
  t.equal(await contentOf(archive, outputs[0]), "abc", "and they stay when the run's directory goes");
});

async function contentOf(archive: RunArchive, output: Output | undefined, run = runA): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of archive.readOutput(run, output ?? { path: "", bytes: 0, sha256: "" })) pieces.push(piece);
  return Buffer.concat(pieces).toString("latin1");
}

t.test("[CRED-17] what lies on the disk says nothing of what was written, beside its size and name", async (t) => {
  const { archive, trees, directory } = open(t, 10_000_000);
  const tree = await openedTree(trees, runA);
  const canary = "canary-9f3a7c51";
  await tree.write(pathOf("output", "a"), Buffer.from(canary.repeat(100_000)), "replace");
  const outputs = await archive.collect(runA, tree, [pathOf("output", "a")]);
  await tree.destroy();
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (statSync(join(directory, file)).isFile())
      t.notOk(readFileSync(join(directory, file), "latin1").includes("canary"), file);
  }
  t.equal(await contentOf(archive, outputs[0]), canary.repeat(100_000));
});

t.test(
  "a file of several pieces: none may be missing, moved, altered or cut off, nor stand for another run's or path's",
  async (t) => {
    const { archive, trees } = open(t, 10_000_000);
    const MiB = 1_048_576;
    const tree = await openedTree(trees, runA);
    const sizes = [0, 1, MiB - 1, MiB, MiB + 1, 3 * MiB];
    for (const size of sizes) await tree.write(pathOf("output", `${size}`), Buffer.alloc(size, "x"), "replace");
    const outputs = await archive.collect(
      runA,
      tree,
      sizes.map((size) => pathOf("output", `${size}`)),
    );
    await tree.destroy();
    for (const output of outputs) t.equal((await contentOf(archive, output)).length, Number(output.path));

    const whole = outputs.at(-1);
    const path = join(archive.outputDirectory(runA), `${3 * MiB}`);
    const bytes = readFileSync(path);
    const piece = 4 + bytes.readUInt32BE(5);
    const [head, first, second, last] = [0, 5, 5 + piece, 5 + 2 * piece].map((at, index, all) =>
      bytes.subarray(at, all[index + 1]),
    ) as [Buffer, Buffer, Buffer, Buffer];
    const spoilt: Record<string, Buffer> = {
      "the last piece missing": Buffer.concat([head, first, second]),
      "a piece missing in between": Buffer.concat([head, first, last]),
      "two pieces in each other's place": Buffer.concat([head, second, first, last]),
      "a piece twice": Buffer.concat([head, first, first, second, last]),
      "a byte cut off": bytes.subarray(0, -1),
      "bytes behind the end": Buffer.concat([bytes, Buffer.from("more")]),
      "nothing but its head": head,
      "an altered byte": Buffer.concat([
        bytes.subarray(0, 2 * MiB),
        Buffer.from([(bytes[2 * MiB] ?? 0) ^ 1]),
        bytes.subarray(2 * MiB + 1),
      ]),
      "a length of 4 GiB": Buffer.concat([head, Buffer.alloc(4, 0xff), bytes.subarray(9)]),
      "plain bytes of somebody's own": Buffer.alloc(3 * MiB, "y"),
      "another path's file": readFileSync(join(archive.outputDirectory(runA), `${MiB}`)),
    };
    for (const [name, content] of Object.entries(spoilt)) {
      writeFileSync(path, content);
      await t.rejects(contentOf(archive, whole), { code: "sealed_invalid" }, name);
    }
    writeFileSync(path, bytes);
    t.equal((await contentOf(archive, whole)).length, 3 * MiB, "the reader that refuses takes the right one");
    cpSync(archive.outputDirectory(runA), archive.outputDirectory("run_b"), { recursive: true });
    await t.rejects(contentOf(archive, whole, "run_b"), { code: "sealed_invalid" }, "another run's directory");
  },
);

t.test("outputs that an earlier version kept in the clear are still read, and saved as they were", async (t) => {
  const { archive, directory } = open(t);
  mkdirSync(join(archive.outputDirectory(runA), "deep"), { recursive: true });
  writeFileSync(join(archive.outputDirectory(runA), "deep", "a"), "abc");
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const output = { path: "deep/a", bytes: 3, sha256 };
  t.equal(await contentOf(archive, output), "abc");
  const saved = join(directory, "saved");
  await archive.saveOutputs(runA, [output], saved);
  t.equal(readFileSync(join(saved, "deep", "a"), "utf8"), "abc");
  t.equal(statSync(saved).mode & 0o777, 0o700);
  await t.rejects(archive.saveOutputs(runA, [output], saved), { code: "EEXIST" }, "nothing is written over");
});

t.test("no output, no directory", async (t) => {
  const { archive, trees, directory } = open(t);
  const tree = await openedTree(trees, runA);
  t.same(await archive.collect(runA, tree, []), []);
  t.notOk(existsSync(join(directory, "outputs")));
  await tree.destroy();
});

t.test(
  "a file that can't be read, or is larger than it may be: no half of the outputs stands under the run's name",
  async (t) => {
    const { archive, trees } = open(t, 10);
    const tree = await openedTree(trees, runA);
    await tree.write(pathOf("output", "a"), Buffer.from("small"), "replace");
    await tree.write(pathOf("output", "b"), Buffer.alloc(11), "replace");
    await t.rejects(archive.collect(runA, tree, [pathOf("output", "a"), pathOf("output", "b")]));
    await t.rejects(archive.collect(runA, tree, [pathOf("output", "a"), pathOf("output", "none")]));
    t.notOk(existsSync(archive.outputDirectory(runA)));
    await tree.destroy();
  },
);

t.test("what an earlier crash left half copied doesn't get into the outputs", async (t) => {
  const { archive, trees } = open(t);
  const unfinished = `${archive.outputDirectory(runA)}.unfinished`;
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(join(unfinished, "stale"), "of another time");
  const tree = await openedTree(trees, runA);
  await tree.write(pathOf("output", "a"), Buffer.from("new"), "replace");
  await archive.collect(runA, tree, [pathOf("output", "a")]);
  t.same(readdirSync(archive.outputDirectory(runA)), ["a"]);
  await tree.destroy();
});

t.test("a link in the job's directory isn't followed into the archive", async (t) => {
  const { archive, trees, directory } = open(t);
  const tree = await openedTree(trees, runA);
  const secret = join(directory, "secret");
  writeFileSync(secret, "of the host");
  chmodSync(secret, 0o600);
  const [own = ""] = readdirSync(join(directory, "runs"));
  symlinkSync(secret, join(directory, "runs", own, "output", "link"));
  await t.rejects(archive.collect(runA, tree, [pathOf("output", "link")]), { code: "symlink" });
  t.notOk(existsSync(archive.outputDirectory(runA)));
  await tree.destroy();
});
