// A revealed credential in a recorded run, wherever a job may put it and a server may send it back: nowhere in the decrypted
// recording, in any form; and the replay, in which a placeholder stands for it, comes to the same. Each job runs a second time
// with a guard that looks for something else: then the oracle must find it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import t, { type Test } from "tap";
import { encodeEvent, eventToLine } from "../../runtime/protocol/recording.ts";
import { canaryForms, fileSinks, findCanary, makeCanary } from "../../runtime/testkit/canary.ts";
import { eventsOf, play, recordingOf } from "../support/replays.ts";
import { type JobUnderTest, openRuns, type Runs } from "../support/runs.ts";

const MiB = 1_048_576;

/** Sends back what it was sent: in its head, raw, in Base64, in hex, and cut into pieces. */
async function echo(t: Test): Promise<string> {
  const server = createServer(async (request, response) => {
    const sent: Buffer[] = [];
    for await (const chunk of request) sent.push(chunk as Buffer);
    const { authorization = "" } = request.headers;
    response.setHeader("x-echo", authorization);
    if (request.url === "/gzip") return void response.end(gzipSync(authorization));
    const all = JSON.stringify({
      authorization,
      base64: Buffer.from(authorization).toString("base64"),
      hex: Buffer.from(authorization).toString("hex"),
      body: Buffer.concat(sent).toString("latin1").slice(0, 200),
    });
    for (let at = 0; at < all.length; at += 11) {
      response.write(all.slice(at, at + 11));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const everywhere = `
  const s = await c.credential.fetch(); const url = c.input;
  const get = async (path, headers = {}) => (await fetch(url + path, { headers })).text();
  const answers = [
    await get("/", { authorization: "Bearer " + s }), await get("/", { authorization: "Basic " + btoa("me:" + s) }),
    await get("/?token=" + s), await get("/" + encodeURIComponent(s) + "/x"), await get("/", { ["x-" + s.slice(0, 20)]: "1" }),
  ];
  const post = async (body) => (await fetch(url + "/", { method: "POST", body, duplex: "half", headers: { authorization: s } })).text();
  answers.push(await post(s), await post(JSON.stringify({ deep: [s] })), await post(new URLSearchParams({ s })));
  const large = new Uint8Array(300_000).fill(46); large.set(new TextEncoder().encode(s), 262_130);
  answers.push(await post(large), await post([...s].map((x) => x.charCodeAt(0)).join(",")));
  await c.files.write("/output/a", "token=" + s); answers.push(await c.files.readText("/output/a"));
  await c.files.append("/output/b", Uint8Array.from(s.split(""), (x) => x.charCodeAt(0))).catch(() => {});
  answers.push(await c.files.read("/" + s).catch((e) => e.code), await c.files.list("/output/" + s).catch((e) => e.message));
  c.log.info(s, btoa(s)); c.log.info(s.slice(0, 20)); c.log.info(s.slice(20));
  const echoed = JSON.parse(answers[0]).authorization;
  return { same: echoed === "Bearer " + s, length: s.length, s, count: answers.length };
`;

async function bothWays(
  secret: string,
  jobs: Record<string, JobUnderTest>,
  work: (runs: Runs, isGuarded: boolean) => Promise<void>,
  t: Test,
) {
  for (const isGuarded of [true, false]) {
    const issuer = { secrets: [secret, secret], ...(isGuarded ? {} : { parts: [makeCanary()] }) };
    const runs = await openRuns(jobs, { issuer });
    await work(runs, isGuarded);
    await runs.end(t);
  }
}

/** All that is in it, as it is kept and as it is exported. */
async function sinksOf(runs: Runs, run: { id: string }) {
  const { events } = await eventsOf(runs, run);
  return {
    frames: Buffer.concat(events.map((each) => encodeEvent(each) ?? Buffer.alloc(0))),
    lines: events.map(eventToLine).join("\n"),
    ...Object.fromEntries(events.map(({ bytes }, index) => [`content ${index}`, bytes])),
    ...fileSinks(runs.runtime.state.directory("recordings")),
  };
}

t.test(
  "[CRED-10] a revealed credential is in no event of its run's recording, and the replay is the same",
  async (t) => {
    const url = await echo(t);
    const secret = makeCanary();
    const job = { body: everywhere, network: [`GET,POST ${url}/*`], credential: true, record: 16 * MiB };
    await bothWays(
      secret,
      { everywhere: job },
      async (runs, isGuarded) => {
        const record = await runs.run("everywhere", url);
        t.match(record, {
          state: "succeeded",
          result: { same: true, length: secret.length, count: 13 },
          recording: { cut: null },
        });
        const found = findCanary(secret, await sinksOf(runs, record));
        if (!isGuarded) return void t.ok(found.length > 3, "the twin has it");
        t.same(found, []);
        const recording = await recordingOf(runs, record);
        const [placeholder = ""] = recording.placeholders;
        t.match(placeholder, /^[a-z]{6}-[a-z0-9]{32}$/, "of the same form");
        t.not(placeholder, secret);
        const played = await play(runs, recording);
        t.match(played, { verdict: "same", result: { same: true }, logs: { same: true }, divergence: null });
        t.same(findCanary(secret, { report: JSON.stringify(played) }), []);
        t.match(
          await play(runs, { ...recording, placeholders: [] }),
          { verdict: "diverged" },
          "a replay that doesn't know the placeholder takes it for the job's own words",
        );
      },
      t,
    );
  },
);

t.test("each form of it, from a file that the job reads", async (t) => {
  const secret = makeCanary();
  const forms = canaryForms(secret).map(([, needle]) => needle);
  const data = t.testdir({ "forms.json": JSON.stringify(forms) });
  const body = `await c.credential.fetch(); const text = await c.files.readText("/data/forms.json");
    for (const form of JSON.parse(text)) await c.files.stat("/x" + form.length).catch(() => {}); return text.length > 0;`;
  await bothWays(
    secret,
    { forms: { body, credential: true, mounts: { "/data": data }, record: MiB } },
    async (runs, isGuarded) => {
      const record = await runs.run("forms");
      const found = findCanary(secret, await sinksOf(runs, record));
      if (isGuarded) t.same(found, []);
      else t.ok(new Set(found.map(({ form }) => form)).size >= 8, "the twin has all of them");
    },
    t,
  );
});

t.test(
  "what can't be taken out cuts the recording before it: compressed, too short to look for, across values",
  async (t) => {
    const url = await echo(t);
    const secret = makeCanary();
    const network = [`GET ${url}/*`];
    const jobs: Record<string, JobUnderTest> = {
      gzip: {
        body: `const s = await c.credential.fetch(); await c.files.stat("/output");
        return (await (await fetch(c.input + "/gzip", { headers: { authorization: s } })).bytes()).length > 20;`,
        ...{ network, credential: true, record: MiB },
      },
    };
    await bothWays(
      secret,
      jobs,
      async (runs, isGuarded) => {
        const record = await runs.run("gzip", url);
        t.match(record, { state: "succeeded", result: true });
        const found = findCanary(secret, await sinksOf(runs, record));
        if (!isGuarded)
          return void t.ok(
            found.some(({ form }) => form.includes("in gzip")),
            "the twin has it, compressed",
          );
        t.match(record.recording?.cut, /it would have held a credential \(raw, in gzip\)/);
        t.same(found, []);
        const recording = await recordingOf(runs, record);
        t.ok(
          recording.calls.some(({ op }) => op === "http.request"),
          "what is before is kept",
        );
      },
      t,
    );
    const short = await openRuns(
      {
        short: {
          body: "await c.files.stat('/output'); return (await c.credential.fetch()).length;",
          credential: true,
          record: MiB,
        },
      },
      { issuer: { secrets: ["tiny-1"] } },
    );
    const record = await short.run("short");
    t.match(record, {
      state: "succeeded",
      recording: { cut: "it would have held a credential that can't be looked for" },
    });
    t.notOk(JSON.stringify((await eventsOf(short, record)).events.map(eventToLine)).includes("tiny-1"));
    await short.end(t);
    const many = await openRuns(
      {
        many: {
          body: "await c.credential.fetch(); return [...await c.files.read('/data/s')].length;",
          credential: true,
          record: MiB,
          mounts: { "/data": t.testdir({ s: secret }) },
        },
      },
      { issuer: { secrets: [secret] } },
    );
    const kept = await many.run("many");
    t.match(kept, { recording: { cut: null } });
    t.same(findCanary(secret, await sinksOf(many, kept)), [], "a file that holds it is kept with the placeholder");
    await many.end(t);
  },
);

t.test("a sealed credential was never given, and its replay needs none", async (t) => {
  const url = await echo(t);
  const secret = makeCanary();
  const host = url.replace("http://", "");
  const sealed = { place: { header: "authorization" }, hosts: [host], requests: null, perRequest: 1 };
  const body = `const s = await c.credential.fetch();
    const answer = await (await fetch(c.input + "/", { headers: { authorization: "Bearer " + s } })).json();
    return answer.authorization === "Bearer " + s;`;
  const runs = await openRuns(
    { sealed: { body, network: [`GET ${url}/*`], credential: { delivery: "sealed", sealed }, record: MiB } },
    { issuer: { secrets: [secret] } },
  );
  const record = await runs.run("sealed", url);
  t.match(record, { state: "succeeded", result: true, recording: { cut: null } });
  t.same(findCanary(secret, await sinksOf(runs, record)), []);
  t.match(await play(runs, await recordingOf(runs, record)), { verdict: "same" });
  await runs.end(t);
});
