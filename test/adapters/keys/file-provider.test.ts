// Wrapping keys in a file, and the data keys that they wrap: who may read them, and that no rotation loses one, however
// many processes rotate at once.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openDataKeys } from "../../../runtime/adapters/keys/data-keys.ts";
import { makeFileProvider } from "../../../runtime/adapters/keys/file-provider.ts";
import { makeSecretBox } from "../../../runtime/adapters/keys/secret-box.ts";
import { makeProcessLock, type ProcessLock } from "../../../runtime/adapters/stores/process-lock.ts";
import { systemClock as clock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { holdToLaws } from "./provider-laws.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function openIn(directory: string, lock: ProcessLock = makeProcessLock(join(directory, "lock"))) {
  const parts = { random, clock, lock };
  const provider = makeFileProvider({ ...parts, path: join(directory, "wrapping.json") });
  const keys = openDataKeys({ ...parts, path: join(directory, "data-keys.json"), provider });
  return { provider, keys, box: makeSecretBox({ keys, random }) };
}

t.test("the file provider keeps the laws", async (t) => {
  await holdToLaws(t, async (t) => {
    const directory = t.testdir();
    return {
      provider: openIn(directory).provider,
      again: () => openIn(directory).provider,
      elsewhere: async () => {
        const other = openIn(mkdtempSync(join(directory, "other-"))).provider;
        await other.wrap(randomBytes(32));
        return other;
      },
    };
  });
});

t.test("keys that others can read are refused, and opening makes none", async (t) => {
  const directory = t.testdir();
  const { provider, box } = openIn(directory);
  await t.rejects(provider.unwrap({ keyId: "0".repeat(16), bytes: new Uint8Array(60) }), { code: "key_unavailable" });
  t.notOk(existsSync(join(directory, "wrapping.json")), "a key that is missing isn't replaced by a new one");
  const sealed = await box.seal("test", bytes("a"));
  for (const file of ["wrapping.json", "data-keys.json"]) {
    const path = join(directory, file);
    t.equal(statSync(path).mode & 0o777, 0o600);
    chmodSync(path, 0o640);
    await t.rejects(openIn(directory).box.open("test", sealed), { code: "state_directory", found: /mode 0640/ }, file);
    chmodSync(path, 0o600);
  }
  rmSync(join(directory, "wrapping.json"));
  await t.rejects(openIn(directory).box.open("test", sealed), { code: "key_unavailable" });
});

t.test("rotated: all data keys are wrapped anew, a new one seals, and what was sealed before opens", async (t) => {
  const directory = t.testdir();
  const { provider, keys, box } = openIn(directory);
  const running = openIn(directory);
  const before = await running.box.seal("test", bytes("before"));
  const old = JSON.parse(readFileSync(join(directory, "data-keys.json"), "utf8")).keys[0];
  const wrapping = await provider.rotate();
  const id = await keys.rotate();
  const list = await keys.list();
  t.match(list, [
    { id: old.id, wrappedBy: wrapping, seals: false },
    { id, wrappedBy: wrapping, seals: true },
  ]);
  t.type(list[0]?.madeAt, "number");
  const after = await running.box.seal("test", bytes("after"));
  t.equal(Buffer.from(after.subarray(4, 12)).toString("hex"), id, "a process that was running seals with the new key");
  for (const [sealed, text] of [
    [before, "before"],
    [after, "after"],
  ] as const)
    t.equal(Buffer.from(await box.open("test", sealed)).toString(), text);
  await t.rejects(openIn(t.testdir()).box.open("test", before), { code: "sealed_invalid", found: /not kept here/ });
});

/** How many keys are lost when `count` rotations of either kind run at once, each in an opening of its own. */
async function lostOf(count: number, directory: string, lock?: ProcessLock): Promise<number> {
  const { box, provider, keys } = openIn(directory);
  await box.seal("test", bytes("first"));
  const openings = Array.from({ length: count }, () => openIn(directory, lock));
  await Promise.all(openings.flatMap((each) => [each.provider.rotate(), each.keys.rotate()]));
  return 2 * (count + 1) - (await provider.list()).length - (await keys.list()).length;
}

t.test(
  "of many rotations at once no key is lost; and without the lock some are, so that this would show it",
  async (t) => {
    t.equal(await lostOf(5, t.testdir()), 0);
    t.not(await lostOf(5, mkdtempSync(join(t.testdirName, "twin-")), { hold: (act) => act() }), 0);
  },
);

t.test(
  "of processes that rotate at once while another seals, none loses what any of them has sealed or wrapped",
  async (t) => {
    const directory = t.testdir();
    await openIn(directory).box.seal("test", bytes("first"));
    const support = new URL("./rotating.ts", import.meta.url).pathname;
    const sealed = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, [support, directory, "4"], { stdio: ["ignore", "pipe", "inherit"] });
        let text = "";
        for await (const chunk of child.stdout) text += chunk;
        return text.trim().split("\n");
      }),
    );
    const { box, provider, keys } = openIn(directory);
    t.equal((await provider.list()).length, 1 + 3 * 4);
    t.equal((await keys.list()).length, 1 + 3 * 4);
    t.equal(sealed.flat().length, 3 * 4);
    for (const text of sealed.flat())
      t.equal(Buffer.from(await box.open("test", Buffer.from(text, "base64"))).toString(), "sealed while rotating");
  },
);

t.test("a lock falls with the process that held it", async (t) => {
  const path = join(t.testdir(), "lock");
  const module = new URL("../../../runtime/adapters/stores/process-lock.ts", import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(({ makeProcessLock }) =>
    makeProcessLock(process.argv[1]).hold(() => { console.log("held"); return new Promise(() => setInterval(() => {}, 1000)); }))`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  let isHeld = false;
  const mine = makeProcessLock(path).hold(async () => {
    isHeld = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(isHeld, false, "while it lives");
  child.kill("SIGKILL");
  await mine;
  t.equal(isHeld, true);
});
