// node:fs and node:fs/promises over the files of a run, asked the same questions as Node's on a directory of the disk; and
// that they pass the same door as the job's own calls.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const disk = realpathSync(mkdtempSync(join(tmpdir(), "mayfly-fs-")));
t.teardown(() => rmSync(disk, { recursive: true }));
const mounted = join(disk, "mounted");
mkdirSync(mounted);
writeFileSync(join(mounted, "given.txt"), "given");

const module = (body: string) =>
  `import { defineJob } from "mayfly"; import fs from "node:fs"; import fsp from "node:fs/promises"; ${body}`;
const job = (body: string) => module(`export default defineJob(async (c) => { ${body} });`);

const runs = await askBoth(t, {
  modules: {
    fs: "node:fs",
    fsp: "node:fs/promises",
    util: "node:util",
    consumers: "node:stream/consumers",
    promises: "node:stream/promises",
    bare: "fs",
  },
  before: {
    node: `const base = ${JSON.stringify(join(disk, "work"))}; await fsp.mkdir(base, { recursive: true }); const told = (e) => [e.name, e.code, e.errno, e.syscall, e.path?.replace(base, ""), e.message.replaceAll(base, "")];`,
    job: 'const base = "/work"; const told = (e) => [e.name, e.code, e.errno, e.syscall, e.path?.replace(base, ""), e.message.replaceAll(base, "")];',
  },
  questions: {
    "whole files": [
      "await fsp.mkdir(base, { recursive: true }); await fsp.writeFile(base + '/a.txt', 'é'); await fsp.appendFile(base + '/a.txt', Buffer.from('!')); return [await fsp.readFile(base + '/a.txt', 'utf8'), await fsp.readFile(base + '/a.txt'), await fsp.readFile(base + '/a.txt', { encoding: 'hex' }), (await fsp.stat(base + '/a.txt')).size]",
      "await fsp.writeFile(base + '/b', 'one'); await fsp.writeFile(base + '/b', '2', { flag: 'a' }); try { await fsp.writeFile(base + '/b', 'x', { flag: 'wx' }) } catch (e) { return [await fsp.readFile(base + '/b', 'latin1'), ...told(e)] }",
      "await fsp.writeFile(base + '/it', (async function* () { yield 'a'; yield 'b' })()); await fsp.truncate(base + '/it', 1); return await fsp.readFile(base + '/it', 'utf8')",
      "const s = await fsp.stat(base); await fsp.writeFile(base + '/s', 'abc'); const f = await fsp.stat(base + '/s'); return [s.isDirectory(), s.isFile(), f.isFile(), f.isDirectory(), f.size, f.mtime instanceof Date, Math.abs(f.mtimeMs - Date.now()) < 60_000, (f.mode & 0o170000) === fs.constants.S_IFREG, f.isSymbolicLink()]",
      "const out = []; for (const ask of [() => fsp.readFile(base + '/none'), () => fsp.stat(base + '/none'), () => fsp.readdir(base + '/none'), () => fsp.unlink(base + '/none'), () => fsp.access(base + '/none'), () => fsp.rm(base + '/none'), () => fsp.mkdir(base), () => fsp.rmdir(base + '/none')]) { try { out.push(await ask()) } catch (e) { const [name, code, errno] = told(e); out.push([name, code, errno]) } } return out",
      "try { await fsp.readFile(base + '/none') } catch (e) { return told(e) }",
      "try { await fsp.readFile(base + '/none'); } catch (e) { return e instanceof Error }",
      "return [await fsp.rm(base + '/none', { force: true }), await fsp.readFile(1).catch((e) => [e.name, e.code]), await fsp.readFile({}).catch((e) => [e.name, e.code])]",
      "await fsp.writeFile(new URL('file://' + base + '/by%20url'), 'x'); return await fsp.readFile(Buffer.from(base + '/by url'), 'utf8')",
      "const c = new AbortController(); c.abort(); return await fsp.readFile(base + '/s', { signal: c.signal }).catch((e) => [e.name, e.code])",
    ],
    directories: [
      "await fsp.mkdir(base + '/d/e/f', { recursive: true }); await fsp.writeFile(base + '/d/e/x', ''); return [await fsp.readdir(base + '/d'), (await fsp.readdir(base + '/d', { recursive: true })).sort(), (await fsp.readdir(base + '/d/e', { withFileTypes: true })).map((e) => [e.name, e.isFile(), e.isDirectory(), e.parentPath.replace(base, '')])]",
      "return [(await fsp.mkdir(base + '/n/o', { recursive: true })).replace(base, ''), await fsp.mkdir(base + '/n/o', { recursive: true }), await fsp.mkdir(base + '/n/p')]",
      "return await fsp.mkdir(base + '/q/r').catch((e) => e.code)",
      "await fsp.mkdir(base + '/full', { recursive: true }); await fsp.writeFile(base + '/full/x', ''); return [await fsp.rmdir(base + '/full').catch((e) => e.code), await fsp.rm(base + '/full').catch((e) => [e.name, e.code]), await fsp.rm(base + '/full', { recursive: true }), await fsp.access(base + '/full').catch((e) => e.code)]",
      "const made = await fsp.mkdtemp(base + '/tmp-'); return [made.replace(base, '').length, (await fsp.stat(made)).isDirectory()]",
      "await fsp.mkdir(base + '/od', { recursive: true }); await fsp.writeFile(base + '/od/1', ''); const seen = []; for await (const e of await fsp.opendir(base + '/od')) seen.push(e.name); return seen",
    ],
    "copying and moving": [
      "await fsp.writeFile(base + '/from', 'x'); await fsp.copyFile(base + '/from', base + '/to'); return [await fsp.readFile(base + '/to', 'utf8'), await fsp.copyFile(base + '/from', base + '/to', fs.constants.COPYFILE_EXCL).catch((e) => e.code), await fsp.copyFile(base + '/none', base + '/to').catch((e) => e.code)]",
      "await fsp.writeFile(base + '/old', 'y'); await fsp.rename(base + '/old', base + '/new'); return [await fsp.readFile(base + '/new', 'utf8'), await fsp.access(base + '/old').catch((e) => e.code), await fsp.rename(base + '/none', base + '/x').catch((e) => e.code)]",
      "await fsp.mkdir(base + '/t1/a', { recursive: true }); await fsp.writeFile(base + '/t1/a/b', 'z'); await fsp.cp(base + '/t1', base + '/t2', { recursive: true }); await fsp.rename(base + '/t1', base + '/t3'); return [await fsp.readFile(base + '/t2/a/b', 'utf8'), await fsp.readFile(base + '/t3/a/b', 'utf8'), await fsp.access(base + '/t1').catch((e) => e.code)]",
    ],
    "open files": [
      "const h = await fsp.open(base + '/h', 'w+'); await h.write('hello world'); await h.write(Buffer.from('J'), 0, 1, 0); const b = Buffer.alloc(5); const r = await h.read(b, 0, 5, 0); await h.close(); return [r.bytesRead, b.toString(), await fsp.readFile(base + '/h', 'utf8'), typeof h.fd]",
      "const h = await fsp.open(base + '/h2', 'a'); await h.appendFile('1'); await h.write('2'); await h.close(); const r = await fsp.open(base + '/h2'); const whole = await r.readFile('utf8'); const again = await r.readFile('utf8'); await r.close(); return [whole, again, await r.stat().catch((e) => e.code)]",
      "return [await fsp.open(base + '/none').catch((e) => e.code), await fsp.open(base + '/h', 'wx').catch((e) => e.code), await fsp.open(base, 'w').catch((e) => e.code)]",
      "return await new Promise((f) => fs.open(base + '/cb', 'w', (e, fd) => fs.write(fd, 'written', (e2, n) => fs.fstat(fd, (e3, s) => fs.close(fd, (e4) => f([e, e2, n, e3, s.size, e4]))))))",
      "return await new Promise((f) => fs.open(base + '/cb', (e, fd) => fs.read(fd, Buffer.alloc(4), 0, 4, 1, (e2, n, b) => fs.close(fd, () => f([n, b.toString()])))))",
      "return await new Promise((f) => fs.close(9999, (e) => f(told(e))))",
    ],
    "with callbacks": [
      "return await new Promise((f) => fs.writeFile(base + '/cb1', 'x', (e) => fs.readFile(base + '/cb1', 'utf8', (e2, text) => f([e, e2, text]))))",
      "return await new Promise((f) => fs.readFile(base + '/none', (e, x) => f([told(e), x])))",
      "return [await util.promisify(fs.stat)(base).then((s) => s.isDirectory()), await util.promisify(fs.exists)(base), await util.promisify(fs.exists)(base + '/none'), (await util.promisify(fs.readdir)(base)).length > 5]",
      "try { fs.readFile(base) } catch (e) { return [e.name, e.code] }",
      "return [fs.promises === fsp, bare === fs, typeof fs.Stats, fs.constants.O_RDONLY, fs.constants.S_IFMT]",
    ],
    streams: [
      "await fsp.writeFile(base + '/r', 'x'.repeat(200_000) + 'end'); const parts = []; for await (const c of fs.createReadStream(base + '/r')) parts.push(c.length); return [parts.reduce((a, b) => a + b), parts.every((n) => n <= 65536)]",
      "return [await consumers.text(fs.createReadStream(base + '/r', { start: 199_999 })), await consumers.text(fs.createReadStream(base + '/r', { start: 1, end: 3, encoding: 'utf8' }))]",
      "const s = fs.createReadStream(base + '/none'); return await new Promise((f) => s.on('error', (e) => f(told(e))))",
      "const w = fs.createWriteStream(base + '/w'); w.write('a'); w.write('b'); w.end('c'); await promises.finished(w); return [await fsp.readFile(base + '/w', 'utf8'), w.bytesWritten]",
      "const w = fs.createWriteStream(base + '/w', { flags: 'a' }); w.end('more'); await promises.finished(w); await promises.pipeline(fs.createReadStream(base + '/w'), fs.createWriteStream(base + '/copy')); return await fsp.readFile(base + '/copy', 'utf8')",
      "const w = fs.createWriteStream(base + '/w', { flags: 'wx' }); return await new Promise((f) => w.on('error', (e) => f(e.code)))",
      "const w = fs.createWriteStream(base + '/empty'); await new Promise((f) => w.end(f)); return (await fsp.stat(base + '/empty')).size",
      "const w = fs.createWriteStream(base + '/opened'); return await new Promise((f) => w.on('open', () => w.close(() => f('closed'))))",
    ],
    "without effect": [
      "await fsp.writeFile(base + '/m', ''); return [await fsp.chmod(base + '/m', 0o600), await fsp.utimes(base + '/m', 1, 1), await fsp.chmod(base + '/none', 0o600).catch((e) => e.code), await fsp.readlink(base + '/m').catch((e) => e.code), (await fsp.realpath(base + '/./m')).replace(base, ''), (await fsp.lstat(base + '/m')).isFile()]",
    ],
  },
  jobs: {
    door: {
      module: job(`
        const told = async (ask) => ask().then(() => "done", (e) => [e.code, e.mayflyCode, e.cause?.name]);
        return {
          mounted: await fsp.readFile("/given/given.txt", "utf8"),
          readonly: await told(() => fsp.writeFile("/given/new", "x")),
          root: await told(() => fsp.rm("/output", { recursive: true })),
          quota: await told(() => fsp.writeFile("/big", Buffer.alloc(2_000_000))),
          stream: await told(() => new Promise((resolve, reject) => fs.createWriteStream("/big").on("error", reject).on("finish", resolve).end(Buffer.alloc(2_000_000)))),
          name: await told(() => fsp.writeFile("/a\\\\b", "x")),
          outside: await told(() => fsp.readFile("../../etc/passwd")),
        };
      `),
      mounts: { "/given": mounted },
      quota: { bytes: 1_000_000 },
    },
    sync: {
      module: job(`
        const told = (ask) => { try { return ask() } catch (e) { return [e.name, e.code, e.message] } };
        return [told(() => fs.readFileSync("/x")), told(() => fs.existsSync("/x")), told(() => fs.statSync), told(() => fs.symlink("/a", "/b", () => {})),
          await fsp.symlink("/a", "/b").catch((e) => e.code), told(() => fs.watch("/"))].map((each) => typeof each === "function" ? "a function" : each);
      `),
    },
    probing: {
      module: module(
        'const seen = fs.existsSync("/.dockerenv"); let read; try { fs.readFileSync("/etc/hosts") } catch (e) { read = e.code } export default defineJob(async () => [seen, read]);',
      ),
    },
  },
});

t.test("what the door forbids the job, it forbids node:fs: with Node's code, and its own beside", async (t) => {
  const record = await runs.run("door");
  t.match(
    record.result,
    {
      mounted: "given",
      readonly: ["EROFS", "readonly", "MayflyError"],
      root: ["EROFS", "readonly", "MayflyError"],
      quota: ["EDQUOT", "quota", "MayflyError"],
      stream: ["EDQUOT", "quota", "MayflyError"],
      name: ["EINVAL", "path", "MayflyError"],
      outside: ["ENOENT", "not_found", "MayflyError"],
    },
    record.error?.message ?? "",
  );
  t.match(record.denials, [{ capability: "files", code: "readonly" }]);
});

t.test("what would have to be there at once: refused by name when it is called, not when it is imported", async (t) => {
  const record = await runs.run("sync");
  const refused = [
    "MayflyUnsupportedError",
    "ERR_MAYFLY_UNSUPPORTED",
    /fs\.readFileSync isn't available in a job: .*fs\.promises/,
  ];
  t.match(record.result, [refused, [refused[0], refused[1], /existsSync/], "a function"], record.error?.message ?? "");
  t.match((record.result as unknown[]).slice(4), ["ERR_MAYFLY_UNSUPPORTED", [refused[0], refused[1], /fs\.watch/]]);
});

t.test("a package that looks for files while it is loaded: it finds none, and a read refuses", async (t) => {
  t.same((await runs.run("probing")).result, [false, "ERR_MAYFLY_UNSUPPORTED"]);
});

t.test("what all of them left behind", (t) => runs.end(t));
