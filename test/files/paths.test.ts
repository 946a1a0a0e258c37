// FS-01, -02, -03, -07, -10 and -24 in real executors: every hostile path through every operation. Each is refused with
// one code whatever is asked of it, each refusal is in the audit, on one line, and nothing outside is touched.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { openRuns } from "../support/runs.ts";
import { foreign, hostPlaces, traversals, unnameable } from "./hostile-paths.ts";
import { makeOutside } from "./outside.ts";

/** Each way to name a path, and what it gives: a refusal's code, or `done`. */
const everyWay = `
  const ways = {
    read: (p) => c.files.read(p), readText: (p) => c.files.readText(p), write: (p) => c.files.write(p, "x"),
    writeBytes: (p) => c.files.write(p, new Uint8Array(1)), append: (p) => c.files.append(p, "x"), truncate: (p) => c.files.write(p, ""),
    list: (p) => c.files.list(p), stat: (p) => c.files.stat(p), mkdir: (p) => c.files.mkdir(p), remove: (p) => c.files.remove(p),
  };
  const seen = {};
  for (const path of c.input) {
    seen[path] = {};
    for (const [way, work] of Object.entries(ways)) seen[path][way] = await work(path).then((v) => (v === null ? "null" : "done"), (e) => e.code);
  }
  return seen;
`;
const ways = ["read", "readText", "write", "writeBytes", "append", "truncate", "list", "stat", "mkdir", "remove"];

const { name: base, removeCallback } = tmp.dirSync({ prefix: "mayfly-paths-", unsafeCleanup: true });
t.teardown(removeCallback);
const outside = makeOutside(join(base, "outside"));
mkdirSync(join(base, "data"));
writeFileSync(join(base, "data/a.txt"), "mounted");
const runs = await openRuns({
  job: { body: everyWay, mounts: { "/data": join(base, "data") } },
  places: {
    body: `
      const seen = {};
      for (const path of c.input) {
        seen[path] = [await c.files.read(path).catch((e) => e.code), await c.files.list(path).catch((e) => e.code), await c.files.stat(path)];
        await c.files.write(path + "/mine", "x");
      }
      return seen;
    `,
    quota: { entries: 200 },
  },
});

const denialsOf = (runId: string) =>
  runs.runtime.store
    .auditEntries(1, 1_000_000)
    .flatMap(({ event }) => (event.runId === runId && event.type === "deny" ? [event] : []));

for (const [title, paths] of [
  ["[FS-01] [FS-24] no way up leads up", traversals],
  ["[FS-02] [FS-24] what is absolute elsewhere is no path here", foreign],
  ["[FS-03] [FS-10] [FS-24] a NUL, a control character and a name too long are in no path", unnameable],
] as const) {
  t.test(title, async (t) => {
    const record = await runs.run("job", paths);
    const seen = record.result as Record<string, Record<string, string>>;
    const distinct = [...new Set(paths)];
    t.equal(record.state, "succeeded", JSON.stringify(record.error));
    t.ok(distinct.length >= 15);
    for (const path of distinct) {
      const wanted = Object.fromEntries(ways.map((way) => [way, "path"]));
      t.strictSame(seen[path.toWellFormed()] ?? seen[path], wanted, JSON.stringify(path.slice(0, 60)));
    }
    const denials = denialsOf(record.id);
    t.equal(denials.length, distinct.length * ways.length, "each refusal is in the record, once");
    for (const { code, capability, target, detail } of denials) {
      t.equal(code, "path");
      t.match(capability, /^files\.(read|write|list|stat|mkdir|remove)$/);
      t.notMatch(`${target}${detail}`, /[\p{Cc}\u202e\p{Cs}]/u, "on one line");
    }
    t.strictSame(outside.touched(), []);
  });
}

t.test("[FS-07] the host's places are names in the job's own tree, and nothing is at them", async (t) => {
  const record = await runs.run("places", hostPlaces);
  t.equal(record.state, "succeeded", JSON.stringify(record.error));
  for (const found of Object.values(record.result as Record<string, unknown>)) {
    t.strictSame(found, ["not_found", "not_found", null]);
  }
  t.notOk(readdirSync("/tmp").includes("mine"));
});

t.test("[FS-10] a path of 4,096 characters works where the quota lets it, and one more does not", async (t) => {
  const long = await openRuns({
    job: {
      quota: { depth: 64 },
      body: `
        const path = ("/" + "n".repeat(255)).repeat(15) + "/" + "n".repeat(253) + "/";
        const longest = path + "é";
        await c.files.write(longest, "far down");
        const over = await c.files.write(longest + "n", "x").catch((e) => e.code);
        return { chars: longest.length, text: await c.files.readText(longest), over, listed: await c.files.list(path.slice(0, -1)) };
      `,
    },
  });
  t.strictSame((await long.run("job")).result, {
    chars: 4_096,
    text: "far down",
    over: "call_invalid",
    listed: [{ name: "é", kind: "file" }],
  });
  await long.end(t);
});

t.test("[FS-10] odd names work, stay apart, and are escaped wherever a person reads them", async (t) => {
  const names = [
    "-rf",
    "--",
    ".hidden",
    "a b",
    " ",
    "trailing.",
    "trailing ",
    "a\u202egpj.exe",
    "\u2066x\u2069",
    "x".repeat(255),
    "é".repeat(127),
    "*",
    "$(id)",
    "`id`",
    "a'b\"c",
    "100%",
    "a:b",
    "~",
    "con",
    "nul.txt",
  ];
  const odd = await openRuns({
    job: {
      body: `
        for (const name of c.input) await c.files.write("/output/" + name, name);
        for (const name of c.input) if ((await c.files.readText("/output/" + name)) !== name) throw new Error(name);
        const refused = await c.files.write("/output/a\\u202e\\nb", "x").catch((e) => e.message);
        await c.files.list("/output/a\\u202e/..").catch(() => {});
        return { names: (await c.files.list("/output")).map(({ name }) => name), refused };
      `,
    },
  });
  const record = await odd.run("job", names);
  t.equal(record.state, "succeeded", JSON.stringify(record.error));
  const result = record.result as { names: string[]; refused: string };
  t.strictSame(result.names, [...names].sort(), "no two became one");
  t.match(result.refused, /control character/);
  t.strictSame(record.outputs.map(({ path }) => path).sort(), [...names].sort());
  t.strictSame(readdirSync(odd.runtime.archive.outputDirectory(record.id)).sort(), [...names].sort());
  t.strictSame(
    record.denials.map(({ target }) => target),
    ["/output/a\\u{202e}\\u{a}b", "/output/a\\u{202e}/.."],
  );
  await odd.end(t);
});

t.test("whoever joins strings is led outside by many of the same paths", (t) => {
  const led = traversals.filter(
    (path) => existsSync(join(base, "data", path)) && !join(base, "data", path).startsWith(base),
  );
  t.ok(led.length >= 3, `${led.length} lead to /etc/passwd`);
  t.ok(hostPlaces.filter((path) => existsSync(path)).length >= 8, "and the host's places are there");
  t.end();
});

t.test("at the end nothing is left of any of them", async (t) => {
  await runs.end(t);
});
