// Bodies between a job and a server, through a real executor: larger than any buffer on the way, in both directions, at
// the pace of the slower side; given up half-way; and ended where a limit says so.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import t, { type Test } from "tap";
import { openRuns, type Runs } from "../support/runs.ts";

const MiB = 1_048_576;
const bodyBytes = 40 * MiB;

/** The first of these events. */
function once(emitter: ServerResponse, events: string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) emitter.off(event, done);
      resolve();
    };
    for (const event of events) emitter.on(event, done);
  });
}

interface Origin {
  url: string;
  rule: string;
  /** Bytes that the server has written to sockets or received, by path. */
  moved: Map<string, number>;
  closed: Map<string, Promise<void>>;
}

/** /down sends 40 MiB; /endless sends for ever; /up answers with length and digest; /slow never reads; /headers waits. */
async function origin(t: Test): Promise<Origin> {
  const moved = new Map<string, number>();
  const closed = new Map<string, Promise<void>>();
  const piece = Buffer.alloc(MiB, "mayfly");
  const handlers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    "/down": (_, response) => void sendMany(response, bodyBytes / MiB, "/down"),
    "/small": (_, response) => response.end(piece),
    "/endless": (_, response) => void sendMany(response, Number.POSITIVE_INFINITY, "/endless"),
    "/up": (request, response) => {
      const hash = createHash("sha256");
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        hash.update(chunk);
      });
      request.on("end", () => {
        const { "content-length": length, "transfer-encoding": coding } = request.headers;
        response.end(JSON.stringify({ bytes, sha256: hash.digest("hex"), length, coding }));
      });
    },
    "/slow": () => {},
    "/again": (request, response) => {
      request.resume();
      response.writeHead(307, { location: "/up" }).end();
    },
    "/headers": (_, response) => response.writeHead(200, { "x-early": "yes" }).flushHeaders(),
    "/late-error": (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    },
  };
  async function sendMany(response: ServerResponse, count: number, path: string): Promise<void> {
    response.on("error", () => {});
    for (let sent = 0; sent < count && !response.destroyed; sent += 1) {
      moved.set(path, (moved.get(path) ?? 0) + MiB);
      if (!response.write(piece)) await once(response, ["drain", "close"]);
    }
    response.end();
  }
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    closed.set(path, new Promise((resolve) => request.socket.once("close", () => resolve())));
    handlers[path]?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, rule: `GET,POST,PUT ${url}/*`, moved, closed };
}

async function world(t: Test, jobs: Record<string, string>, limits = {}): Promise<{ runs: Runs; at: Origin }> {
  const at = await origin(t);
  const large = { requestBodyBytes: 64 * MiB, responseBodyBytes: 64 * MiB, memoryBytes: 32 * MiB, ...limits };
  const runs = await openRuns(
    Object.fromEntries(Object.entries(jobs).map(([name, body]) => [name, { body, network: [at.rule], limits: large }])),
  );
  return { runs, at };
}

t.test("a body larger than the job's memory and any buffer on the way passes in both directions", async (t) => {
  const { runs, at } = await world(t, {
    down: `let bytes = 0, pieces = 0;
      for await (const piece of (await fetch(c.input + "/down")).body) { bytes += piece.length; pieces += 1; }
      return { bytes, pieces };`,
    up: `const piece = new Uint8Array(1 << 20).fill(7); let left = 40;
      const body = new ReadableStream({ pull(s) { if (left-- > 0) s.enqueue(piece); else s.close(); } });
      return (await fetch(c.input + "/up", { method: "POST", body, duplex: "half" })).json();`,
    known: `return (await fetch(c.input + "/up", { method: "PUT", body: new Uint8Array(5 << 20).fill(7) })).json();`,
  });
  const down = await runs.run("down", at.url);
  t.match(down, { state: "succeeded", result: { bytes: bodyBytes }, usage: { bytesIn: bodyBytes } });
  const up = await runs.run("up", at.url);
  const sha256 = createHash("sha256").update(Buffer.alloc(bodyBytes, 7)).digest("hex");
  t.match(up, { state: "succeeded", result: { bytes: bodyBytes, sha256, coding: "chunked" } });
  t.equal(up.usage.bytesOut, bodyBytes);
  const known = await runs.run("known", at.url);
  t.match(known.result, { bytes: 5 * MiB, length: String(5 * MiB) }, "a length that is known is stated");
  await runs.end(t);
});

t.test("[RES-16] a job that doesn't read makes the server wait, and the supervisor's memory too", async (t) => {
  const { runs, at } = await world(
    t,
    {
      idle: `const response = await fetch(c.input + "/endless");
        c.log.info("answered");
        await c.files.stat("/");
        await response.body.getReader().read();
        try { await new Promise((resolve) => setTimeout(resolve, 60_000)); } finally {}`,
    },
    { wallMs: 3_000, requestMs: 60_000 },
  );
  const record = await runs.run("idle", at.url);
  t.match(record, { state: "limit", error: { code: "timeout" } });
  t.ok((at.moved.get("/endless") ?? 0) < 24 * MiB, `the server could send ${at.moved.get("/endless")} bytes in all`);
  await at.closed.get("/endless");
  await runs.end(t);
});

t.test("[RES-17] [RES-21] a limit on a body ends it where it is passed, in either direction", async (t) => {
  const { runs, at } = await world(
    t,
    {
      down: `let bytes = 0; const response = await fetch(c.input + "/endless");
        try { for await (const piece of response.body) bytes += piece.length; } catch (e) { return { bytes, code: e.code }; }`,
      up: `const piece = new Uint8Array(1 << 18); let given = 0;
        const body = new ReadableStream({ pull(s) { given += piece.length; s.enqueue(piece); } });
        try { await fetch(c.input + "/up", { method: "POST", body, duplex: "half" }); } catch (e) { return { given, code: e.code }; }`,
    },
    { requestBodyBytes: 4 * MiB, responseBodyBytes: 4 * MiB },
  );
  const down = await runs.run("down", at.url);
  t.match(down.result, { code: "response_size" });
  t.ok((down.result as { bytes: number }).bytes <= 4 * MiB);
  const up = await runs.run("up", at.url);
  t.match(up.result, { code: "request_size" });
  t.ok((up.result as { given: number }).given <= 6 * MiB, "and the job is asked for no more");
  t.match(up.denials, [{ code: "request_size", capability: "http.request" }]);
  await runs.end(t);
});

t.test("what a job gives up is given up at the server: a stream left, a signal aborted, a run ended", async (t) => {
  const { runs, at } = await world(t, {
    left: `for await (const piece of (await fetch(c.input + "/endless")).body) break; return "left";`,
    aborted: `const stop = new AbortController();
      const response = await fetch(c.input + "/endless", { signal: stop.signal });
      const reader = response.body.getReader();
      await reader.read();
      stop.abort(new Error("enough"));
      try { for (;;) await reader.read(); } catch (e) { return e.message; }`,
    returned: `await fetch(c.input + "/endless"); return "unread";`,
    upload: `const stop = new AbortController(); let cancelled;
      const body = new ReadableStream({ start(s) { s.enqueue(new Uint8Array(10)); }, cancel(why) { cancelled = why.message; } });
      const asked = fetch(c.input + "/slow", { method: "POST", body, duplex: "half", signal: stop.signal });
      setTimeout(() => stop.abort(new Error("enough")), 100);
      try { await asked; } catch (e) { return [e.message, cancelled]; }`,
  });
  for (const [job, result, path] of [
    ["left", "left", "/endless"],
    ["aborted", "enough", "/endless"],
    ["returned", "unread", "/endless"],
    ["upload", ["enough", "enough"], "/slow"],
  ] as const) {
    const record = await runs.run(job, at.url);
    t.match(record, { state: "succeeded", result }, job);
    await at.closed.get(path);
  }
  await runs.end(t);
});

t.test("errors arrive where the job reads, and a body is read once", async (t) => {
  const { runs, at } = await world(
    t,
    {
      cut: `const response = await fetch(c.input + "/late-error");
      try { await response.text(); } catch (e) { return [response.status, e.name, e.code]; }`,
      throwing: `const body = new ReadableStream({ pull() { throw new Error("my own") } });
      try { await fetch(c.input + "/up", { method: "POST", body, duplex: "half" }); } catch (e) { return e.message; }`,
      text: `const body = new ReadableStream({ start(s) { s.enqueue("text"); } });
      try { await fetch(c.input + "/up", { method: "POST", body, duplex: "half" }); } catch (e) { return e.name; }`,
      twice: `const response = await fetch(c.input + "/small"); const copy = response.clone();
      const [a, b] = await Promise.all([response.arrayBuffer(), copy.arrayBuffer()]);
      try { await response.text(); } catch (e) { return [a.byteLength, b.byteLength, response.bodyUsed, e.name]; }`,
      duplex: `try { await fetch(c.input + "/up", { method: "POST", body: new ReadableStream() }); } catch (e) { return e.message; }`,
      early: `const response = await fetch(c.input + "/headers"); return response.headers.get("x-early");`,
      again: `const body = new Uint8Array(1 << 20).fill(7);
      return (await fetch(c.input + "/again", { method: "POST", body })).json();`,
      stream: `const body = new ReadableStream({ start(s) { s.enqueue(new Uint8Array(10)); s.close(); } });
      try { await fetch(c.input + "/again", { method: "POST", body, duplex: "half" }); } catch (e) { return e.code; }`,
    },
    { memoryBytes: 160 * MiB },
  );
  const result = async (job: string) => {
    const record = await runs.run(job, at.url);
    t.equal(record.state, "succeeded", `${job}: ${record.error?.message}`);
    return record.result;
  };
  t.strictSame(await result("cut"), [200, "MayflyError", "net_unreachable"]);
  t.equal(await result("throwing"), "my own");
  t.equal(await result("text"), "TypeError");
  t.strictSame(await result("twice"), [MiB, MiB, true, "TypeError"]);
  t.match(await result("duplex"), /duplex: "half"/);
  t.equal(await result("early"), "yes", "the answer doesn't wait for its body");
  t.match(await result("again"), { bytes: MiB }, "bytes are sent once more after a 307");
  t.equal(await result("stream"), "redirect", "a stream can't be");
  await runs.end(t);
});

t.test("answers that a job doesn't read cost it no turns, as long as they are small", async (t) => {
  const { runs, at } = await world(
    t,
    {
      unread: `for (let i = 0; i < 50; i += 1) await fetch(c.input + "/up", { method: "POST", body: "x" }); return "all";`,
    },
    { requestsAtOnce: 2 },
  );
  t.match(await runs.run("unread", at.url), { state: "succeeded", result: "all", usage: { requests: 50 } });
  await runs.end(t);
});
