// FS-13 and FS-17 while a run's directory is removed: a thread swaps its directories and files for links to a canary, or
// makes new ones, as fast as it can. All of the tree goes, and nothing that a link leads to.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { makeFileTrees } from "../../runtime/adapters/system/file-tree.ts";
import { removeTree } from "../../runtime/adapters/system/file-tree-remove.ts";
import { openedTree } from "../support/opened-tree.ts";
import { startMaker } from "./maker.ts";
import { makeOutside } from "./outside.ts";
import { type Place, placeAt, startSwapper } from "./swapper.ts";

const enough = 10_000;
/** Far more than it takes: only so that a test which gets nowhere ends. */
const withinMs = 100_000;
const runId = `run_${"e".repeat(32)}`;

function world(t: Test) {
  const { name: base } = tmp.dirSync({ prefix: "mayfly-removal-", keep: true });
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const directory = join(base, "runs");
  return { base, directory, own: join(directory, runId), outside: makeOutside(join(base, "outside")) };
}

/** A dozen places in the tree, directories and files by turns, some of them below others. */
function placesIn(own: string): Place[] {
  const names = ["a", "b", "c", "d"].flatMap((name) => [name, `${name}/deep`, `${name}/deep/file`]);
  return names.map((name) => placeAt(join(own, name)));
}

/** Fills the tree; the link of each place comes last, so that nothing is made through it. */
function furnish(own: string, outside: string): void {
  const building = `${own}.building`;
  for (const name of ["a", "b", "c", "d"]) {
    mkdirSync(join(building, name, "deep"), { recursive: true });
    for (const file of ["deep/file", "deep/canary.txt", "canary.txt"]) writeFileSync(join(building, name, file), "own");
    symlinkSync(join(outside, "canary.txt"), join(building, name, "deep/file.trap"));
    symlinkSync(outside, join(building, name, "deep.trap"));
    symlinkSync(outside, join(building, `${name}.trap`));
  }
  for (const name of readdirSync(building)) renameSync(join(building, name), join(own, name));
  rmdirSync(building);
}

t.test("[FS-13] [FS-17] ten thousand swaps for a link while trees are removed: no escape", async (t) => {
  const { directory, own, outside } = world(t);
  const trees = makeFileTrees({ directory });
  const swapper = await startSwapper(t, placesIn(own));
  const startedMs = performance.now();
  let swaps = 0;
  let removals = 0;
  let names = 0;
  while ((swaps < enough || names < enough) && performance.now() - startedMs < withinMs) {
    await swapper.pause();
    const tree = await openedTree(trees, runId);
    furnish(own, outside.directory);
    swapper.resume();
    const before = swapper.swaps();
    const gone = await tree.destroy();
    swaps += swapper.swaps() - before;
    removals += 1;
    names += 36;
    if (!gone || existsSync(own)) t.fail(`the tree of removal ${removals} is still there`);
  }
  t.comment(`${removals} removals of 36 names each, ${swaps} swaps while they were under way`);
  t.ok(swaps >= enough && names >= enough, `${swaps} swaps, ${names} names`);
  t.strictSame(outside.touched(), []);
});

t.test("[FS-13] [FS-18] ten thousand swaps of the whole directory for a link while it is removed", async (t) => {
  const { directory, own, outside } = world(t);
  const trees = makeFileTrees({ directory });
  const swapper = await startSwapper(t, [placeAt(own)]);
  const startedMs = performance.now();
  let swaps = 0;
  while (swaps < enough && performance.now() - startedMs < withinMs) {
    await swapper.pause();
    const tree = await openedTree(trees, runId);
    for (let index = 0; index < 100; index += 1) writeFileSync(join(own, `f${index}`), "");
    symlinkSync(outside.directory, `${own}.trap`);
    swapper.resume();
    const before = swapper.swaps();
    const gone = await tree.destroy();
    swaps += swapper.swaps() - before;
    await swapper.pause();
    if (!gone) t.fail("not removed");
    for (const name of readdirSync(directory)) {
      // The link may have been elsewhere in the very moment; the run's directory may not.
      if (lstatSync(join(directory, name)).isSymbolicLink()) unlinkSync(join(directory, name));
      else t.fail(`${name} is left`);
    }
  }
  t.ok(swaps >= enough, `${swaps} swaps`);
  t.strictSame(outside.touched(), []);
});

t.test("[FS-13] the same race leads whoever removes by string to the outside", async (t) => {
  const { directory, own, outside } = world(t);
  mkdirSync(own, { recursive: true });
  await startSwapper(t, placesIn(own));
  const startedMs = performance.now();
  while (outside.touched().length === 0 && performance.now() - startedMs < withinMs) {
    furnishQuietly(own, outside.directory);
    removeByString(own);
    mkdirSync(own, { recursive: true });
  }
  t.not(outside.touched().length, 0, "it removed the canary");
  t.ok(existsSync(directory));
});

function furnishQuietly(own: string, outside: string): void {
  rmSync(`${own}.building`, { recursive: true, force: true });
  try {
    furnish(own, outside);
  } catch {
    // what the remover left behind is in the way: it is raced for all the same
  }
}

/** Looks, and then acts on the string. */
function removeByString(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) {
      for (const name of readdirSync(path)) removeByString(join(path, name));
      rmdirSync(path);
    } else unlinkSync(path);
  } catch {
    // it was swapped in between
  }
}

t.test("[FS-17] files that are made while the directory is removed go with it", async (t) => {
  const { directory, own } = world(t);
  const trees = makeFileTrees({ directory });
  const maker = await startMaker(own, 20_000);
  const tree = await openedTree(trees, runId);
  await maker.made(100);
  t.ok(await tree.destroy());
  t.notOk(existsSync(own));
  t.ok(maker.count() > 100, `${maker.count()} were made`);
  await maker.stop();
});

t.test("whoever makes files faster than they go is not waited for", async (t) => {
  const { directory, own } = world(t);
  mkdirSync(own, { recursive: true });
  for (let index = 0; index < 300; index += 1) writeFileSync(join(own, `f${index}`), "");
  t.equal(await removeTree(directory, runId, { triesMax: 200 }), false, "at its bound it says that it isn't done");
  t.ok(readdirSync(own).length > 0);
  t.equal(await removeTree(directory, runId, { triesMax: 200 }), true, "and a later try has less to do");
});
