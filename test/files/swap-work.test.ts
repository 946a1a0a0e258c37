// FS-13 while a job works: a thread swaps the job's file and its directory for links to a canary, ten thousand times and
// more, while the job reads, writes, lists and removes there ten thousand times and more, and while its end cleans up.
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { openRuns } from "../support/runs.ts";
import { makeOutside, type Outside } from "./outside.ts";
import { placeAt, startSwapper } from "./swapper.ts";

const enough = 10_000;
/** Far more than it takes: only so that a test which gets nowhere ends. */
const withinMs = 100_000;

function world() {
  const { name: base, removeCallback } = tmp.dirSync({ prefix: "mayfly-swap-", unsafeCleanup: true });
  return { base, removeCallback, outside: makeOutside(join(base, "outside")) };
}

// Each round tries every operation on the file, in the directory and on the directory; what was read is kept.
const body = `
  const outcomes = {}, texts = {};
  let tries = 0;
  const attempt = async (name, work) => {
    tries += 1;
    const outcome = await work().then((v) => { if (typeof v === "string") texts[v.slice(0, 80)] = 1; return "done"; }, (e) => String(e.code));
    outcomes[name + " " + outcome] = (outcomes[name + " " + outcome] ?? 0) + 1;
  };
  await c.files.write("/f", "inside");
  await c.files.write("/d/canary.txt", "inside");
  c.log.info("ready");
  while (tries < ${enough} || (await c.files.stat("/signs/enough")) === null) {
    await Promise.all([
      attempt("read", () => c.files.readText("/f")),
      attempt("read", () => c.files.readText("/d/canary.txt")),
      attempt("read", () => c.files.readText("/d/sub/canary.txt")),
      attempt("write", () => c.files.write("/f", "inside")),
      attempt("append", () => c.files.append("/f", "+")),
      attempt("write", () => c.files.write("/d/canary.txt", "inside")),
      attempt("append", () => c.files.append("/d/new", "+")),
      attempt("remove", () => c.files.remove("/d/new")),
      attempt("mkdir", () => c.files.mkdir("/d/made")),
      attempt("remove", () => c.files.remove("/d/made")),
      attempt("stat", async () => JSON.stringify((await c.files.stat("/d/canary.txt"))?.kind ?? null)),
      attempt("list", async () => (await c.files.list("/d")).map(({ name }) => name).join()),
    ]);
  }
  return { tries, outcomes, texts: Object.keys(texts) };
`;

interface Seen {
  tries: number;
  outcomes: Record<string, number>;
  texts: string[];
}

t.test("[FS-13] ten thousand swaps for a link while a job works and its end cleans up: no escape", async (t) => {
  const { base, removeCallback, outside } = world();
  const signs = tmp.dirSync({ tmpdir: base }).name;
  const limits = { wallMs: withinMs, cpuMs: 60_000 };
  const runs = await openRuns({ job: { body, mounts: { "/signs": signs }, limits } });
  const { id, done } = await runs.start("job");
  await runs.event((event) => event.runId === id && event.type === "log");
  const own = join(runs.runtime.state.path, "runs", id);
  const places = [placeAt(join(own, "d")), placeAt(join(own, "f"))];
  symlinkSync(outside.directory, `${places[0]?.trap}`);
  symlinkSync(outside.file, `${places[1]?.trap}`);
  const swapper = await startSwapper(t, places);
  const watching = setInterval(() => {
    if (swapper.swaps() >= enough) writeFileSync(join(signs, "enough"), "");
  }, 20);
  const record = await done;
  clearInterval(watching);
  await swapper.stop();

  t.equal(record.state, "succeeded", JSON.stringify(record.error));
  const { tries, outcomes, texts } = record.result as unknown as Seen;
  t.ok(tries >= enough && swapper.swaps() >= enough, `${tries} operations, ${swapper.swaps()} swaps`);
  t.comment(`${tries} operations against ${swapper.swaps()} swaps`, outcomes);
  for (const name of ["read", "write", "append", "list", "remove", "stat"]) {
    t.ok(outcomes[`${name} symlink`], `${name} met the link`);
    t.ok(outcomes[`${name} done`], `${name} met the real thing`);
  }
  t.notOk(
    texts.some((text) => text.includes("canary-")),
    "the canary was never read",
  );
  t.notOk(
    texts.some((text) => text.includes("sub")),
    "the outside was never listed",
  );
  t.strictSame(outside.touched(), []);
  t.ok(
    record.denials.some(({ code, target }) => code === "symlink" && /^\/[df]/.test(target)),
    "a link is a refusal on record",
  );
  t.equal(record.teardown.directory, "confirmed", "and the directory is gone");
  await runs.end(t);
  removeCallback();
});

t.test("[FS-13] the same race catches whoever looks at a path first and opens the string afterwards", async (t) => {
  const { base, removeCallback, outside } = world();
  const place = placeAt(join(base, "f"));
  writeFileSync(place.real, "inside");
  symlinkSync(outside.file, place.trap);
  await startSwapper(t, [place]);
  const caught = await untilCaught(() => naiveRead(place.real), outside);
  t.ok(caught, "the canary was read by it");
  t.not(outside.touched().length, 0, "and the eye on the outside saw it");
  removeCallback();
});

async function naiveRead(path: string): Promise<string> {
  const { lstat, readFile } = await import("node:fs/promises");
  if ((await lstat(path)).isSymbolicLink()) return "";
  return readFile(path, "utf8");
}

async function untilCaught(read: () => Promise<string>, { canary }: Outside): Promise<boolean> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinMs) if ((await read().catch(() => "")) === canary) return true;
  return false;
}

t.test("[FS-04] a link that takes an output's place when the job has ended is not collected", async (t) => {
  const { base, removeCallback, outside } = world();
  const signs = tmp.dirSync({ tmpdir: base }).name;
  const job = `
    await c.files.write("/output/report", "inside");
    c.log.info("written");
    while ((await c.files.stat("/signs/go")) === null);
  `;
  const runs = await openRuns({ job: { body: job, mounts: { "/signs": signs } } });
  const { id, done } = await runs.start("job");
  await runs.event((event) => event.runId === id && event.type === "log");
  const { renameSync } = await import("node:fs");
  const report = join(runs.runtime.state.path, "runs", id, "output/report");
  symlinkSync(outside.file, `${report}.trap`);
  renameSync(`${report}.trap`, report);
  writeFileSync(join(signs, "go"), "");
  const record = await done;
  t.match(record, { state: "failed", outputs: [], teardown: { directory: "confirmed" } });
  t.match(record.error?.message, /a symbolic link is not followed/);
  t.strictSame(outside.touched(), []);
  t.equal(readFileSync(outside.file, "utf8"), outside.canary);
  await runs.end(t);
  removeCallback();
});
