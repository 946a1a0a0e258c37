// A job that was edited since its run was recorded, played against the recording: the first call that isn't in it is named,
// with the author's own line; what comes later and matches is answered all the same.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import t, { type Test } from "tap";
import type { Recording } from "../../runtime/core/recording/recording.ts";
import { type Played, play, recordingOf } from "../support/replays.ts";
import { openRuns, type Runs } from "../support/runs.ts";

const MiB = 1_048_576;

async function server(t: Test): Promise<string> {
  const at = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end(`${request.method} ${request.url} ${body.length}`);
  });
  await new Promise<void>((resolve) => at.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    at.closeAllConnections();
    at.close();
  });
  return `http://127.0.0.1:${(at.address() as AddressInfo).port}`;
}

/** Records this body, and plays others against it. */
async function recorded(t: Test, body: string): Promise<{ runs: Runs; with: (other: string) => Promise<Played> }> {
  const url = await server(t);
  const limits = { cpuMs: 2_000 };
  const runs = await openRuns({ job: { body, network: [`GET,POST ${url}/*`], limits, record: MiB } });
  const record = await runs.run("job", url);
  t.match(record, { state: "succeeded", recording: { cut: null } });
  const recording: Recording = await recordingOf(runs, record);
  t.match(await play(runs, recording), { verdict: "same" });
  return { runs, with: (other) => play(runs, recording, other) };
}

const get = (path: string) => `await fetch(c.input + "${path}").then((r) => r.text(), (e) => e.code)`;

t.test("a request to another place: named, refused, and the others are answered", async (t) => {
  const { runs, with: played } = await recorded(
    t,
    `const one = ${get("/1")}; const two = ${get("/2")}; const three = ${get("/3")}; return [one, two, three];`,
  );
  const report = await played(
    `const one = ${get("/1")}; const two = ${get("/two")}; const three = ${get("/3")}; return [one, two, three];`,
  );
  t.match(report, {
    verdict: "diverged",
    calls: { recorded: 3, matched: 2 },
    divergences: 2,
    divergence: {
      kind: "not recorded",
      made: { operation: "http.request", target: /^GET http:.*\/two$/ },
      recorded: { operation: "http.request", target: /^GET http:.*\/2$/ },
      differences: [{ path: "/url", recorded: /\/2"$/, replayed: /\/two"$/ }],
      consequence: /failed with replay_diverged/,
    },
    result: { same: false, differences: [{ path: "/1", recorded: /GET \/2/, replayed: '"replay_diverged"' }] },
  });
  await runs.end(t);
});

t.test("calls in another order, side by side, more and fewer timers: no divergence", async (t) => {
  const { runs, with: played } = await recorded(
    t,
    `const one = ${get("/1")}; const two = ${get("/2")}; await new Promise((f) => setTimeout(f, 5)); return [one, two];`,
  );
  const others = [
    `const [two, one] = await Promise.all([fetch(c.input + "/2"), fetch(c.input + "/1")]); return [await one.text(), await two.text()];`,
    `await new Promise((f) => setTimeout(f, 700)); const two = ${get("/2")}; const one = ${get("/1")}; return [one, two];`,
    `let n = 0; const every = setInterval(() => { n += 1; }, 1); const one = ${get("/1")}; const two = ${get("/2")};
      while (n < 5) await new Promise((f) => setTimeout(f, 1)); clearInterval(every); return [one, two];`,
  ];
  for (const other of others) t.match(await played(other), { verdict: "same", divergence: null });
  await runs.end(t);
});

t.test("a call more, a call less, a call twice", async (t) => {
  const { runs, with: played } = await recorded(t, `return [${get("/1")}, ${get("/2")}];`);
  t.match(await played(`const list = [${get("/1")}, ${get("/2")}]; ${get("/3")}; return list;`), {
    verdict: "diverged",
    divergence: { kind: "not recorded", made: { target: /\/3$/ }, recorded: null },
    result: { same: true },
  });
  t.match(await played(`return [${get("/1")}];`), {
    verdict: "diverged",
    divergences: 1,
    divergence: { kind: "not made", made: null, recorded: { target: /\/2$/ }, consequence: "the job ended without it" },
  });
  t.match(await played(`const list = [${get("/1")}, ${get("/2")}]; ${get("/1")}; return list;`), {
    divergence: { kind: "not recorded", made: { target: /\/1$/ } },
  });
  await runs.end(t);
});

t.test("other content: of a file, of a small body, of one that streams", async (t) => {
  const body = (file: string, small: string, large: string) => `
    await c.files.write("/output/a", ${file}).catch((e) => c.log.info(e.code));
    const post = (body) => fetch(c.input + "/post", { method: "POST", body }).then((r) => r.text(), (e) => e.code);
    return [await post(${small}), await post(${large})];`;
  const large = (last: number, bytes = 300_000) => `new Uint8Array(${bytes}).fill(1).fill(${last}, -1)`;
  const { runs, with: played } = await recorded(t, body('"one"', '"small"', large(1)));
  t.match(await played(body('"two"', '"small"', large(1))), {
    verdict: "diverged",
    divergence: { kind: "not recorded", made: { operation: "files.write", body: /^[0-9a-f]{64}$/ }, differences: [] },
    logs: { same: false, first: { line: 1, recorded: null, replayed: "info replay_diverged" } },
    result: { same: true },
  });
  t.match(await played(body('"one"', '"other"', large(1))), {
    divergence: { kind: "not recorded", made: { operation: "http.request" } },
  });
  for (const other of [large(2), large(1, 299_999), large(1, 600_000)])
    t.match(await played(body('"one"', '"small"', other)), {
      verdict: "diverged",
      divergence: { kind: "body", made: { operation: "http.request" }, recorded: { operation: "http.request" } },
      result: { differences: [{ path: "/1", replayed: '"replay_diverged"' }] },
    });
  await runs.end(t);
});

t.test("the same calls and another result, other lines, an error", async (t) => {
  const { runs, with: played } = await recorded(
    t,
    `c.log.info("one"); c.log.warn("two"); return { a: [1, { b: ${get("/1")} }] };`,
  );
  t.match(
    await played(`c.log.info("one"); c.log.error("two"); return { a: [1, { b: (${get("/1")}).length }], c: 3 };`),
    {
      verdict: "diverged",
      divergence: null,
      logs: { same: false, first: { line: 2, recorded: "warn two", replayed: "error two" } },
      result: {
        differences: [
          { path: "/a/1/b", recorded: '"GET /1 0"', replayed: "8" },
          { path: "/c", recorded: null, replayed: "3" },
        ],
      },
    },
  );
  t.match(await played(`c.log.info("one"); c.log.warn("two"); ${get("/1")}; throw new RangeError("broken");`), {
    verdict: "diverged",
    ending: {
      recorded: { state: "succeeded" },
      replayed: { state: "failed", error: { message: "RangeError: broken" } },
    },
  });
  await runs.end(t);
});

t.test("a job that now waits for what was never answered, or for nothing at all: its replay ends", async (t) => {
  const { runs, with: played } = await recorded(
    t,
    `const one = ${get("/1")}; fetch(c.input + "/2").catch(() => {}); return one;`,
  );
  t.match(await played(`const one = ${get("/1")}; ${get("/2")}; return one;`), { verdict: /same|diverged/ });
  t.match(await played(`${get("/1")}; fetch(c.input + "/2").catch(() => {}); await new Promise(() => {});`), {
    verdict: "diverged",
    ending: { replayed: { error: { code: "replay_diverged", message: /waits for something/ } } },
  });
  t.match(await played(`${get("/1")}; for (;;) await new Promise((f) => setTimeout(f, 1_000));`), {
    verdict: "diverged",
    ending: { replayed: { error: { message: /waits for something/ } } },
  });
  await runs.end(t);
});

t.test("a job that does in a replay what the run had no grant for, or what no run may", async (t) => {
  const { runs, with: played } = await recorded(t, `return await c.files.read("/nowhere").catch((e) => e.code);`);
  const hostile = `
    const codes = [];
    const attempt = (work) => work().then(() => codes.push("done"), (e) => codes.push(e.code));
    await attempt(() => c.files.read("/etc/passwd")); await attempt(() => c.files.write("/output/x", "x"));
    await attempt(() => fetch("http://127.0.0.1:1/")); await attempt(() => c.credential.fetch());
    await attempt(() => c.files.list(7)); await attempt(() => c.identity.token("x"));
    return codes;`;
  t.match(await played(hostile), {
    verdict: "diverged",
    ending: { replayed: { state: "succeeded" } },
    result: { differences: [{ replayed: JSON.stringify(new Array(6).fill("replay_diverged")) }] },
  });
  t.match(await played("for (;;);"), { ending: { replayed: { state: "limit", error: { code: "cpu" } } } });
  await runs.end(t);
});
