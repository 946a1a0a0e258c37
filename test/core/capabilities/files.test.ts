// The files of a run: paths that lead nowhere, mounts that stay as they were, and what is left at the end.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { Denied } from "../../../runtime/core/capabilities/capability.ts";
import { encodeFrame, FrameDecoder } from "../../../runtime/protocol/frame.ts";
import { foldingDisk } from "../../files/folding-disk.ts";
import { snapshot } from "../../files/outside.ts";
import { codeOf, errorOf, upload, world } from "./files-world.ts";

t.test("[FS-01] [FS-02] [FS-03] [FS-24] no path of the traversal lists leads anywhere", async (t) => {
  const { read, write, list, stat, mkdir, remove, own, base } = await world(t, { mounts: { "/data": "data" } });
  const up = "../".repeat(8);
  const paths = [
    "",
    "..",
    "../a",
    `${up}etc/passwd`,
    `/output/${up}etc/passwd`,
    "/data/../../other/c.txt",
    "..\\a",
    "a\\..\\..\\b",
    "%2e%2e/a",
    "%2e%2e%2fa",
    "a%5cb",
    "%252e%252e/a",
    "a%00",
    "....//a",
    ".../a",
    "./a",
    "a/./b",
    "a/",
    "/a/",
    "a//b",
    "//host/share",
    "\\\\?\\C:\\a",
    "C:\\a",
    "C:/a",
    "/C:/a",
    "file:///etc/passwd",
    "http://127.0.0.1/",
    "data:,x",
    "a\0",
    "a\0/b",
    "a\nb",
    "a\u007f",
    "a\u0085b",
    "\ud800",
    "x".repeat(256),
    "é".repeat(128),
  ];
  for (const path of paths) {
    for (const work of [
      () => read(path),
      () => write(path, "x"),
      () => write(path, "x", "append"),
      () => list(path),
      () => stat(path),
      () => mkdir(path),
      () => remove(path),
    ]) {
      const error = await errorOf(work);
      t.equal(error.code, "path", JSON.stringify(path.slice(0, 40)));
      t.type(error, Denied);
      t.notMatch(error.message + error.target, /[\p{Cc}]/u, "one line, escaped");
    }
  }
  t.strictSame(readdirSync(own), ["output"]);
  t.equal(readFileSync(join(base, "other/c.txt"), "utf8"), "c");
});

t.test("[FS-07] the host's places are names like any other, and there is nothing at them", async (t) => {
  const { read, stat, write, own } = await world(t);
  for (const path of [
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "/dev/null",
    "/sys",
    "/dev/fd/0",
    "/etc/passwd",
    "/run/docker.sock",
  ]) {
    t.equal(await codeOf(read(path)), "not_found", path);
    t.equal(await stat(path), null);
  }
  await write("/etc/passwd", "mine");
  t.equal(readFileSync(join(own, "etc/passwd"), "utf8"), "mine");
});

t.test("[FS-10] odd names that are names work, and come back as they were", async (t) => {
  const { write, list, read } = await world(t);
  const names = [
    "-rf",
    ".hidden",
    "a b",
    "ß",
    "ss",
    "é",
    "e\u0301",
    "a\u202eb",
    "trailing.",
    "trailing ",
    "x".repeat(255),
    "...a",
    "100%",
    "a:b",
  ];
  for (const name of names) await write(`/output/${name}`, name);
  for (const name of names) t.equal(await read(`/output/${name}`), name);
  t.strictSame(
    (await list("/output")).map(({ name }) => name),
    [...names].sort(),
    "no two became one",
  );
});

t.test("[RES-10] what was written is let go at once, where nobody else has a part of its buffer", async (t) => {
  const { files, usage, read } = await world(t);
  const context = { signal: new AbortController().signal, usage, record: async () => {}, upload };
  const part = new Uint8Array(new TextEncoder().encode("part of it").buffer, 0, 4);
  const whole = new TextEncoder().encode("whole");
  for (const [path, body] of [
    ["/whole", whole],
    ["/part", part],
  ] as const)
    await files.write.act(await files.write.authorize({ path, mode: "replace" }, body, context), body, context);
  t.strictSame([await read("/whole"), await read("/part")], ["whole", "part"]);
  t.equal(whole.length, 0);
  t.equal(Buffer.from(part).toString(), "part");
});

t.test("empty files, one after another, though the bodies of all empty frames are one and the same", async (t) => {
  const { files, usage, stat } = await world(t);
  const context = { signal: new AbortController().signal, usage, record: async () => {}, upload };
  const decoder = new FrameDecoder();
  for (const path of ["/a", "/b", "/c"]) {
    const [sent] = encodeFrame({ header: { type: "call" }, body: new Uint8Array(0) });
    const [frame] = decoder.push(sent ?? new Uint8Array(0));
    if (frame === undefined) throw new Error("no frame");
    const plan = await files.write.authorize({ path, mode: "replace" }, frame.body, context);
    await files.write.act(plan, frame.body, context);
    t.match(await stat(path), { kind: "file", bytes: 0 }, path);
  }
});

t.test("absolute and relative paths are the same place", async (t) => {
  const { write, read, stat } = await world(t);
  await write("output/a.txt", "x");
  t.equal(await read("/output/a.txt"), "x");
  t.match(await stat("/"), { kind: "directory" });
});

t.test("mounts shadow, the longest first, and the root shows them", async (t) => {
  const { read, list, stat, write, own } = await world(t, {
    mounts: { "/data": "data", "/data/sub": "other", "/in/deep": "data", "/one.txt": "one.txt" },
  });
  t.equal(await read("/data/a.txt"), "mounted");
  t.equal(await read("/data/sub/c.txt"), "c", "the mount in the mount");
  t.equal(await codeOf(read("/data/sub/b.txt")), "not_found", "and not what it hides");
  t.equal(await read("/one.txt"), "one");
  await write("/own.txt", "x");
  t.strictSame(await list("/"), [
    { name: "data", kind: "directory" },
    { name: "in", kind: "directory" },
    { name: "one.txt", kind: "file" },
    { name: "output", kind: "directory" },
    { name: "own.txt", kind: "file" },
  ]);
  t.strictSame(
    await list("/in"),
    [{ name: "deep", kind: "directory" }],
    "a directory that is there for its mount alone",
  );
  t.match(await stat("/in"), { kind: "directory", bytes: 0 });
  await write("/in/mine.txt", "x");
  t.strictSame(
    (await list("/in")).map(({ name }) => name),
    ["deep", "mine.txt"],
  );
  t.strictSame(readdirSync(join(own, "in")), ["mine.txt"]);
});

t.test("[FS-11] nothing changes a mount, nor what it stands on, nor the times of its files", async (t) => {
  const { base, write, mkdir, remove, own, read, list, stat } = await world(t, {
    mounts: { "/data": "data", "/in/deep": "data" },
  });
  const data = join(base, "data");
  utimesSync(join(data, "a.txt"), 1_000_000_000, 1_000_000_001);
  const before = snapshot(data);
  t.equal(await read("/data/a.txt"), "mounted");
  t.equal((await list("/data")).length, 2);
  t.match(await stat("/data/a.txt"), { kind: "file", bytes: 7 });
  const tries = [
    () => write("/data/a.txt", "x"),
    () => write("/data/a.txt", "x", "append"),
    () => write("/data/a.txt", ""),
    () => write("/data/sub/new", "x"),
    () => write("/data/new", "x"),
    () => mkdir("/data/new"),
    () => remove("/data/a.txt"),
    () => remove("/data"),
    () => write("/data", "x"),
    () => write("/in", "x"),
    () => remove("/in"),
    () => mkdir("/in"),
  ];
  for (const work of tries) {
    const error = await errorOf(work);
    t.equal(error.code, "readonly");
    t.match(error.message, "mounts are read-only");
  }
  t.strictSame(snapshot(data), before, "bytes, modes, owners, all times");
  t.strictSame(readdirSync(own), ["output"]);
});

t.test("a reading that marks a file is seen by the test above", async (t) => {
  const { base } = await world(t);
  const data = join(base, "data");
  utimesSync(join(data, "a.txt"), 1_000_000_000, 1_000_000_001);
  const before = snapshot(data);
  readFileSync(join(data, "a.txt"));
  t.strictNotSame(snapshot(data), before);
});

t.test(
  "[FS-05] the way up behind a directory that is a link is no path, for the host has followed it already",
  async (t) => {
    const { base, own, read, write, list, stat, mkdir, remove } = await world(t);
    symlinkSync(join(base, "data/sub"), join(own, "link"));
    t.equal(readFileSync(`${own}/link/../a.txt`, "utf8"), "mounted", "whoever opens the string is outside");
    const path = "/link/../a.txt";
    const works = [read(path), write(path, "x"), list("/link/.."), stat(path), mkdir("/link/../new"), remove(path)].map(
      codeOf,
    );
    t.strictSame(new Set(await Promise.all(works)), new Set(["path"]));
    t.equal(await codeOf(read("/link/b.txt")), "symlink");
  },
);

t.test("[FS-09] another spelling of a mount's name is another name: it never leads to the mount", async (t) => {
  const aliases = [
    "DATA",
    "Data",
    "dAtA",
    "ｄata",
    "da\u200bta",
    "data.",
    "data ",
    "daťa",
    "ﬁle",
    "FILE",
    "ſtrasse",
    "STRASSE",
    "strasse",
    "cafe\u0301",
    "CAFÉ",
    "ı",
    "I",
    "i",
  ];
  const { base, read, write, list, own } = await world(t, {
    mounts: { "/data": "data", "/file": "data", "/straße": "data", "/café": "data", "/i̇": "data" },
  });
  const before = snapshot(join(base, "data"));
  for (const alias of aliases) {
    t.equal(await codeOf(read(`/${alias}/a.txt`)), "not_found", alias);
    await write(`/${alias}/a.txt`, alias);
    t.equal(await read(`/${alias}/a.txt`), alias);
  }
  t.equal((await list("/")).length, aliases.length + 6, "each is one of its own, beside the five mounts and /output");
  t.equal(readdirSync(own).length, aliases.length + 1);
  t.strictSame(snapshot(join(base, "data")), before);
});

t.test("[FS-09] on a disk that folds case, too, a name that is denied is not reached by its alias", async (t) => {
  const disk = foldingDisk(t);
  if (disk === undefined) {
    t.pass("not tried", { skip: "this kernel has no file system that folds case" });
    return;
  }
  const { write, read, base } = await world(t, { mounts: { "/data": "data" }, directory: disk });
  const before = snapshot(join(base, "data"));
  await write("/DATA/a.txt", "mine");
  t.equal(await read("/DATA/a.txt"), "mine");
  t.equal(await read("/data/a.txt"), "mounted");
  await write("/A", "1");
  await write("/a", "2", "append");
  t.equal(await read("/A"), "12", "here both names are one file");
  t.strictSame(snapshot(join(base, "data")), before);
});

t.test("the run's own directories stay", async (t) => {
  const { remove, own } = await world(t);
  t.equal(await codeOf(remove("/output")), "readonly");
  t.equal(await codeOf(remove("/")), "readonly");
  t.strictSame(readdirSync(own), ["output"]);
});

t.test("each failure of the disk is a code and a short text without a host path", async (t) => {
  const { write, read, list, mkdir, remove, base } = await world(t);
  await write("/file", "x");
  await write("/d/file", "x");
  const expected: [() => Promise<unknown>, string][] = [
    [() => read("/none"), "not_found"],
    [() => read("/d"), "is_directory"],
    [() => read("/file/x"), "not_directory"],
    [() => list("/file"), "not_directory"],
    [() => list("/none"), "not_found"],
    [() => write("/d", "x"), "is_directory"],
    [() => write("/", "x"), "is_directory"],
    [() => write("/output", "x"), "is_directory"],
    [() => write("/file/x", "x"), "not_directory"],
    [() => mkdir("/file"), "exists"],
    [() => mkdir("/file/x"), "not_directory"],
    [() => remove("/d"), "not_empty"],
    [() => remove("/none"), "not_found"],
  ];
  for (const [work, code] of expected) {
    const error = await errorOf(work);
    t.equal(error.code, code);
    t.notMatch(`${error.message}${error.cause}`, base);
  }
});

t.test("a listing that no answer can carry is refused, not cut", async (t) => {
  const { list, write, base } = await world(t, { mounts: { "/data": "data" }, quota: { entries: 2_000 } });
  for (let index = 0; index < 600; index += 1) await write(`/d/${"x".repeat(250)}${index}`, "");
  t.equal(await codeOf(list("/d")), "list_size");
  for (let index = 0; index < 4_096; index += 1) mkdirSync(join(base, "data", String(index)));
  t.equal(await codeOf(list("/data")), "list_size");
});

t.test("outputs are the files below /output and nothing beside it", async (t) => {
  const { write, outputs, remove, mkdir } = await world(t);
  t.strictSame(await outputs(), []);
  await write("/output/b/c.json", "1");
  await write("/output/a.txt", "1");
  await write("/output.txt", "1");
  await write("/outputs/x", "1");
  await mkdir("/output/empty");
  await write("/output/gone", "1");
  await remove("/output/gone");
  t.strictSame(await outputs(), ["output/a.txt", "output/b/c.json"]);
});

t.test("a run's written files are counted once each", async (t) => {
  const { write, usage } = await world(t);
  await write("/a", "1");
  await write("/a", "2", "append");
  await write("/b/c", "3");
  t.equal(usage.filesWritten, 2);
});
