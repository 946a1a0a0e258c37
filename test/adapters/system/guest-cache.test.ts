// The file that V8 believes: what happens when it is not what was written, or was never any good.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import t, { type Test } from "tap";
import { type ExecutorFiles, prepareExecutorFiles } from "../../../runtime/adapters/system/executor-files.ts";
import { keepGuestCache } from "../../../runtime/adapters/system/guest-cache.ts";

interface Kept {
  cache: string;
  files: ExecutorFiles;
}

async function kept(t: Test): Promise<Kept> {
  const cache = mkdtempSync(join(tmpdir(), "mayfly-guest-cache-"));
  t.teardown(() => rmSync(cache, { recursive: true, force: true }));
  return { cache, files: await prepareExecutorFiles(cache) };
}

const caches = (directory: string) => readdirSync(directory).filter((name) => /\.(cache|unfinished)$/.test(name));

t.test("made once, and found again", async (t) => {
  const { cache, files } = await kept(t);
  const before = readFileSync(files.codeCache);
  t.same(await prepareExecutorFiles(cache), files);
  t.same(caches(cache), [basename(files.codeCache)]);
  t.ok(readFileSync(files.codeCache).equals(before), "the very same file");
});

for (const [name, damage] of Object.entries({
  "a bit of it has turned": (path: string) => {
    const content = readFileSync(path);
    content.writeUInt8(content.readUInt8(content.length >> 1) ^ 1, content.length >> 1);
    writeFileSync(path, content);
  },
  "its end is missing": (path: string) => truncateSync(path, 1_000),
  "it is empty": (path: string) => truncateSync(path, 0),
  "something was added": (path: string) => appendFileSync(path, "more"),
}))
  t.test(`[ISO-17] ${name}: it is removed, and another one made and tried`, async (t) => {
    const { cache, files } = await kept(t);
    damage(files.codeCache);
    const damaged = readFileSync(files.codeCache);
    const again = await prepareExecutorFiles(cache);
    t.notOk(readFileSync(again.codeCache).equals(damaged));
    t.same(caches(cache), [basename(again.codeCache)], "and nothing else is there");
  });

t.test(
  "the globals' script is not what its name says: it is written again, and what was made of it stays",
  async (t) => {
    const { cache, files } = await kept(t);
    const script = readFileSync(files.guest, "utf8");
    writeFileSync(files.guest, `${script}\n"more"`);
    t.same(await prepareExecutorFiles(cache), files);
    t.equal(readFileSync(files.guest, "utf8"), script);
  },
);

t.test("one of another V8, or of another processor, is nobody's", async (t) => {
  const { cache, files } = await kept(t);
  const foreign = files.codeCache.replace(/(\.x64-|\.arm64-)[0-9a-f]+/, "$1123");
  t.not(foreign, files.codeCache);
  writeFileSync(foreign, readFileSync(files.codeCache));
  rmSync(files.codeCache);
  const { codeCache } = await prepareExecutorFiles(cache);
  t.not(codeCache, foreign);
  t.same(caches(cache).sort(), [basename(codeCache), basename(foreign)].sort(), "what another one uses is left alone");
});

for (const [name, made] of Object.entries({
  "bytes that V8 refuses": 'require("node:fs").writeFileSync(process.argv[5], "no cache"); console.log("done");',
  nothing: 'console.log("done");',
  "an error": 'throw new Error("the addon is for another Node");',
}))
  t.test(`a maker that makes ${name}: no executor gets it, and the error says what was found`, async (t) => {
    const { cache, files } = await kept(t);
    const real = readdirSync(cache).find((each) => /^code-cache-.*\.cjs$/.test(each)) ?? "";
    const maker = join(cache, "code-cache-of-a-test.cjs");
    writeFileSync(
      maker,
      `if (process.argv[2] === "make") { ${made} } else { ${readFileSync(join(cache, real), "utf8")} }`,
    );
    const failed = keepGuestCache({ addon: files.addon, guest: files.guest, maker });
    await t.rejects(failed, { code: "executor_unavailable", next: /npm ci/ });
    t.same(caches(cache), [basename(files.codeCache)], "nothing of it is left");
  });

t.test("several at once: each has a whole one", async (t) => {
  const { cache, files } = await kept(t);
  rmSync(files.codeCache);
  const all = await Promise.all([1, 2, 3].map(() => prepareExecutorFiles(cache)));
  for (const { codeCache } of all) t.ok(readFileSync(codeCache).length > 100_000);
});
