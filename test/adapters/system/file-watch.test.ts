// Saves on a real disk, and who hears of them. Nothing is waited for in hope: each test makes a save that must be told, and
// looks at all that was told with it.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import t, { type Test } from "tap";
import { makeFileWatch } from "../../../runtime/adapters/system/file-watch.ts";

function world(t: Test) {
  const root = mkdtempSync(join(tmpdir(), "mayfly-watch-"));
  const watch = makeFileWatch();
  t.teardown(() => {
    watch.close();
    rmSync(root, { recursive: true });
  });
  const at = (...paths: string[]) => paths.map((path) => join(root, path));
  return {
    root,
    watch,
    at,
    save: (path: string, text = "x") => writeFileSync(join(root, path), text),
    told: async () => (await watch.saved()).map((path) => relative(root, path)),
  };
}

t.test("a save that came while nobody listened", async (t) => {
  const { watch, at, save, told } = world(t);
  const other = makeFileWatch();
  t.teardown(other.close);
  watch.set(at("a"));
  other.set(at("a"));
  save("a");
  await other.saved();
  t.same(await told(), ["a"]);
  save("a");
  t.same(await told(), ["a"], "and the next one");
});

t.test("several saves in one go are told at once, and only those that were asked for", async (t) => {
  const { watch, at, save, told } = world(t);
  watch.set(at("a", "b"));
  for (const path of ["a", "c", "b", "a"]) save(path);
  t.same(await told(), ["a", "b"]);
});

t.test("a file that is replaced, and one that comes back", async (t) => {
  const { root, watch, at, save, told } = world(t);
  save("a");
  watch.set(at("a"));
  for (let n = 0; n < 3; n += 1) {
    save(".new");
    renameSync(join(root, ".new"), join(root, "a"));
    t.same(await told(), ["a"], `${n}`);
  }
  rmSync(join(root, "a"));
  t.same(await told(), ["a"]);
  save("a");
  t.same(await told(), ["a"]);
});

t.test("a file in a directory that isn't there yet", async (t) => {
  const { root, watch, at, save, told } = world(t);
  watch.set(at("d/e/f"));
  mkdirSync(join(root, "d/e"), { recursive: true });
  t.same(await told(), ["d"], "a directory on the way");
  watch.set(at("d/e/f"));
  save("d/e/f");
  t.same(await told(), ["d/e/f"]);
  rmSync(join(root, "d"), { recursive: true });
  await told();
  mkdirSync(join(root, "d/e"), { recursive: true });
  watch.set(at("d/e/f"));
  save("d/e/f");
  t.ok((await told()).includes("d/e/f"), "also when it was made anew");
});

t.test("beside what was asked for, hidden names apart", async (t) => {
  const { watch, at, save, told } = world(t);
  watch.set(at("a"), { beside: true });
  save(".hidden");
  save("other");
  t.same(await told(), ["other"]);
  watch.set(at("a"));
  save("other");
  save("a");
  t.same(await told(), ["a"], "and not for ever");
});

t.test("whether something is new to the watch", async (t) => {
  const { watch, at } = world(t);
  t.equal(watch.set(at("a")), true);
  t.equal(watch.set(at("a")), false);
  t.equal(watch.set(at("a", "b")), true);
  t.equal(watch.set(at("b")), false);
  t.equal(watch.set(at("a", "b")), true, "what was let go of meanwhile is new again");
});
