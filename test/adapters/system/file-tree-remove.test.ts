// The end of a private directory: all of it goes, whatever it has become, and nothing that it only points to.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { whyNobodyCanNot } from "../../support/nobody.ts";
import { openedTree } from "../../support/opened-tree.ts";
import { smallDisk } from "../../support/small-disk.ts";
import { at, codeOf, descriptorsBelow, runId, world } from "./file-tree-world.ts";

t.test("[FS-17] destroy removes the directory, keeps what links and mounts lead to, and ends the tree", async (t) => {
  const { tree, own, base, directory } = await world(t, (base) => ({ "/data": join(base, "data") }));
  symlinkSync(join(base, "outside"), join(own, "link"));
  symlinkSync(join(base, "outside/secret.txt"), join(own, "output/link"));
  linkSync(join(base, "outside/secret.txt"), join(own, "hard"));
  execFileSync("mkfifo", [join(own, "fifo")]);
  mkdirSync(join(own, "closed/in"), { recursive: true });
  writeFileSync(join(own, "closed/in/file"), "x");
  chmodSync(join(own, "closed/in"), 0o000);
  chmodSync(join(own, "closed"), 0o000);
  mkdirSync(join(own, "lifted-1"));
  writeFileSync(join(own, "lifted-1/file"), "x");
  for (let index = 0; index < 3_000; index += 1) writeFileSync(join(own, `f${index}`), "");
  t.ok(await tree.destroy());
  t.notOk(existsSync(own));
  t.strictSame(readdirSync(join(base, "outside")), ["secret.txt"]);
  t.strictSame(readdirSync(join(base, "data")).sort(), ["a.txt", "deep"]);
  t.strictSame(descriptorsBelow(base), []);
  t.strictSame(await makeFileTrees({ directory }).leftBehind(), []);
  t.equal(await codeOf(tree.read(at("f1"), 10)), "io", "an ended tree answers nothing");
  t.ok(await tree.destroy(), "and can be destroyed again");
});

t.test("[FS-19] destroy waits for what is under way: no descriptor is closed under it", async (t) => {
  const { tree } = await world(t);
  const writes = Array.from({ length: 50 }, (_, index) => tree.write(at(`f${index}`), Buffer.alloc(10_000), "replace"));
  const gone = tree.destroy();
  const codes = await Promise.all(writes.map(codeOf));
  t.strictSame(codes.slice(0, 4), ["done", "done", "done", "done"]);
  t.strictSame(new Set(codes.slice(4)), new Set(["io"]), "what waited for its turn never gets it");
  t.ok(await gone);
});

t.test("[FS-17] [RES-13] a tree 10,000 directories deep goes too, unreadable ones in it", async (t) => {
  const { tree, own } = await world(t);
  // Deeper than any path can name: made from inside, walking down.
  const here = process.cwd();
  process.chdir(own);
  for (let depth = 0; depth < 10_000; depth += 1) {
    mkdirSync("d");
    process.chdir("d");
  }
  chmodSync(".", 0o000);
  process.chdir(here);
  t.ok(await tree.destroy());
  t.notOk(existsSync(own));
});

t.test("[FS-17] 10,000 directories that may not be read go too, for one who is not root", async (t) => {
  if (process.getuid?.() !== 0) return t.pass("whoever is no root has seen it above");
  const why = whyNobodyCanNot();
  if (why !== undefined) return t.pass(`not tried: ${why}`);
  const base = mkdtempSync(join(tmpdir(), "file-tree-"));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  chownSync(base, 65_534, 65_534);
  const module = new URL("../../../runtime/adapters/system/file-tree.ts", import.meta.url).href;
  const script = `
    import { chmodSync, existsSync, mkdirSync } from "node:fs";
    const { makeFileTrees } = await import(${JSON.stringify(module)});
    const tree = await makeFileTrees({ directory: ${JSON.stringify(base)} }).open(${JSON.stringify(runId)}, {});
    await tree.stat({ root: "private", names: [], writable: true });
    const own = ${JSON.stringify(join(base, runId))};
    process.chdir(own);
    for (let depth = 0; depth < 10_000; depth += 1) { mkdirSync("d"); process.chdir("d"); }
    for (let depth = 0; depth < 10_000; depth += 1) { process.chdir(".."); chmodSync("d", 0); }
    process.chdir("/");
    chmodSync(own, 0);
    console.log(process.getuid(), await tree.destroy(), existsSync(own));`;
  const asNobody = { uid: 65_534, gid: 65_534, cwd: "/", env: {}, encoding: "utf8" } as const;
  const said = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], asNobody);
  t.equal(said.trim(), "65534 true false");
});

t.test("[FS-18] a directory that was swapped for a link goes without what it leads to", async (t) => {
  const { tree, own, base } = await world(t);
  renameSync(own, join(base, "elsewhere"));
  symlinkSync(join(base, "outside"), own);
  t.ok(await tree.destroy());
  t.notOk(lstatSync(own, { throwIfNoEntry: false }));
  t.strictSame(readdirSync(join(base, "outside")), ["secret.txt"]);
});

t.test("[FS-18] a directory of all runs that is a link is neither made use of nor emptied", async (t) => {
  const base = t.testdir({ target: { [runId]: { file: "x" } }, runs: t.fixture("symlink", "target") });
  const trees = makeFileTrees({ directory: join(base, "runs") });
  t.equal(await trees.sweep(runId), false);
  t.equal(await codeOf(openedTree(trees, `run_${"b".repeat(32)}`)), "io");
  t.strictSame(readdirSync(join(base, "target"), { recursive: true }).sort(), [runId, `${runId}/file`]);
});

t.test("[FS-17] names that no text can write go too, and so do those that look immovable", async (t) => {
  const { tree, own } = await world(t);
  const bytesOfName = [[0xff], [0xc3, 0x28], [0x0a], [0x2d, 0x72, 0x66], [0xed, 0xa0, 0x80], [0x20], [0x5c, 0x2a]];
  for (const name of bytesOfName) {
    writeFileSync(Buffer.concat([Buffer.from(`${own}/`), Buffer.from(name)]), "x");
    mkdirSync(Buffer.concat([Buffer.from(`${own}/d`), Buffer.from(name), Buffer.from("/in")]), { recursive: true });
  }
  for (const name of ["lost+found", ".nfs0001", "...", "~", "x".repeat(255)]) mkdirSync(join(own, name));
  writeFileSync(join(own, "lost+found/read-only"), "x", { mode: 0o400 });
  chmodSync(join(own, "lost+found"), 0o555);
  t.ok(await tree.destroy());
  t.notOk(existsSync(own));
});

t.test("a file that the host has made immutable is said to be there, and the rest of it goes", async (t) => {
  const { tree, own } = await world(t);
  mkdirSync(join(own, "a/b"), { recursive: true });
  writeFileSync(join(own, "a/b/kept"), "x");
  for (const name of ["a/b/gone", "a/gone", "gone"]) writeFileSync(join(own, name), "x");
  try {
    execFileSync("chattr", ["+i", join(own, "a/b/kept")], { stdio: "ignore" });
  } catch {
    return t.pass("this disk knows no immutable files");
  }
  t.equal(await tree.destroy(), false);
  const left = readdirSync(own, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  t.strictSame(
    left.map(({ name }) => name),
    ["kept"],
  );
  for (const { parentPath, name } of left) execFileSync("chattr", ["-i", join(parentPath, name)]);
  t.equal(await tree.destroy(), true);
});

t.test("[RES-13] twenty thousand empty files with the longest names go", async (t) => {
  const { tree, own } = await world(t);
  const beginning = `${own}/${"n".repeat(249)}`;
  for (let index = 0; index < 20_000; index += 1) closeSync(openSync(`${beginning}${100_000 + index}`, "w"));
  t.ok(await tree.destroy());
  t.notOk(existsSync(own));
});

t.test("[FS-19] what is removed while it was open gives its space back at the run's end", async (t) => {
  const disk = smallDisk(t, 4 * 1_048_576);
  if (disk === undefined) return t.pass("not tried: no disk of its own");
  const free = () => statfsSync(disk.directory).bavail;
  const before = free();
  const trees = makeFileTrees({ directory: join(disk.directory, "runs") });
  const tree = await openedTree(trees, runId);
  await tree.write(at("data"), Buffer.alloc(2_000_000, 1), "replace");
  const reading = tree.read(at("data"), 2_000_000).catch(() => undefined); // holds it open
  const removed = tree.remove(at("data"));
  t.ok(await tree.destroy());
  await Promise.all([reading, removed]);
  rmdirSync(join(disk.directory, "runs"));
  t.equal(free(), before);
  t.strictSame(descriptorsBelow(disk.directory), []);
});

t.test("a descriptor that is kept keeps the space: the test above would see one", async (t) => {
  const disk = smallDisk(t, 4 * 1_048_576);
  if (disk === undefined) return t.pass("not tried: no disk of its own");
  const before = statfsSync(disk.directory).bavail;
  const trees = makeFileTrees({ directory: join(disk.directory, "runs") });
  const tree = await openedTree(trees, runId);
  await tree.write(at("data"), Buffer.alloc(2_000_000, 1), "replace");
  const leaked = openSync(join(disk.directory, "runs", runId, "data"), "r");
  t.ok(await tree.destroy());
  t.ok(statfsSync(disk.directory).bavail < before - 400);
  t.equal(descriptorsBelow(disk.directory).length, 1);
  closeSync(leaked);
});

t.test("recovery sweeps what an earlier process left, and nothing else", async (t) => {
  const other = `run_${"b".repeat(32)}`;
  const base = t.testdir({ runs: { [runId]: { output: { file: "x" } }, [other]: {}, keep: { file: "x" } } });
  const trees = makeFileTrees({ directory: join(base, "runs") });
  t.strictSame(await trees.leftBehind(), [runId, other]);
  t.ok(await trees.sweep(runId));
  t.ok(await trees.sweep(runId), "a directory that is gone is swept");
  t.strictSame(readdirSync(join(base, "runs")).sort(), ["keep", other]);
  t.strictSame(await makeFileTrees({ directory: join(base, "none") }).leftBehind(), []);
  t.ok(await makeFileTrees({ directory: join(base, "none") }).sweep(runId));
});

t.test("a directory that can't be removed is said to be there, and all else of it goes", async (t) => {
  const { tree, own, base } = await world(t);
  mkdirSync(join(own, "mount"), { recursive: true });
  mkdirSync(join(own, "full/of"), { recursive: true });
  for (let index = 0; index < 600; index += 1) writeFileSync(join(own, `f${index}`), "");
  try {
    // Of the same disk: its device number gives it no away.
    execFileSync("mount", ["--bind", join(base, "outside"), join(own, "mount")], { stdio: "ignore" });
  } catch {
    return t.pass("this machine lets nobody mount: nothing here is unremovable");
  }
  t.equal(await tree.destroy(), false);
  t.strictSame(readdirSync(own), ["mount"]);
  t.strictSame(readdirSync(join(base, "outside")), ["secret.txt"], "what is mounted there is not ours to remove");
  execFileSync("umount", [join(own, "mount")]);
  t.equal(await tree.destroy(), true, "and goes when it can");
});

t.test("the counting of descriptors sees one that is left open", async (t) => {
  const base = realpathSync(t.testdir({ file: "x" }));
  const leaked = openSync(join(base, "file"), "r");
  t.equal(descriptorsBelow(base).length, 1);
  closeSync(leaked);
  unlinkSync(join(base, "file"));
});
