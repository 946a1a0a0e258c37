import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { operationsAtOnceMax } from "../../../runtime/adapters/system/file-tree-turns.ts";

import { at, bytes, codeOf, descriptorsBelow, runId, world } from "./file-tree-world.ts";

t.test("[FS-15] the directory is private, has /output, and is named for its run alone", async (t) => {
  const { own, directory } = await world(t);
  t.equal(statSync(own).mode & 0o7777, 0o700);
  t.equal(statSync(join(own, "output")).mode & 0o7777, 0o700);
  t.strictSame(await makeFileTrees({ directory }).leftBehind(), [runId]);
  const second = await makeFileTrees({ directory }).open(runId, {});
  t.equal(await codeOf(second.stat(at(""))), "io", "nobody gets it twice");
  t.equal(await codeOf(second.write(at("a"), bytes("x"), "replace")), "io");
  t.ok(existsSync(own), "and the failed try removes nothing");
});

t.test("a run that asks for none of its files has no directory, and ends as one that has", async (t) => {
  const directory = join(t.testdir({ runs: {} }), "runs");
  const trees = makeFileTrees({ directory });
  const tree = await trees.open(runId, {});
  t.strictSame(readdirSync(directory), []);
  t.ok(await tree.destroy());
  t.equal(await codeOf(tree.write(at("late"), bytes("x"), "replace")), "io", "none is made any more");
  t.strictSame(readdirSync(directory), []);
});

t.test("all that ask first at the same time get one and the same", async (t) => {
  const directory = join(t.testdir({ runs: {} }), "runs");
  const tree = await makeFileTrees({ directory }).open(runId, {});
  const names = Array.from({ length: 20 }, (_, n) => `output/${n}`);
  await Promise.all(names.map((name) => tree.write(at(name), bytes("x"), "replace")));
  t.equal((await tree.list(at("output"), 100)).length, 20);
  t.ok(await tree.destroy());
  t.strictSame(readdirSync(directory), []);
});

t.test("it can't be made, and then it can: the next who asks has it", async (t) => {
  const base = t.testdir({ runs: "a file is in its place" });
  const directory = join(base, "runs");
  const tree = await makeFileTrees({ directory }).open(runId, {});
  t.equal(await codeOf(tree.list(at(""), 10)), "io");
  rmSync(directory);
  t.strictSame(await tree.list(at(""), 10), [{ name: "output", kind: "directory" }]);
  t.ok(await tree.destroy());
  t.strictSame(descriptorsBelow(base), []);
});

t.test("[FS-16] a name that is no run's id never reaches the disk", async (t) => {
  const base = t.testdir({ runs: {}, keep: { file: "x" } });
  const trees = makeFileTrees({ directory: join(base, "runs") });
  for (const name of ["../keep", "run_1", "", "/", `${runId}/..`, "RUN_"]) {
    t.equal(await codeOf(trees.open(name, {})), "internal", name);
    t.equal(await codeOf(trees.sweep(name)), "internal", name);
  }
  t.strictSame(readdirSync(join(base, "keep")), ["file"]);
});

t.test("write, append, read, list, stat, remove", async (t) => {
  const { tree, own } = await world(t);
  await tree.makeDirectory(at("b"));
  await tree.write(at("b/a.txt"), bytes("one"), "replace");
  await tree.write(at("b/a.txt"), bytes(" two"), "append");
  await tree.write(at("Z"), bytes("new"), "append");
  t.equal(Buffer.from(await tree.read(at("b/a.txt"), 100)).toString(), "one two");
  await tree.write(at("b/a.txt"), bytes("3"), "replace");
  t.equal(Buffer.from(await tree.read(at("b/a.txt"), 100)).toString(), "3");
  t.equal(statSync(join(own, "b/a.txt")).mode & 0o7777, 0o600);
  t.strictSame(await tree.list(at(""), 10), [
    { name: "Z", kind: "file" },
    { name: "b", kind: "directory" },
    { name: "output", kind: "directory" },
  ]);
  t.equal((await tree.list(at(""), 2)).length, 2);
  t.match(await tree.stat(at("b/a.txt")), { kind: "file", bytes: 1 });
  t.match(await tree.stat(at("")), { kind: "directory" });
  t.equal(await tree.stat(at("b/none")), undefined);
  t.equal(await tree.stat(at("none/none")), undefined);
  t.equal(await codeOf(tree.remove(at("b"))), "not_empty");
  await tree.remove(at("b/a.txt"));
  await tree.remove(at("b"));
  t.equal(await codeOf(tree.remove(at("b"))), "not_found");
});

t.test("a file is read up to its bound and not beyond", async (t) => {
  const { tree } = await world(t);
  await tree.write(at("a"), bytes("12345"), "replace");
  t.equal((await tree.read(at("a"), 5)).length, 5);
  t.equal(await codeOf(tree.read(at("a"), 4)), "io");
});

t.test("[RES-14] a thousand reads at once hold a few descriptors, and all are answered", async (t) => {
  const { tree, base } = await world(t);
  await tree.write(at("f"), Buffer.alloc(500_000), "replace");
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, descriptorsBelow(base).length);
  });
  const reads = Array.from({ length: 1_000 }, async () => (await tree.read(at("f"), 500_000)).length);
  t.strictSame(new Set(await Promise.all(reads)), new Set([500_000]));
  clearInterval(sampling);
  t.ok(most >= 2 && most <= 1 + 3 * operationsAtOnceMax, `${most}, the run's own directory among them`);
});

t.test("each wrong kind has its own code", async (t) => {
  const { tree } = await world(t);
  await tree.write(at("file"), bytes("x"), "replace");
  t.equal(await codeOf(tree.read(at("none"), 10)), "not_found");
  t.equal(await codeOf(tree.read(at("output"), 10)), "is_directory");
  t.equal(await codeOf(tree.read(at("file/x"), 10)), "not_directory");
  t.equal(await codeOf(tree.list(at("file"), 10)), "not_directory");
  t.equal(await codeOf(tree.list(at("none"), 10)), "not_found");
  t.equal(await codeOf(tree.write(at("output"), bytes("x"), "replace")), "is_directory");
  t.equal(await codeOf(tree.write(at("none/x"), bytes("x"), "replace")), "not_found");
  t.equal(await codeOf(tree.makeDirectory(at("file"))), "exists");
});
