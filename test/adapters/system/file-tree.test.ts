// Private directories and mounts on a real file system, against everything that may stand where a file was meant.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { type CheckedPath, mint } from "../../../runtime/model/checked.ts";
import type { FileFailure, FileTree } from "../../../runtime/ports/file-tree.ts";
import { whyNobodyCanNot } from "../../support/nobody.ts";

const runId = `run_${"a".repeat(32)}`;
const bytes = (text: string) => Buffer.from(text);

/** A path in the private tree, or in a mount. */
function at(path: string, root = "private"): CheckedPath {
  const names = path === "" ? [] : path.split("/");
  return mint<CheckedPath>({ root, names, writable: root === "private" });
}

/** Descriptors of this process that lead below `directory`. */
function descriptorsBelow(directory: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(directory) ? [target] : [];
    } catch {
      return []; // the one that readdir itself had open
    }
  });
}

interface World {
  base: string;
  /** Of all runs. */
  directory: string;
  /** Of this run, on the host. */
  own: string;
  tree: FileTree;
}

async function world(t: Test, mounts: (base: string) => Record<string, string> = () => ({})): Promise<World> {
  const base = t.testdir({
    runs: {},
    outside: { "secret.txt": "secret" },
    data: { "a.txt": "mounted", deep: { "b.txt": "b" } },
  });
  const directory = join(base, "runs");
  const tree = await makeFileTrees({ directory }).open(runId, mounts(base));
  t.teardown(async () => {
    await tree.destroy();
    const left = descriptorsBelow(base);
    if (left.length > 0) throw new Error(`descriptors are left: ${left.join(", ")}`);
  });
  return { base, directory, own: join(directory, runId), tree };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return (error as FileFailure).code;
  }
}

t.test("the directory is private, has /output, and is named for its run alone", async (t) => {
  const { own, directory } = await world(t);
  t.equal(statSync(own).mode & 0o7777, 0o700);
  t.equal(statSync(join(own, "output")).mode & 0o7777, 0o700);
  t.strictSame(await makeFileTrees({ directory }).leftBehind(), [runId]);
  t.equal(await codeOf(makeFileTrees({ directory }).open(runId, {})), "state_directory", "nobody gets it twice");
  t.ok(existsSync(own), "and the failed try removes nothing");
});

t.test("a name that is no run's id never reaches the disk", async (t) => {
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

t.test("no link is followed, wherever it stands and whatever is asked of it", async (t) => {
  const { tree, own, base } = await world(t);
  const outside = join(base, "outside");
  const before = statSync(join(outside, "secret.txt")).mtimeMs;
  const links: Record<string, string> = {
    file: join(outside, "secret.txt"),
    directory: outside,
    relative: "../../outside/secret.txt",
    dangling: join(outside, "not-there"),
    loop: "loop",
    chain: "file",
    procfs: "/proc/self/root",
  };
  for (const [name, target] of Object.entries(links)) {
    symlinkSync(target, join(own, name));
    t.equal(await codeOf(tree.read(at(name), 100)), "symlink", `read ${name}`);
    t.equal(await codeOf(tree.write(at(name), bytes("x"), "replace")), "symlink", `write ${name}`);
    t.equal(await codeOf(tree.write(at(name), bytes("x"), "append")), "symlink", `append ${name}`);
    t.equal(await codeOf(tree.list(at(name), 10)), "symlink", `list ${name}`);
    t.equal(await codeOf(tree.remove(at(name))), "symlink", `remove ${name}`);
    t.equal(await codeOf(tree.makeDirectory(at(name))), "exists", `mkdir ${name}`);
    t.not(await codeOf(tree.stat(at(name))), "done", `stat ${name}`);
    t.equal(await codeOf(tree.read(at(`${name}/secret.txt`), 100)), "symlink", `through ${name}`);
    t.equal(await codeOf(tree.write(at(`${name}/new.txt`), bytes("x"), "replace")), "symlink", `write through ${name}`);
  }
  t.strictSame(readdirSync(outside), ["secret.txt"]);
  t.equal(readFileSync(join(outside, "secret.txt"), "utf8"), "secret");
  t.equal(statSync(join(outside, "secret.txt")).mtimeMs, before);
});

t.test("a link at any ancestor stops the walk", async (t) => {
  const { tree, own, base } = await world(t);
  for (const depth of [0, 1, 2]) {
    const names = ["a", "b", "c"];
    rmSync(join(own, "a"), { recursive: true, force: true });
    mkdirSync(join(own, ...names.slice(0, depth)), { recursive: true });
    symlinkSync(join(base, "outside"), join(own, ...names.slice(0, depth + 1)));
    t.equal(await codeOf(tree.read(at("a/b/c/secret.txt"), 100)), "symlink", `at ${depth}`);
  }
});

t.test("a second name for an outside file is not read", async (t) => {
  const { tree, own, base } = await world(t);
  linkSync(join(base, "outside/secret.txt"), join(own, "hard"));
  t.equal(await codeOf(tree.read(at("hard"), 100)), "special");
  t.equal(await codeOf(tree.write(at("hard"), bytes("x"), "append")), "special");
  t.equal(readFileSync(join(base, "outside/secret.txt"), "utf8"), "secret");
});

t.test("a FIFO, a socket and a device are refused without waiting for them", async (t) => {
  const { tree, own } = await world(t, () => ({ "/dev": "/dev" }));
  t.equal(await codeOf(tree.read(at("null", "/dev"), 10)), "special");
  execFileSync("mkfifo", [join(own, "fifo")]);
  const server = createServer();
  // The path of a Unix socket has at most 107 bytes: bound by the directory that this process stands in.
  const here = process.cwd();
  process.chdir(own);
  await new Promise<void>((resolve) => server.listen("socket", resolve));
  process.chdir(here);
  t.teardown(() => server.close());
  for (const name of ["fifo", "socket"]) {
    t.equal(await codeOf(tree.read(at(name), 10)), "special", name);
    t.equal(await codeOf(tree.write(at(name), bytes("x"), "replace")), "special", name);
    t.equal(await codeOf(tree.stat(at(name))), "special", name);
  }
});

t.test("a mount is read-only, held from the start, and its own links are not followed", async (t) => {
  const { tree, base } = await world(t, (base) => ({
    "/data": join(base, "data"),
    "/one.txt": join(base, "data/a.txt"),
  }));
  symlinkSync("../outside/secret.txt", join(base, "data/link"));
  const text = async (path: CheckedPath) => Buffer.from(await tree.read(path, 100)).toString();
  t.equal(await text(at("a.txt", "/data")), "mounted");
  t.equal(await text(at("deep/b.txt", "/data")), "b");
  t.equal(await text(at("", "/one.txt")), "mounted", "a single file can be mounted");
  t.equal(await codeOf(tree.read(at("x", "/one.txt"), 10)), "not_directory");
  t.equal(await codeOf(tree.read(at("link", "/data"), 100)), "symlink");
  t.equal((await tree.list(at("", "/data"), 10)).find(({ name }) => name === "link")?.kind, "other");
  for (const work of [
    () => tree.write(at("a.txt", "/data"), bytes("x"), "replace"),
    () => tree.write(at("", "/one.txt"), bytes("x"), "append"),
    () => tree.makeDirectory(at("new", "/data")),
    () => tree.remove(at("a.txt", "/data")),
  ]) {
    t.equal(await codeOf(work()), "io");
  }
  t.equal(readFileSync(join(base, "data/a.txt"), "utf8"), "mounted");
  renameSync(join(base, "data"), join(base, "moved"));
  symlinkSync("outside", join(base, "data"));
  t.equal(await text(at("a.txt", "/data")), "mounted", "a source that is swapped later changes nothing");
  t.equal(await codeOf(tree.read(at("secret.txt", "/data"), 100)), "not_found");
});

t.test("a mount's source that is a link, is absent or is special stops the run before it starts", async (t) => {
  const base = t.testdir({ runs: {}, data: {}, link: t.fixture("symlink", "data") });
  execFileSync("mkfifo", [join(base, "fifo")]);
  const trees = makeFileTrees({ directory: join(base, "runs") });
  for (const source of ["link", "none", "fifo", "none/x"]) {
    const opened = trees.open(runId, { "/good": join(base, "data"), "/bad": join(base, source) });
    t.equal(await codeOf(opened), "config_invalid", source);
  }
  t.equal(await codeOf(trees.open(runId, { private: join(base, "data") })), "config_invalid", "a root's own name");
  t.strictSame(await trees.leftBehind(), []);
  t.strictSame(descriptorsBelow(base), []);
});

t.test("a directory that is swapped for a link during reads and writes lets nothing out", async (t) => {
  const { tree, own, base } = await world(t);
  const outside = join(base, "outside");
  mkdirSync(join(own, "real"));
  writeFileSync(join(own, "real/secret.txt"), "inside");
  symlinkSync(outside, join(own, "trap"));
  let escapes = 0;
  const tries: Promise<unknown>[] = [];
  for (let index = 0; index < 500; index += 1) {
    renameSync(join(own, "real"), join(own, "swap"));
    renameSync(join(own, "trap"), join(own, "real"));
    if (index === 0)
      t.equal(readFileSync(join(own, "real/secret.txt"), "utf8"), "secret", "who opens by path is caught");
    const reading = tree.read(at("real/secret.txt"), 100).then((found) => {
      if (Buffer.from(found).toString() !== "inside") escapes += 1;
    });
    tries.push(
      reading.catch(() => {}),
      tree.write(at("real/new.txt"), bytes("x"), "replace").catch(() => {}),
    );
    if (index % 8 === 0) await Promise.all(tries.splice(0));
    renameSync(join(own, "real"), join(own, "trap"));
    renameSync(join(own, "swap"), join(own, "real"));
    if (index % 8 === 4) await Promise.all(tries.splice(0));
  }
  await Promise.all(tries);
  t.equal(escapes, 0);
  t.strictSame(readdirSync(outside), ["secret.txt"]);
});

t.test("destroy removes the directory, keeps what links and mounts lead to, and ends the tree", async (t) => {
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

t.test("destroy waits for what is under way: no descriptor is closed under it", async (t) => {
  const { tree } = await world(t);
  const writes = Array.from({ length: 50 }, (_, index) => tree.write(at(`f${index}`), Buffer.alloc(10_000), "replace"));
  const gone = tree.destroy();
  t.strictSame(new Set(await Promise.all(writes.map(codeOf))), new Set(["done"]));
  t.ok(await gone);
});

t.test("a tree 10,000 directories deep goes too, unreadable ones in it", async (t) => {
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

t.test("directories that may not be read go too, for one who is not root", async (t) => {
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
    const own = ${JSON.stringify(join(base, runId))};
    mkdirSync(own + "/a/b/c", { recursive: true });
    for (const name of ["/a/b/c", "/a/b", "/a", ""]) chmodSync(own + name, 0);
    console.log(process.getuid(), await tree.destroy(), existsSync(own));`;
  const asNobody = { uid: 65_534, gid: 65_534, cwd: "/", env: {}, encoding: "utf8" } as const;
  const said = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], asNobody);
  t.equal(said.trim(), "65534 true false");
});

t.test("a directory that was swapped for a link goes without what it leads to", async (t) => {
  const { tree, own, base } = await world(t);
  renameSync(own, join(base, "elsewhere"));
  symlinkSync(join(base, "outside"), own);
  t.ok(await tree.destroy());
  t.notOk(lstatSync(own, { throwIfNoEntry: false }));
  t.strictSame(readdirSync(join(base, "outside")), ["secret.txt"]);
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

t.test("a directory that can't be removed is said to be there", async (t) => {
  const { tree, own } = await world(t);
  mkdirSync(join(own, "mount"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "none", join(own, "mount")], { stdio: "ignore" });
  } catch {
    return t.pass("this machine lets nobody mount: nothing here is unremovable");
  }
  t.equal(await tree.destroy(), false);
  execFileSync("umount", [join(own, "mount")]);
  t.equal(await tree.destroy(), true, "and goes when it can");
});

t.test("the counting of descriptors sees one that is left open", async (t) => {
  const base = t.testdir({ file: "x" });
  const { openSync, closeSync } = await import("node:fs");
  const leaked = openSync(join(base, "file"), "r");
  t.equal(descriptorsBelow(base).length, 1);
  closeSync(leaked);
  unlinkSync(join(base, "file"));
});
