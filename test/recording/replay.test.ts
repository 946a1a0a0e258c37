// Runs that are recorded and played again, in real executors: with bodies that stream both ways, files, a revealed
// credential, timers, chance, time and calls side by side. Played again, nothing is there that was there then, and the result
// and the log lines are the same, byte for byte; each thing that makes it so has a twin in which it is taken away.
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { Recording } from "../../runtime/core/recording/recording.ts";
import { play, recordingOf } from "../support/replays.ts";
import { openRuns } from "../support/runs.ts";

const MiB = 1_048_576;

interface Origin {
  host: string;
  rule: string;
  requests: number;
  close(): void;
}

/**
 * /a answers when /b has been asked for, and after it: what is asked first is answered last. /stream sends in pieces, /up
 * says what it was sent, /echo its Authorization, /late ends in the middle.
 */
async function origin(t: Test): Promise<Origin> {
  let answerA: (() => void) | undefined;
  let wasAskedB = false;
  const meet = () => {
    if (answerA === undefined || !wasAskedB) return;
    setTimeout(answerA, 20);
    answerA = undefined;
    wasAskedB = false;
  };
  const handlers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    "/a": (_, response) => {
      answerA = () => response.end("answer a");
      meet();
    },
    "/b": (_, response) => {
      wasAskedB = true;
      response.end("answer b");
      meet();
    },
    "/stream": async (_, response) => {
      for (let n = 0; n < 5; n += 1) {
        response.write(Buffer.alloc(100_000 * (n + 1), `${n}`));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      response.end();
    },
    "/up": async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      response.end(String(bytes));
    },
    "/echo": (request, response) =>
      response.end(JSON.stringify({ you: request.headers.authorization, at: Date.now() })),
    "/late": (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    },
  };
  const server = createServer((request, response) => {
    found.requests += 1;
    handlers[request.url ?? ""]?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  t.teardown(close);
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const found: Origin = { host, rule: `GET,POST http://${host}/*`, requests: 0, close };
  return found;
}

const everything = `
  const lines = []; const say = (...words) => { lines.push(words.join(" ")); c.log.info(words.join(" ")); };
  const url = (path) => "http://" + c.input.host + path;
  say("top", topTime, topRandom, topFormat, new Date(topTime).toISOString());
  say("now", Date.now(), new Date().toISOString(), new Intl.DateTimeFormat("en", { timeStyle: "medium" }).format());
  say("chance", Math.random(), Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(5))]);

  const order = [];
  const [a, b, text] = await Promise.all([
    fetch(url("/a")).then((r) => r.text()).finally(() => order.push("a")),
    fetch(url("/b")).then((r) => r.text()).finally(() => order.push("b")),
    c.files.readText("/data/in.txt").finally(() => order.push("file")),
  ]);
  say("side by side", order, a, b, text);

  const sizes = [];
  for await (const piece of (await fetch(url("/stream"))).body) sizes.push([piece.length, piece[0], Date.now()]);
  say("down", JSON.stringify(sizes));
  let left = 5;
  const body = new ReadableStream({ pull(s) { if (left-- > 0) s.enqueue(new Uint8Array(130_000).fill(left)); else s.close(); } });
  say("up", await (await fetch(url("/up"), { method: "POST", body, duplex: "half" })).text());
  say("up again", await (await fetch(url("/up"), { method: "POST", body: new Uint8Array(300_000) })).text());
  say("late", await fetch(url("/late")).then((r) => r.text()).catch((e) => e.code));

  const fired = []; let ticks = 0;
  const every = setInterval(() => { ticks += 1; fired.push("every"); if (ticks === 3) clearInterval(every); }, 10);
  setTimeout(() => fired.push("fifteen"), 15); setTimeout(() => fired.push("never"), 50_000);
  const before = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 60));
  say("timers", fired, Date.now() - before);

  await c.files.write("/output/a.txt", "first " + Math.random()); await c.files.append("/output/a.txt", new Uint8Array([10]));
  await c.files.mkdir("/output/deep"); await c.files.write("/output/deep/empty", "");
  say("files", JSON.stringify(await c.files.list("/output")), JSON.stringify(await c.files.stat("/output/a.txt")));
  say("refused", await c.files.read("/nowhere").catch((e) => e.code), await fetch("http://elsewhere.example/").catch((e) => e.code));

  const token = await c.credential.fetch();
  const echo = await (await fetch(url("/echo"), { headers: { authorization: "Bearer " + token } })).json();
  say("credential", token.length, echo.you === "Bearer " + token, echo.at, btoa(token).length);
  await fetch(url("/echo"), { headers: { authorization: "Basic " + btoa("me:" + token) } });
  return { lines, run: c.run, input: c.input, token };
`;
const top = `
  const topTime = Date.now(), topRandom = Math.random(), topFormat = new Intl.DateTimeFormat("en").formatToParts().length;
  let topTimer = false; setTimeout(() => { topTimer = true; }, 1);
`;
/** A module, since its top level counts too. */
const module = `import { defineJob } from "mayfly";\n${top}\nexport default defineJob(async (c) => {${everything}});\n`;

async function world(t: Test) {
  const at = await origin(t);
  const data = t.testdir({ "in.txt": "from the mount" });
  const runs = await openRuns({
    everything: { module, network: [at.rule], mounts: { "/data": data }, credential: true, record: 16 * MiB },
    plain: { module, network: [at.rule], mounts: { "/data": data }, credential: true },
  });
  return { at, data, runs };
}

t.test("a run that is played again is the same, though nothing is there that was there then", async (t) => {
  const { at, data, runs } = await world(t);
  const record = await runs.run("everything", { host: at.host });
  t.match(record, { state: "succeeded", recording: { cut: null } });
  const recording = await recordingOf(runs, record);
  const { requests } = at;
  t.equal(requests, 8);
  at.close();
  rmSync(join(data, "in.txt"));

  const minted = runs.issuer.minted.length;
  for (const time of ["once", "and again"]) {
    const played = await play(runs, recording);
    t.match(played, { verdict: "same", divergence: null, result: { same: true }, logs: { same: true } }, time);
    t.same(played.ending.replayed, { state: "succeeded", error: null });
    t.equal(played.calls.matched, played.calls.recorded);
    t.same(
      played.lines.map(({ text }) => text),
      await runs.logs(record),
      "line by line",
    );
  }
  t.equal(at.requests, requests, "no server was asked");
  t.equal(runs.issuer.minted.length, minted, "and no issuer");

  // The twins: without what was kept, none of it can come out the same.
  const changed = async (about: Partial<Recording["about"]>) =>
    (await play(runs, { ...recording, about: { ...recording.about, ...about } })).verdict;
  t.equal(await changed({ seed: "00".repeat(32) }), "diverged", "another seed");
  t.equal(await changed({ nowMs: recording.about.nowMs + 1 }), "diverged", "another time");
  t.equal((await play(runs, { ...recording, input: JSON.stringify({ host: "127.0.0.1:1" }) })).verdict, "diverged");
  t.equal((await play(runs, { ...recording, given: aFirst(recording) })).verdict, "diverged", "another order");
  await runs.end(t);
});

/** As if /a had been answered before /b. */
function aFirst({ calls, given }: Recording): Recording["given"] {
  const [a, b] = ["/a", "/b"].map(
    (path) => calls.find(({ op, args }) => op === "http.request" && (args as { url: string }).url.endsWith(path))?.id,
  );
  const idOf = (each: Recording["given"][number]) => (each.type === "signal" ? undefined : each.id);
  const ofA = given.filter((each) => idOf(each) === a);
  const sorted = [...ofA, ...given.filter((each) => idOf(each) === b)];
  return given.map((each) => (sorted.includes(each) || [a, b].includes(idOf(each)) ? (sorted.shift() ?? each) : each));
}

t.test("a job whose config asks for no recording: none is made, and its time and chance are its own", async (t) => {
  const { at, runs } = await world(t);
  const record = await runs.run("plain", { host: at.host });
  t.equal(record.state, "succeeded");
  t.notOk("recording" in record);
  await t.rejects(recordingOf(runs, record), { code: "recording_unknown" });
  const busy = { body: "const a = Date.now(); while (Date.now() === a); return 'time goes on';" };
  await runs.end(t);
  const own = await openRuns({ busy, recorded: { ...busy, record: MiB, limits: { cpuMs: 1_000 } } });
  t.equal((await own.run("busy")).result, "time goes on");
  const still = await own.run("recorded");
  t.match(still, { state: "limit", error: { code: "cpu" } }, "while a recorded run computes, its time stands still");
  t.match(await play(own, await recordingOf(own, still)), {
    verdict: "same",
    ending: { replayed: { error: { code: "cpu" } } },
  });
  await own.end(t);
});

t.test("runs that end by themselves, by a limit, by their deadline, by a hand: played again they end so", async (t) => {
  const jobs = {
    throws: "await c.files.stat('/output'); throw new TypeError('no ' + Math.random());",
    shape: "return { when: undefined, f: () => {} };",
    calls: "for (let n = 0; ; n += 1) await c.files.stat('/' + n);",
    logs: "for (;;) c.log.info('line');",
    output: "return 'x'.repeat(200_000);",
    timeout:
      "let n = 0; for (;;) { await new Promise((f) => setTimeout(f, 20)); n += 1; c.log.info(n, c.signal.aborted); }",
    killed: "c.log.info('here'); await c.files.stat('/output'); await new Promise(() => {});",
    signal:
      "const from = Date.now(); await new Promise((f) => c.signal.addEventListener('abort', f)); return Date.now() - from;",
  };
  const limits = { logBytes: 10_000, resultBytes: 100_000, wallMs: 3_000 };
  const limitsOf = (name: string) => (name === "calls" ? { ...limits, calls: 50 } : limits);
  const runs = await openRuns(
    Object.fromEntries(
      Object.entries(jobs).map(([name, body]) => [name, { body, limits: limitsOf(name), record: 4 * MiB }]),
    ),
  );
  const ends: Record<string, string> = {
    throws: "job_threw",
    shape: "job_shape",
    killed: "killed",
    signal: "undefined",
  };
  for (const job of Object.keys(jobs)) {
    const started = await runs.start(job);
    if (job === "killed") {
      await runs.event((event) => event.type === "log" && event.runId === started.id);
      runs.runtime.scheduler.kill(started.id, "by hand");
    }
    const record = await started.done;
    t.equal(String(record.error?.code), ends[job] ?? job, job);
    const played = await play(runs, await recordingOf(runs, record));
    t.match(played, { verdict: "same", result: { same: true }, logs: { same: true } }, job);
    const isOwn = !["timeout", "killed"].includes(job);
    t.equal(played.ending.replayed === null, !isOwn, "what came from outside is where the recording ends");
  }
  await runs.end(t);
});

t.test("what an executor computes for its guest, and calls that it refuses itself, take their turn", async (t) => {
  const body = `const order = [];
    const large = c.files.write("/output/" + "x".repeat(300_000), "").catch((e) => order.push(e.code));
    const files = Array.from({ length: 20 }, (_, n) => c.files.stat("/" + n).then(() => order.push(n)));
    await Promise.all([large, ...files]); return order;`;
  const runs = await openRuns({ refused: { body, record: MiB } });
  const record = await runs.run("refused");
  t.match(record, { state: "succeeded" });
  t.ok((record.result as unknown[]).includes("call_invalid"));
  const recording = await recordingOf(runs, record);
  t.ok(
    recording.calls.some(({ op }) => op === "turn"),
    "its place among the answers is recorded",
  );
  t.match(await play(runs, recording), { verdict: "same" });
  await runs.end(t);
});

t.test("a job whose recording is played while another is recorded: neither hears of the other", async (t) => {
  const { at, runs } = await world(t);
  const record = await runs.run("everything", { host: at.host });
  const recording = await recordingOf(runs, record);
  const [other, played] = await Promise.all([runs.run("everything", { host: at.host }), play(runs, recording)]);
  t.match(played, { verdict: "same" });
  t.notSame((other.result as { lines: string[] }).lines, (record.result as { lines: string[] }).lines);
  t.match(await play(runs, await recordingOf(runs, other)), { verdict: "same" });
  await runs.end(t);
});

t.test("a recording that can't be kept costs the recording, and not the run", async (t) => {
  const runs = await openRuns({ job: { body: "return (await c.files.stat('/output')).kind;", record: MiB } });
  writeFileSync(join(runs.runtime.state.path, "recordings"), "a file stands in the way");
  t.match(await runs.run("job"), {
    state: "succeeded",
    result: "directory",
    recording: { bytes: 0, cut: "it could not be begun" },
  });
  rmSync(join(runs.runtime.state.path, "recordings"));
  const record = await runs.run("job");
  t.match(record, { state: "succeeded", recording: { cut: null } }, "the twin");
  t.match(await play(runs, await recordingOf(runs, record)), { verdict: "same" });
  await runs.end(t);
});
