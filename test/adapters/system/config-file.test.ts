// The config file, found and evaluated for real in directories of its own.
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import t from "tap";
import { loadConfigFile } from "../../../runtime/adapters/system/config-file.ts";
import { parseConfig } from "../../../runtime/config.ts";
import { MayflyError } from "../../../runtime/model/error.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "mayfly-config-")));
t.teardown(() => rmSync(base, { recursive: true }));

/** A new directory each time: what was imported once stays imported. */
function directory(files: Record<string, string>): string {
  const root = mkdtempSync(join(base, "d-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

async function refusal(files: Record<string, string>, path?: string): Promise<MayflyError> {
  try {
    await loadConfigFile(path, directory(files));
  } catch (error) {
    if (error instanceof MayflyError) return error;
    throw error;
  }
  return t.fail("it was loaded") as never;
}

const plain = "export default { jobs: {} };\n";

t.test("a config that is not found from a directory below it", async (t) => {
  const root = directory({ "sandbox.config.ts": plain, "a/b/x": "" });
  const found = await loadConfigFile(undefined, join(root, "a/b"));
  t.same(found, { value: { jobs: {} }, path: join(root, "sandbox.config.ts"), directory: root });
});

t.test("the wrong one of several", async (t) => {
  const root = directory({
    "sandbox.config.ts": "export default 1;\n",
    "a/sandbox.config.json": "2",
    "a/sandbox.config.mjs": "export default 3;\n",
    "other.ts": "export default 4;\n",
  });
  t.equal(
    (await loadConfigFile(undefined, join(root, "a"))).value,
    3,
    "the nearest directory, then the order of names",
  );
  t.equal((await loadConfigFile("../other.ts", join(root, "a"))).value, 4, "the one that was named");
});

t.test("a config outside of any package: mayfly resolves, and so does TypeScript", async (t) => {
  const root = directory({
    "sandbox.config.ts": [
      'import { defineConfig, issuers, type SandboxConfig } from "mayfly";',
      'import { audience } from "./audience.mts";',
      "const config: SandboxConfig = { issuers: { p: issuers.jwt({ audience }) }, jobs: {} };",
      "export default defineConfig(config);\n",
    ].join("\n"),
    "audience.mts":
      'import type { Json } from "mayfly";\nexport const audience = "https://p.example" satisfies Json;\n',
    "package.json": '{"type":"commonjs"}',
  });
  const config = parseConfig((await loadConfigFile(undefined, root)).value, { directory: root, path: "x" });
  t.match(config.issuers.p, { kind: "jwt", audience: "https://p.example" });
  await t.rejects(import(`${root}/audience-of-nobody.ts`), "and nothing stays hooked for other modules");
  await t.rejects(loadConfigFile("x.mjs", directory({ "x.mjs": 'import "mayfly-nope";' })), { code: "config_throws" });
});

t.test("a config that is read again: it, and what it imports, as they are now", async (t) => {
  const root = directory({
    "sandbox.config.ts": 'import { n } from "./n.ts";\nexport default [1, n];\n',
    "n.ts": "export const n: number = 1;\n",
  });
  symlinkSync("sandbox.config.ts", join(root, "link.ts"));
  const heard: string[] = [];
  const again = (path?: string) =>
    loadConfigFile(path, root, { again: true, onFile: (file) => heard.push(relative(root, file)) });
  t.same((await loadConfigFile(undefined, root)).value, [1, 1]);
  writeFileSync(join(root, "n.ts"), "export const n = 2;\n");
  t.same((await loadConfigFile(undefined, root)).value, [1, 1], "Node keeps it");
  t.same((await again()).value, [1, 2]);
  t.same(heard.splice(0), ["sandbox.config.ts", "n.ts"]);
  writeFileSync(join(root, "sandbox.config.ts"), 'import { n } from "./n.ts";\n\nexport default n.x.y;\n');
  await t.rejects(again(), { code: "config_throws", message: /sandbox\.config\.ts:3:/ });
  t.same(heard.splice(0), ["sandbox.config.ts", "n.ts"], "also of one that fails");
  writeFileSync(join(root, "sandbox.config.ts"), "export default 3;\n");
  t.equal((await again("link.ts")).value, 3, "and by a link");
});

t.test("no config at all", async (t) => {
  const error = await refusal({});
  t.equal(error.code, "config_missing");
  t.match(error.found, base, "says where it looked");
  t.match(error.needed, 'import { defineConfig } from "mayfly"', "and gives one to start with");
  const named = await refusal({}, "nope.ts");
  t.equal(named.code, "config_missing");
  t.match(named.found, "nope.ts");
});

const throwing: [name: string, file: string, content: string, line: string, found: RegExp][] = [
  [
    "it throws",
    "sandbox.config.ts",
    'const a: number = 1;\nthrow new Error("boom\\n\u001b[2J");\n',
    ":2:7",
    /^boom\\u\{a\}\\u\{1b\}/,
  ],
  ["it calls what throws", "sandbox.config.ts", "const x = undefined;\n\nexport default x.y;\n", ":3:18", /undefined/],
  ["its syntax is wrong", "sandbox.config.ts", "const a = 1;\nexport default { a: ;\n", ":2", /xpression/],
  ["it needs a compiler", "sandbox.config.ts", "\nenum A { B }\nexport default 1;\n", ":2", /enum/],
  ["it throws a string", "sandbox.config.mjs", 'throw "just text";\n', "", /^just text$/],
  ["its JSON is none", "sandbox.config.json", "{", "", /JSON/],
];

for (const [name, file, content, line, found] of throwing) {
  t.test(`an author who has to guess the line: ${name}`, async (t) => {
    const error = await refusal({ [file]: content });
    t.equal(error.code, "config_throws");
    t.match(error.message, `${file}${line} could not be evaluated`);
    t.match(error.found, found);
  });
}

t.test("a file that exports no config", async (t) => {
  const error = await refusal({ "sandbox.config.ts": "export const config = {};\n" });
  t.equal(error.code, "config_invalid");
  t.match(error.found, 'exports "config"');
  const promise = await refusal({ "sandbox.config.ts": "export default Promise.resolve({});\n" });
  t.match(promise.found, "a promise");
  t.match(promise.next, "await");
});

t.test("somebody else's config in a directory above, such as /tmp", async (t) => {
  const root = directory({ "sandbox.config.ts": "export default 1;\n", "a/x": "" });
  chmodSync(join(root, "sandbox.config.ts"), 0o666);
  await t.rejects(loadConfigFile(undefined, join(root, "a")), { code: "config_invalid", found: /mode 666/ });
  t.equal((await loadConfigFile(undefined, root)).value, 1, "here it was meant");
  t.equal((await loadConfigFile("../sandbox.config.ts", join(root, "a"))).value, 1, "and so it is by name");
});
