// Recordings that end before their runs do: at their bound, on a full disk, with their supervisor. The run goes on, its record
// says so, and a replay compares what is there and says that it isn't all.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t from "tap";
import { configOf, eventually, launch, makeProject, mayfly } from "../support/cli.ts";
import { play, recordingOf } from "../support/replays.ts";
import { openRuns, type Runs } from "../support/runs.ts";
import { smallDisk } from "../support/small-disk.ts";

const KiB = 1_024;
const MiB = 1_048_576;

const chatty = `
  for (let n = 0; n < 40; n += 1) {
    await c.files.write("/output/a", new Uint8Array(10_000).fill(n));
    c.log.info(n, (await c.files.read("/output/a"))[0]);
  }
  return "all";`;

/** The one that is kept of a run, as a whole. */
function bytesOf(runs: Runs, { id }: { id: string }): number {
  const directory = join(runs.runtime.state.path, "recordings");
  return statSync(join(directory, readdirSync(directory).find((name) => name.startsWith(id)) ?? "none")).size;
}

t.test("a recording at its bound: cut there, and no byte beyond it", async (t) => {
  const runs = await openRuns({
    whole: { body: chatty, record: MiB },
    cut: { body: chatty, record: 128 * KiB },
  });
  const whole = await runs.run("whole");
  t.match(whole, { state: "succeeded", result: "all", recording: { cut: null } });
  const size = whole.recording?.bytes ?? 0;
  t.ok(size > 400_000 && size <= MiB, `${size} bytes`);

  const record = await runs.run("cut");
  t.match(record, { state: "succeeded", result: "all", recording: { cut: "its bound of 128KiB is reached" } });
  t.ok((record.recording?.bytes ?? 0) <= 128 * KiB);
  t.ok(bytesOf(runs, record) < 160 * KiB, "sealing adds a little");
  const recording = await recordingOf(runs, record);
  t.match(recording, { cut: record.recording?.cut, end: null, isOpen: true });
  const played = await play(runs, recording);
  t.match(played, { verdict: "cut", cut: /bound/, divergence: null, ending: { recorded: null, replayed: null } });
  t.ok(played.calls.matched > 10, "as far as it goes");
  t.match(
    await play(runs, recording, chatty.replace("fill(n)", "fill(n === 3 ? 0 : n)")),
    { verdict: "diverged", divergence: { made: { operation: "files.write" } } },
    "a divergence before the cut is one",
  );
  t.match(await play(runs, await recordingOf(runs, whole)), { verdict: "same" }, "the twin");
  await runs.end(t);
});

t.test("a full disk under the recordings cuts them, and nothing else", async (t) => {
  const disk = smallDisk(t, 256 * KiB);
  if (disk === undefined) return t.plan(0, "no tmpfs can be mounted here");
  const runs = await openRuns({ chatty: { body: chatty, record: 4 * MiB } });
  const place = runs.runtime.state.directory("recordings");
  mkdirSync(place, { recursive: true });
  t.equal(spawnSync("mount", ["--bind", disk.directory, place]).status, 0);
  t.teardown(() => spawnSync("umount", ["-l", place]));
  const record = await runs.run("chatty");
  t.match(record, { state: "succeeded", result: "all", recording: { cut: "the disk or the key refused it" } });
  const recording = await recordingOf(runs, record);
  t.equal(recording.cut, "it ends before its run does", "what was written before is there");
  t.match(await play(runs, recording), { verdict: "cut" });
  spawnSync("umount", ["-l", place]);
  t.match(await runs.run("chatty"), { recording: { cut: null } }, "the twin: with space");
  await runs.end(t);
});

t.test("more than waits for the disk at once: the run isn't held up for it", async (t) => {
  const server = createServer((_, response) => response.end(Buffer.alloc(8 * MiB)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const body = `const sizes = await Promise.all([1, 2, 3].map(() => fetch("${url}/").then((r) => r.bytes()).then((b) => b.length)));
    return sizes;`;
  const limits = { responseBodyBytes: 16 * MiB, memoryBytes: 256 * MiB };
  const runs = await openRuns({ large: { body, network: [`GET ${url}/*`], limits, record: 64 * MiB } });
  const record = await runs.run("large");
  t.match(record, { state: "succeeded", result: [8 * MiB, 8 * MiB, 8 * MiB] });
  if (record.recording?.cut === null) t.match(await play(runs, await recordingOf(runs, record)), { verdict: "same" });
  else t.equal(record.recording?.cut, "it came faster than it could be written");
  await runs.end(t);
});

t.test("the supervisor killed while it records: a cut recording, or none, and nothing else of it", async (t) => {
  const job = `for (let n = 0; n < 20; n += 1) { await files.write("/output/a", "line " + n); log.info("step " + n); }
    log.info("waiting"); while ((await files.stat("/bells/go")) === null) await new Promise((f) => setTimeout(f, 5)); return "never";`;
  const here = await makeProject(t, {
    config: configOf({ steps: 'record: true, files: { mounts: { "/bells": "./bells" } }' }),
    jobs: { steps: job },
  });
  await here.write("bells/none", "");
  const states: string[] = [];
  for (const when of [/accepted .* as (run_\w+)/, /step 0/, /waiting/]) {
    const running = launch(t, here, ["run", "steps"]);
    const [, id = ""] = await running.says(/as (run_[0-9a-f]{32})/);
    await running.says(when);
    const directory = join(here.state, "recordings");
    if (String(when) === "/waiting/")
      await eventually(() => {
        const found = statSync(join(directory, `${id}.unfinished`), { throwIfNoEntry: false });
        return found !== undefined && found.size > 2_000 ? true : undefined;
      });
    running.signal("SIGKILL");
    await running.ended;
    const ended = await mayfly(t, here, ["replay", id, "--json"]);
    states.push(String(ended.code));
    if (ended.code === 1) t.match(JSON.parse(ended.stdout), { verdict: "cut", cut: /ends before/, divergence: null });
    else t.match(ended, { code: 2, stderr: /recording_(?:invalid|unknown)|its run has begun|was not recorded/ });
  }
  t.equal(states.at(-1), "1", "what was written is readable");
  t.match(await mayfly(t, here, ["audit", "verify"]), { code: 0 });
});
