// Root credentials, from where the config points: what is taken, what is refused, and what `check` says of each.
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { makeSecretInspector } from "../../../runtime/adapters/system/secret-place.ts";
import { readSecret, sealedVariable } from "../../../runtime/adapters/system/secret-source.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { SecretSource } from "../../../runtime/model/issuer.ts";

const canary = "canary-5e1f09";

/** Apart from the repository, whose git would have its say. */
function fileIn(t: Test, mode = 0o600, content = `${canary}\n`): string {
  const { name, removeCallback } = tmp.dirSync({ unsafeCleanup: true, mode: 0o700 });
  t.teardown(removeCallback);
  const path = join(name, "root");
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const inspect = makeSecretInspector({
  env: { PG: "x", EMPTY: " ", PATH: process.env.PATH },
  sealedFile: (name) => name,
});

function refusal(source: SecretSource, env = {}): MayflyError {
  try {
    readSecret(source, env, "warehouse");
  } catch (error) {
    if (error instanceof MayflyError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

t.test("a variable, a file and a sealed one are taken as they are, without the line's end", async (t) => {
  t.equal(readSecret({ env: "PG" }, { PG: `${canary}\n` }, "warehouse"), canary);
  t.equal(readSecret({ file: fileIn(t) }, {}, "warehouse"), canary);
  t.equal(readSecret({ file: fileIn(t, 0o400) }, {}, "warehouse"), canary);
  t.equal(readSecret({ sealed: "pg" }, { [sealedVariable("pg")]: canary }, "warehouse"), canary);
  const path = fileIn(t);
  symlinkSync(path, `${path}-link`);
  t.equal(
    readSecret({ file: `${path}-link` }, {}, "warehouse"),
    canary,
    "as a mounted secret is: what counts is the link's end",
  );
});

t.test("what isn't there: which source, and what to do", async (t) => {
  t.match(refusal({ env: "PG" }), { code: "secret_missing", message: /issuer warehouse.*variable PG/, next: /set PG/ });
  t.match(refusal({ env: "PG" }, { PG: "  " }), { message: /empty or missing/ });
  t.match(refusal({ file: "/nowhere/root" }), { message: /"\/nowhere\/root"/, next: /0600/ });
  t.match(refusal({ sealed: "pg" }), { message: /sealed credential pg/, next: /mayfly keys import pg/ });
  t.match(refusal({ sealed: "PG" }, { PG: canary }), {}, "a variable is no sealed credential");
});

t.test("a file that others could have read or written is refused, and shows nothing of itself (OPS-05)", async (t) => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o660, 0o610]) {
    const error = refusal({ file: fileIn(t, mode) });
    t.match(error, { code: "secret_missing", found: `mode 0${mode.toString(8)}`, next: /chmod 600/ });
    t.notMatch(error.describe(), canary);
  }
  const huge = refusal({ file: fileIn(t, 0o600, canary.repeat(10_000)) });
  t.match(huge, { found: /bytes/, needed: /at most 65536/ });
  t.match(refusal({ file: tmp.dirSync({ mode: 0o700 }).name }), { found: "no regular file" });
  const fifo = `${fileIn(t)}-fifo`;
  execFileSync("mkfifo", ["-m", "600", fifo]);
  t.match(refusal({ file: fifo }), { found: "no regular file" }, "without waiting for whoever writes to it");
});

t.test("a file of another user is refused (OPS-05)", { skip: process.getuid?.() !== 0 && "not root" }, async (t) => {
  const path = fileIn(t);
  chownSync(path, 65_534, 65_534);
  t.match(refusal({ file: path }), { found: "owner 65534" });
  t.match(inspect({ file: path }), { state: "refused", detail: /owner 65534/ });
});

t.test("`check` says of each where it is, whether it is there, and what to do", async (t) => {
  t.match(inspect({ env: "PG" }), { place: "environment variable PG", state: "there", next: null });
  t.match(inspect({ env: "EMPTY" }), { state: "missing", next: /set EMPTY/ });
  t.match(inspect({ file: "/nowhere/root" }), { state: "missing", next: /0600/ });
  t.match(inspect({ sealed: "/nowhere" }), { state: "missing", next: /keys import/ });
  t.match(inspect({ file: fileIn(t, 0o600, "") }), { state: "missing", detail: "an empty file" });
  t.match(inspect({ file: fileIn(t, 0o644) }), {
    state: "refused",
    detail: /mode 0644, needed mode 0600/,
    next: /chmod 600/,
  });
  t.match(inspect({ file: fileIn(t) }), { state: "there", detail: null, next: null });
});

t.test(
  "a directory that others may write to, and a repository that would carry it away, are warned of (OPS-05)",
  async (t) => {
    const path = fileIn(t);
    t.same(inspect({ file: path }).warnings, [], "below a sticky /tmp nobody else can replace it");
    chmodSync(join(path, ".."), 0o777);
    t.match(inspect({ file: path }).warnings, [/others may write to/]);
    chmodSync(join(path, ".."), 0o700);

    const git = (...args: string[]) => execFileSync("git", ["-C", join(path, ".."), ...args], { stdio: "ignore" });
    git("init", "-q");
    t.match(inspect({ file: path }).warnings, [/git doesn't ignore it/]);
    writeFileSync(join(path, "..", ".gitignore"), "root\n");
    t.same(inspect({ file: path }).warnings, []);
    git("add", "-f", "root");
    t.match(inspect({ file: path }).warnings, [/it is in git/]);
  },
);
