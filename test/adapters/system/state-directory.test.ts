// The state directory: ours alone, never through a link, and of one ledger, whoever else starts at the same time.
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
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

t.test(
  "a note of the ledger that others can read, of another length, or behind a link: refused, never replaced",
  async (t) => {
    const { path } = openStateDirectory(join(scratch(t), "state"));
    const note = join(path, "keys", "installation");
    const again = () => openStateDirectory(path).requireInstallation("0123abcd");
    again();
    t.equal(statSync(note).mode & 0o777, 0o600);
    t.same(readdirSync(join(path, "keys")), ["installation"], "no unfinished file is left");
    t.throws(() => openStateDirectory(path).requireInstallation("0123"), { ...refusal, found: /8 bytes, needed 4/ });
    chmodSync(note, 0o640);
    t.throws(again, { ...refusal, found: /others can read/ });
    t.equal(readFileSync(note, "utf8"), "0123abcd");
    renameSync(note, join(path, "elsewhere"));
    symlinkSync(join(path, "elsewhere"), note);
    t.throws(again, refusal);
    rmSync(note);
    mkdirSync(note);
    t.throws(again, refusal);
  },
);

t.test(
  "of several processes that bring a ledger of their own at once, one notes it, and all others are refused",
  async (t) => {
    const path = join(scratch(t), "state");
    const script = `import(${JSON.stringify(module)}).then(({ openStateDirectory }) => {
    try { openStateDirectory(process.argv[1]).requireInstallation(process.argv[2]); console.log("noted"); } catch (error) { console.log(error.code); }
  })`;
    const said = await Promise.all(
      ["00000000", "11111111", "22222222", "33333333"].map(async (installation) => {
        const child = spawn(process.execPath, ["-e", script, path, installation], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let text = "";
        for await (const chunk of child.stdout) text += chunk;
        return text.trim();
      }),
    );
    t.same(said.sort(), ["noted", "store_corrupt", "store_corrupt", "store_corrupt"]);
    t.same(readdirSync(join(path, "keys")), ["installation"]);
  },
);
