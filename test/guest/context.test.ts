// The job's argument: files, requests to a real server that was granted by name, the credential, the run's own words, and
// the notice before the end.
import { createServer, type IncomingMessage } from "node:http";
import t from "tap";
import { openRuns } from "../support/runs.ts";

interface Seen {
  line: string;
  headers: IncomingMessage["headers"];
  body: string;
}

const seen: Seen[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
  if (request.url === "/v1/never") return; // no answer at all
  if (request.url === "/v1/moved") response.writeHead(302, { location: "/v1/json?from=moved" }).end();
  else if (request.url === "/v1/away") response.writeHead(302, { location: "http://other.example/" }).end();
  else if (request.url === "/v1/none") response.writeHead(204).end();
  else if (request.url === "/v1/missing") response.writeHead(404, "Not There").end("nothing");
  else if (request.url === "/v1/bytes")
    response.writeHead(200, { "x-many": ["a", "b"], "set-cookie": ["c=1", "d=2"] }).end(Buffer.from([0, 255, 128]));
  else
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ echo: body, url: request.url }));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
const base = `http://partner.example:${port}/v1`;
const network = [`GET,POST,HEAD ${base}/*`];

const runs = await openRuns(
  {
    files: {
      body: `
        await c.files.mkdir("/output/deep"); await c.files.write("/output/deep/a.txt", "é"); await c.files.append("/output/deep/a.txt", new Uint8Array([33]));
        await c.files.write("/scratch", new TextEncoder().encode("x").subarray(0, 1));
        const bytes = await c.files.read("/output/deep/a.txt");
        const stat = await c.files.stat("/scratch");
        const before = await c.files.list("/");
        await c.files.remove("/scratch");
        return { bytes: [...bytes], isBytes: bytes instanceof Uint8Array, text: await c.files.readText("/output/deep/a.txt"), stat: { ...stat, modifiedAtMs: Math.abs(stat.modifiedAtMs - Date.now()) < 60_000 },
          before: before.map((entry) => entry.name + " " + entry.kind), after: (await c.files.list("/")).length, gone: await c.files.stat("/scratch"),
          wrong: await c.files.write("/x", 12).catch((e) => e.name), none: await c.files.read("/none").catch((e) => e.code),
          noText: await c.files.write("/latin", new Uint8Array([233])).then(() => c.files.readText("/latin")).catch((e) => e.name + ": " + e.message) };
      `,
    },
    large: {
      body: 'const big = new Uint8Array(3_000_000).map((_, i) => i % 251); await c.files.write("/big", big); const back = await c.files.read("/big"); return back.length === big.length && back.every((x, i) => x === big[i]);',
    },
    frozen: {
      body: '"use strict"; const found = []; for (const part of [c, c.files, c.credential, c.log, c.run]) { try { part.extra = 1; found.push("open"); } catch { found.push(Object.isFrozen(part)); } } return found;',
    },
    input: { body: "return { input: c.input, job: c.run.job, id: c.run.id };" },
    requests: {
      body: `
        const json = await c.fetch("${base}/json?a=1", { method: "POST", body: JSON.stringify({ x: 1 }), headers: { "X-Own": "1", "content-type": "application/json" } });
        const bytes = await fetch(new URL("${base}/bytes"));
        const moved = await fetch("${base}/moved"), manual = await fetch("${base}/moved", { redirect: "manual" });
        const missing = await fetch(new Request("${base}/missing")), none = await fetch("${base}/none"), head = await fetch("${base}/json", { method: "HEAD" });
        return { json: [json.status, json.ok, json.type, json.redirected, json.url, await json.json(), json.headers.get("content-type")],
          bytes: [[...await bytes.bytes()], bytes.headers.get("x-many"), bytes.headers.getSetCookie()],
          moved: [moved.redirected, moved.url, (await moved.json()).url], manual: [manual.status, manual.headers.get("location")],
          missing: [missing.status, missing.statusText, missing.ok, await missing.text()], none: [none.status, await none.text()], head: [head.status, await head.text()] };
      `,
      network,
    },
    refused: {
      body: `
        const codes = {};
        for (const [name, ask] of Object.entries({ away: () => fetch("${base}/away"), error: () => fetch("${base}/moved", { redirect: "error" }), other: () => fetch("http://other.example/"), method: () => fetch("${base}/x", { method: "DELETE" }),
          scheme: () => fetch("file:///etc/passwd"), header: () => fetch("${base}/x", { headers: { host: "evil" } }), relative: () => fetch("/x"), stream: () => fetch("${base}/x", { method: "POST", body: (async function* () {})() }) }))
          codes[name] = await ask().then((r) => r.status, (e) => e.code ?? e.name);
        return codes;
      `,
      network,
    },
    aborted: {
      body: `
        const controller = new AbortController();
        const asked = fetch("${base}/never", { signal: controller.signal });
        setTimeout(() => controller.abort(new Error("enough")), 30);
        const reason = await asked.catch((e) => e.message);
        const early = await fetch("${base}/json", { signal: AbortSignal.abort() }).catch((e) => e.name);
        const timeout = await fetch("${base}/never", { signal: AbortSignal.timeout(20) }).catch((e) => e.name);
        return { reason, early, timeout, after: (await fetch("${base}/json")).status };
      `,
      network,
    },
    credential: {
      body: "const a = await c.credential.fetch(); const b = await c.credential.fetch(); return { same: a === b, text: typeof a, length: a.length };",
      credential: true,
    },
    "no credential": {
      body: "return [await c.credential.fetch().catch((e) => e.code), await c.credential.query('select 1').catch((e) => e.code)];",
    },
    notice: {
      body: `
        const before = c.signal.aborted;
        const asked = fetch("${base}/never", { signal: c.signal }).catch((e) => e.message);
        await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
        return { before, after: c.signal.aborted, reason: c.signal.reason.message, asked: await asked };
      `,
      network,
      limits: { wallMs: 5_000 },
    },
    "no notice": { body: "return c.signal.aborted;" },
  },
  { names: { "partner.example": ["127.0.0.1"] } },
);

t.test("files: written, appended, read, listed, removed; and what isn't there", async (t) => {
  const record = await runs.run("files");
  t.match(record.result, {
    bytes: [0xc3, 0xa9, 33],
    isBytes: true,
    text: "é!",
    stat: { kind: "file", bytes: 1, modifiedAtMs: true },
    before: ["output directory", "scratch file"],
    after: 1,
    gone: null,
    wrong: "TypeError",
    none: "not_found",
    noText: "TypeError: /latin is not UTF-8 text: read its bytes with files.read",
  });
  t.match(record.outputs, [{ path: "deep/a.txt", bytes: 3 }]);
  t.equal((await runs.run("large")).result, true, "three megabytes come back as they were");
});

t.test("a job that changes its own capabilities under its packages' feet", async (t) => {
  t.same((await runs.run("frozen")).result, [true, true, true, true, true]);
});

t.test("input and the run's own words", async (t) => {
  const input = { list: [1, "é", null], __proto__: {}, "": { deep: true } };
  const record = await runs.run("input", input);
  t.same(record.result, { input: JSON.parse(JSON.stringify(input)), job: "input", id: record.id });
});

t.test("requests to a server that was granted by name: what it sees, and what comes back", async (t) => {
  const record = await runs.run("requests");
  t.equal(record.state, "succeeded", record.error?.message ?? "");
  const result = record.result as Record<string, unknown[]>;
  t.same(result.json, [
    200,
    true,
    "basic",
    false,
    `${base}/json?a=1`,
    { echo: '{"x":1}', url: "/v1/json?a=1" },
    "application/json",
  ]);
  t.same(result.bytes, [[0, 255, 128], "a, b", ["c=1", "d=2"]]);
  t.same(result.moved, [true, `${base}/json?from=moved`, "/v1/json?from=moved"]);
  t.same(result.manual, [302, "/v1/json?from=moved"]);
  t.same(result.missing, [404, "Not There", false, "nothing"]);
  t.same(result.none, [204, ""]);
  t.same(result.head, [200, ""]);
  t.match(seen[0], {
    line: "POST /v1/json?a=1",
    body: '{"x":1}',
    headers: { host: `partner.example:${port}`, "x-own": "1", "content-length": "7" },
  });
  t.equal(record.usage.requests, 8, "the redirect counts");
});

t.test(
  "requests that nothing grants, or that HTTP can't carry: each refused with its code, and none of them sent",
  async (t) => {
    const before = seen.length;
    const { result, denials } = await runs.run("refused");
    t.match(result, {
      other: "not_allowed",
      method: "not_allowed",
      header: "header",
      relative: "TypeError",
      stream: "TypeError",
    });
    for (const code of Object.values(result as object)) t.equal(typeof code, "string");
    t.same(
      seen
        .slice(before)
        .map(({ line }) => line)
        .sort(),
      ["GET /v1/away", "GET /v1/moved"],
      "only the first hops",
    );
    t.ok(denials.length >= 4);
  },
);

t.test("a request that is given up, by the job or by a time of its own: the next one is served", async (t) => {
  t.same((await runs.run("aborted")).result, {
    reason: "enough",
    early: "AbortError",
    timeout: "TimeoutError",
    after: 200,
  });
});

t.test("the credential: the same one twice, and none without a grant", async (t) => {
  const record = await runs.run("credential");
  t.match(record, { result: { same: true, text: "string" }, lease: { state: "revoked" } });
  t.same((await runs.run("no credential")).result, ["grant", "grant"]);
});

t.test("the notice before the end: a job that heeds it ends in time, with a result", async (t) => {
  const record = await runs.run("notice");
  t.match(record, {
    state: "succeeded",
    result: { before: false, after: true, reason: /time is nearly over/, asked: /time is nearly over/ },
  });
  t.ok(record.usage.wallMs >= 4_000, `after ${record.usage.wallMs} ms of five seconds`);
  t.equal((await runs.run("no notice")).result, false);
});

t.test("what all of them left behind", async (t) => {
  await runs.end(t);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
