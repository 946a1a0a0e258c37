// What may stand where a file was meant: links, second names, special files, and things that move while they are open.
// Every operation decides by the object that it has opened.
import { execFileSync } from "node:child_process";
import {
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import t from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { readFile } from "../../../runtime/adapters/system/file-tree-operations.ts";
import { pin, walk } from "../../../runtime/adapters/system/file-tree-walk.ts";
import type { CheckedPath } from "../../../runtime/model/checked.ts";
import type { FileFailure, FileTree } from "../../../runtime/ports/file-tree.ts";
import { makeOutside } from "../../files/outside.ts";
import { at, bytes, codeOf, descriptorsBelow, runId, world } from "./file-tree-world.ts";

t.test("[FS-04] no link is followed, whatever it leads to and whatever is asked of it", async (t) => {
  const { tree, own, base } = await world(t);
  const outside = makeOutside(join(base, "beyond"));
  const links: Record<string, string> = {
    file: outside.file,
    directory: outside.directory,
    relative: "../../beyond/canary.txt",
    "relative directory": "../../beyond",
    dangling: join(outside.directory, "not-there"),
    loop: "loop",
    chain: "file",
    "chain of directories": "directory",
    inside: "output",
    procfs: `/proc/self/root${outside.directory}`,
  };
  for (const [name, target] of Object.entries(links)) {
    symlinkSync(target, join(own, name));
    for (const [operation, work] of operationsOn(tree, name)) {
      const expected = operation === "makeDirectory" ? "exists" : "symlink";
      t.equal(await codeOf(work()), expected, `${operation} of ${name}`);
    }
    for (const [operation, work] of operationsOn(tree, `${name}/canary.txt`)) {
      t.equal(await codeOf(work()), "symlink", `${operation} through ${name}`);
    }
    t.equal(readlinkSync(join(own, name)), target, "the link itself is as it was");
  }
  t.strictSame(outside.touched(), []);
});

t.test("[FS-05] a link at any ancestor stops every operation", async (t) => {
  const { tree, own, base } = await world(t);
  const outside = makeOutside(join(base, "beyond"));
  mkdirSync(join(outside.directory, "b/c"), { recursive: true });
  mkdirSync(join(outside.directory, "c"));
  for (const depth of [0, 1, 2]) {
    const names = ["a", "b", "c"];
    rmSync(join(own, "a"), { recursive: true, force: true });
    mkdirSync(join(own, ...names.slice(0, depth)), { recursive: true });
    symlinkSync(outside.directory, join(own, ...names.slice(0, depth + 1)));
    for (const [operation, work] of operationsOn(tree, "a/b/c/canary.txt")) {
      t.equal(await codeOf(work()), "symlink", `${operation} at ${depth}`);
    }
  }
  t.strictSame(readdirSync(outside.directory, { recursive: true }).sort(), [
    "b",
    "b/c",
    "c",
    "canary.txt",
    "sub",
    "sub/canary.txt",
  ]);
});

t.test("whoever opens the same paths as strings is led outside by each of them", async (t) => {
  const { own, base } = await world(t);
  const outside = makeOutside(join(base, "beyond"));
  symlinkSync(outside.directory, join(own, "directory"));
  symlinkSync("directory/canary.txt", join(own, "chain"));
  t.equal(readFileSync(join(own, "directory/canary.txt"), "utf8"), outside.canary);
  t.equal(readFileSync(join(own, "chain"), "utf8"), outside.canary);
  t.strictSame(outside.touched(), [`${outside.file} was touched`], "and the eye on the outside sees a mere reading");
});

t.test("[FS-06] a second name for an outside file is neither read nor written nor looked at", async (t) => {
  const { tree, own, base } = await world(t);
  linkSync(join(base, "outside/secret.txt"), join(own, "hard"));
  t.equal(await codeOf(tree.read(at("hard"), 100)), "special");
  t.equal(await codeOf(tree.write(at("hard"), bytes("x"), "append")), "special");
  t.equal(await codeOf(tree.write(at("hard"), bytes("x"), "replace")), "special");
  t.equal(await codeOf(tree.stat(at("hard"))), "special");
  t.equal(readFileSync(join(base, "outside/secret.txt"), "utf8"), "secret");
  await tree.remove(at("hard"));
  t.equal(readFileSync(join(base, "outside/secret.txt"), "utf8"), "secret", "removing takes the name away, no more");
});

t.test(
  "[FS-08] a FIFO, a socket, a device and a directory opened as a file are refused without waiting for them",
  async (t) => {
    const { tree, own } = await world(t, () => ({ "/dev": "/dev" }));
    t.equal(await codeOf(tree.read(at("null", "/dev"), 10)), "special");
    t.equal(await codeOf(tree.read(at("output"), 10)), "is_directory");
    t.equal(await codeOf(tree.write(at("output"), bytes("x"), "append")), "is_directory");
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
      t.equal(await codeOf(tree.write(at(name), bytes("x"), "append")), "special", name);
      t.equal(await codeOf(tree.stat(at(name))), "special", name);
      t.equal(await codeOf(tree.list(at(name), 10)), "special", name);
      t.equal(await codeOf(tree.remove(at(name))), "special", name);
    }
  },
);

t.test("[FS-12] a mount is read-only, held from the start, and its own links are not followed", async (t) => {
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

t.test("[FS-12] a mount's source that is a link, is absent or is special stops the run before it starts", async (t) => {
  const base = realpathSync(t.testdir({ runs: {}, data: {}, link: t.fixture("symlink", "data") }));
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

t.test(
  "[FS-14] what is moved away while it is open stays what it was; what comes in its place is not it",
  async (t) => {
    const { own, base } = await world(t);
    const outside = makeOutside(join(base, "beyond"));
    mkdirSync(join(own, "a/b"), { recursive: true });
    writeFileSync(join(own, "a/b/canary.txt"), "inside");
    const root = await open(own, constants.O_RDONLY | constants.O_DIRECTORY);
    const read = await walk(root, ["a", "b"], async (directory) => {
      if (directory === undefined) throw new Error("nothing there");
      renameSync(join(own, "a"), join(own, "moved"));
      symlinkSync(outside.directory, join(own, "a"));
      renameSync(join(own, "moved/b"), join(own, "b"));
      symlinkSync(outside.directory, join(own, "moved/b"));
      const file = await pin(directory.handle, "canary.txt");
      const text = String(await readFile(file, true, 100));
      await file?.handle.close();
      return text;
    });
    t.equal(read, "inside", "the open directory is where its file is, whatever their names are now");
    await root.close();
    t.strictSame(outside.touched(), []);
  },
);

t.test(
  "[FS-14] moving a directory away in the middle of reads and writes: each ends inside or is refused",
  async (t) => {
    const { tree, own, base } = await world(t);
    const outside = makeOutside(join(base, "beyond"));
    await tree.makeDirectory(at("a"));
    await tree.write(at("a/canary.txt"), bytes("inside"), "replace");
    const ended = Promise.all([
      codeOf(tree.write(at("a/big"), Buffer.alloc(8_000_000, 7), "replace")),
      tree.read(at("a/canary.txt"), 100).then(String, (error: FileFailure) => error.code),
    ]);
    renameSync(join(own, "a"), join(own, "moved"));
    symlinkSync(outside.directory, join(own, "a"));
    const [written, read] = await ended;
    t.ok(["inside", "symlink", "not_found"].includes(read), read);
    t.ok(["done", "symlink", "not_found"].includes(written), written);
    t.strictSame(outside.touched(), []);
    t.equal(String(await tree.read(at("moved/canary.txt"), 100)), "inside");
  },
);

t.test("[FS-14] a private directory that is moved away is still the run's, and is removed where it is", async (t) => {
  const { tree, own, base } = await world(t);
  const outside = makeOutside(join(base, "beyond"));
  renameSync(own, join(base, "elsewhere"));
  symlinkSync(outside.directory, own);
  await tree.write(at("after"), bytes("x"), "replace");
  t.equal(readFileSync(join(base, "elsewhere/after"), "utf8"), "x", "it goes by the directory that it holds open");
  t.ok(await tree.destroy());
  t.notOk(existsSync(join(base, "elsewhere")), "no copy of the run's data is left");
  t.notOk(lstatSync(own, { throwIfNoEntry: false }));
  t.strictSame(outside.touched(), []);
});

/** All that a tree can do with one path. */
function operationsOn(tree: FileTree, path: string): [string, () => Promise<unknown>][] {
  return [
    ["read", () => tree.read(at(path), 100)],
    ["replace", () => tree.write(at(path), bytes("x"), "replace")],
    ["append", () => tree.write(at(path), bytes("x"), "append")],
    ["truncate", () => tree.write(at(path), bytes(""), "replace")],
    ["list", () => tree.list(at(path), 10)],
    ["stat", () => tree.stat(at(path))],
    ["remove", () => tree.remove(at(path))],
    ["makeDirectory", () => tree.makeDirectory(at(path))],
  ];
}
