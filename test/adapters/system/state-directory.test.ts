// The state directory: ours alone, never through a link, and keys that are made once, whoever else starts at the same time.
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { openStateDirectory } from "../../../runtime/adapters/system/state-directory.ts";

const module = new URL("../../../runtime/adapters/system/state-directory.ts", import.meta.url).href;
const isRoot = process.getuid?.() === 0;

function scratch(t: Test): string {
  const { name, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
  t.teardown(removeCallback);
  return name;
}

const refusal = { code: "state_directory", found: /./, needed: /mode 0700/, next: /state:/ };

t.test("made with mode 0700, with its parents, and narrowed when it was wider", async (t) => {
  const path = join(scratch(t), "deep", ".mayfly");
  const state = openStateDirectory(path);
  t.equal(statSync(path).mode & 0o777, 0o700);
  chmodSync(path, 0o755);
  openStateDirectory(path);
  t.equal(statSync(path).mode & 0o777, 0o700);
  t.equal(statSync(state.directory("runs")).mode & 0o777, 0o700);
  t.equal(state.directory("runs"), join(path, "runs"));
  for (const file of [state.ledger, state.socket, state.keysFile("x")]) t.ok(file.startsWith(`${path}/`));
});

t.test("a symbolic link in its place, even to a good directory", async (t) => {
  const at = scratch(t);
  mkdirSync(join(at, "real"), { mode: 0o700 });
  symlinkSync(join(at, "real"), join(at, "link"));
  t.throws(() => openStateDirectory(join(at, "link")), refusal);
  t.same(readdirSync(join(at, "real")), [], "nothing was put there");
  symlinkSync(join(at, "nowhere"), join(at, "dangling"));
  t.throws(() => openStateDirectory(join(at, "dangling")), refusal);
});

t.test("a file in its place, or below a file", async (t) => {
  const at = scratch(t);
  writeFileSync(join(at, "file"), "");
  t.throws(() => openStateDirectory(join(at, "file")), refusal);
  t.throws(() => openStateDirectory(join(at, "file", "below")), { ...refusal, found: /ENOTDIR/ });
});

t.test(
  "a directory of somebody else, who could read and replace what is in it",
  { skip: !isRoot && "not root" },
  async (t) => {
    const path = join(scratch(t), "theirs");
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, 65_534, 65_534);
    t.throws(() => openStateDirectory(path), { ...refusal, found: /uid 65534/ });
  },
);

t.test("a key: made at the first call, the same ever after, readable by us alone", async (t) => {
  const state = openStateDirectory(join(scratch(t), "state"));
  const key = state.key("audit.key", 32);
  t.equal(key.length, 32);
  t.ok(key.some((byte) => byte !== 0));
  t.same(state.key("audit.key", 32), key);
  t.notSame(state.key("other.key", 32), key);
  t.equal(statSync(state.keysFile("audit.key")).mode & 0o777, 0o600);
  t.same(readdirSync(join(state.path, "keys")).sort(), ["audit.key", "other.key"], "no unfinished file is left");
});

t.test("a ledger that was removed, and would be made anew and empty, is refused ever after", async (t) => {
  const path = join(scratch(t), "state");
  openStateDirectory(path).requireInstallation("0123abcd");
  openStateDirectory(path).requireInstallation("0123abcd");
  for (const _ of [1, 2]) {
    t.throws(() => openStateDirectory(path).requireInstallation("fedc9876"), {
      code: "store_corrupt",
      needed: /0123abcd/,
    });
  }
});

t.test("a key that others can read, of another length, or behind a link: refused, never replaced", async (t) => {
  const state = openStateDirectory(join(scratch(t), "state"));
  state.key("audit.key", 32);
  const path = state.keysFile("audit.key");
  const bytes = readFileSync(path);
  t.throws(() => state.key("audit.key", 16), { ...refusal, found: /32 bytes, needed 16/ });
  chmodSync(path, 0o640);
  t.throws(() => state.key("audit.key", 32), { ...refusal, found: /others can read/ });
  t.same(readFileSync(path), bytes);
  symlinkSync(path, state.keysFile("linked.key"));
  t.throws(() => state.key("linked.key", 32), refusal);
  mkdirSync(state.keysFile("directory.key"));
  t.throws(() => state.key("directory.key", 32), refusal);
});

t.test("several processes that start at once agree on one key", async (t) => {
  const path = join(scratch(t), "state");
  const script = `import(${JSON.stringify(module)}).then(({ openStateDirectory }) => console.log(Buffer.from(openStateDirectory(process.argv[1]).key("k", 32)).toString("hex")))`;
  const keys = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      for await (const chunk of child.stdout) text += chunk;
      return text.trim();
    }),
  );
  t.match(keys[0], /^[0-9a-f]{64}$/);
  t.equal(new Set(keys).size, 1);
  t.same(readdirSync(join(path, "keys")), ["k"]);
});
