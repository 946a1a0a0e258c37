// What a job can't even ask for: the operations that would be needed for it are not there, and no argument stands in for
// them. Those that are there take a path that is text, and nothing else.
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { operationNames } from "../../runtime/protocol/bridge.ts";
import { openRuns } from "../support/runs.ts";
import { snapshot } from "./outside.ts";

/** All that a job can do with files; each further one needs a look at every line of the threat list. */
const offered = ["append", "list", "mkdir", "read", "readText", "remove", "stat", "write"];
const absent = [
  ...["chmod", "fchmod", "lchmod", "chown", "utimes", "futimes", "lutimes", "setxattr", "setAttributes"], // FS-11, FS-23
  ...["link", "symlink", "rename", "move", "copy", "cp", "copyFile", "readlink", "realpath", "watch", "glob"], // FS-04, FS-06
  ...["open", "opendir", "openAsBlob", "createReadStream", "createWriteStream", "handle", "close"], // RES-14, FS-24
  ...["truncate", "ftruncate", "fallocate", "mmap", "readSync", "mkdtemp", "rm", "rmdir", "mknod", "mkfifo"], // RES-12, FS-16
];

const shapeBody = `
  return {
    files: Object.keys(c.files).sort(),
    inherited: ${JSON.stringify(absent)}.filter((name) => name in c.files || name in c),
    read: c.files.read.length,
    frozen: Object.isFrozen(c.files),
  };
`;

// Each argument that could smuggle a power in, with the operation that takes it.
const argumentsBody = `
  const outcomes = {};
  const attempt = (name, work) => work().then(() => "done", (e) => e.code ?? e.name).then((outcome) => { outcomes[name] = outcome; });
  const lying = { toString: () => "/output/a", valueOf: () => "/output/a", [Symbol.toPrimitive]: () => "/output/a", length: 3 };
  for (const [name, path] of Object.entries({
    array: ["/output/a"], nested: [["/output", "a"]], object: lying, bytes: new Uint8Array([47, 97]), url: new URL("file:///output/a"),
    number: 1, nothing: undefined, null: null, boolean: true, boxed: [new String("/output/a")], empty: {},
  })) {
    await attempt("read " + name, () => c.files.read(path));
    await attempt("write " + name, () => c.files.write(path, "x"));
    await attempt("list " + name, () => c.files.list(path));
    await attempt("stat " + name, () => c.files.stat(path));
    await attempt("mkdir " + name, () => c.files.mkdir(path));
    await attempt("remove " + name, () => c.files.remove(path));
  }
  await attempt("prefix", () => c.files.mkdir("/output", { prefix: "../../x", recursive: true }));
  await c.files.write("/output/set-uid", "x", { mode: 0o4755, flag: "r+", position: 1e12 });
  await c.files.mkdir("/output/sticky", 0o7777);
  await c.files.write("/output/at", "x", 1e12);
  c.log.info("written");
  while ((await c.files.stat("/signs/go")) === null);
  return outcomes;
`;

t.test("[FS-04] [FS-06] [FS-11] [FS-23] [FS-24] [RES-14] what isn't offered isn't there", async (t) => {
  t.strictSame(operationNames.filter((name) => name.startsWith("files.")).sort(), [
    "files.list",
    "files.mkdir",
    "files.read",
    "files.remove",
    "files.stat",
    "files.write",
  ]);
  const runs = await openRuns({ shape: { body: shapeBody } });
  t.strictSame((await runs.run("shape")).result, { files: offered, inherited: [], read: 1, frozen: true });
  await runs.end(t);
});

t.test("[FS-03] [FS-16] [FS-23] [RES-12] an argument that is no text, or one too many, has no power", async (t) => {
  const signs = tmp.dirSync({ prefix: "mayfly-signs-", unsafeCleanup: true });
  t.teardown(() => signs.removeCallback());
  const umask = process.umask(0);
  t.teardown(() => process.umask(umask));
  const runs = await openRuns({ job: { body: argumentsBody, mounts: { "/signs": signs.name } } });
  const { id, done } = await runs.start("job");
  await runs.event((event) => event.runId === id && event.type === "log");
  const own = join(runs.runtime.state.path, "runs", id);
  const modes = [...snapshot(own).keys()].map((path) => {
    const { mode } = statSync(path);
    return `${path.slice(own.length)} ${(mode & 0o7777).toString(8)} ${statSync(path).size > 1_000_000 ? "sparse" : ""}`;
  });
  t.strictSame(modes.sort(), [
    " 700 ",
    "/output 700 ",
    "/output/at 600 ",
    "/output/set-uid 600 ",
    "/output/sticky 700 ",
  ]);
  writeFileSync(join(signs.name, "go"), "");
  const { result } = await done;
  const outcomes = Object.entries(result as Record<string, string>);
  t.equal(outcomes.length, 67);
  for (const [name, outcome] of outcomes) {
    const expected = name === "prefix" ? "done" : name.endsWith(" url") ? "path" : "call_invalid";
    t.equal(outcome, expected, name); // a URL becomes its text, as JSON: no path either
  }
  await runs.end(t);
});

t.test("[RES-14] ten thousand reads at once hold no more descriptors than a few", async (t) => {
  const body = `
    await c.files.write("/f", "x".repeat(1000));
    c.log.info("before");
    const outcomes = {};
    const reads = Array.from({ length: 10000 }, () => c.files.read("/f").then(() => "done", (e) => e.code));
    for (const outcome of await Promise.all(reads)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    return outcomes;
  `;
  const runs = await openRuns({ job: { body } });
  const { id, done } = await runs.start("job");
  await runs.event((event) => event.runId === id && event.type === "log");
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  let most = before;
  let isOver = false;
  const ended = done.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    most = Math.max(most, descriptors());
    await new Promise((resolve) => setImmediate(resolve));
  }
  const outcomes = (await ended).result as Record<string, number>;
  t.equal((outcomes.done ?? 0) + (outcomes.busy ?? 0), 10_000, JSON.stringify(outcomes));
  t.ok((outcomes.done ?? 0) >= 1_000, "those that were in time have been answered");
  t.ok(most - before <= 20, `${most - before} more than before`);
  await runs.end(t);
});
