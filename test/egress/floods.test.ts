// Servers and jobs without measure, through a real executor: too many requests, redirects, header fields, and bodies that
// swell. Each ends where its limit says so, with its code, and a request that fits passes beside it.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import t, { type Test } from "tap";
import { openRuns } from "../support/runs.ts";

const MiB = 1_048_576;
const outcome = `const outcome = (path, init) => c.fetch(base + path, init).then(async (r) => { await r.arrayBuffer(); return r.status; }, (e) => e.code).catch((e) => e.code);`;

interface Origin {
  url: string;
  rule: string;
  requests: string[];
  atOnceMax: () => number;
}

async function origin(t: Test, handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Origin> {
  const requests: string[] = [];
  let open = 0;
  let atOnceMax = 0;
  const server = createServer({ maxHeaderSize: 1 * MiB }, (request, response) => {
    requests.push(request.url ?? "");
    open += 1;
    atOnceMax = Math.max(atOnceMax, open);
    response.on("close", () => {
      open -= 1;
    });
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, rule: `GET,POST ${url}/*`, requests, atOnceMax: () => atOnceMax };
}

t.test("[RES-15] ten thousand fetches at once: some wait, the rest are told, and the job goes on", async (t) => {
  const here = await origin(t, (_, response) => response.end("x"));
  const runs = await openRuns({
    flood: {
      network: [here.rule],
      body: `const base = ${JSON.stringify(here.url)}; ${outcome}
        const answers = await Promise.all(Array.from({ length: 10_000 }, () => outcome("/")));
        const counts = {};
        for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
        return { counts, after: await outcome("/") };`,
      limits: { wallMs: 100_000, cpuMs: 60_000, memoryBytes: 512 * MiB, requests: 20_000, requestsAtOnce: 4 },
    },
  });
  const neighbour = await runs.neighbour();
  const { result, error } = await runs.run("flood");
  t.equal((await neighbour.done()).state, "succeeded");
  t.equal(error, null);
  const { counts, after } = result as { counts: Record<string, number>; after: number };
  t.equal(after, 200, "what comes later is served");
  const refused = (counts.sockets ?? 0) + (counts.busy ?? 0);
  t.ok((counts.sockets ?? 0) > 0, JSON.stringify(counts));
  t.equal((counts["200"] ?? 0) + refused, 10_000, "every one is answered or told");
  t.ok(here.atOnceMax() <= 4, `${here.atOnceMax()} at once`);
  await runs.end(t);
});

t.test("[RES-18] a response that swells is stopped at what it has become", async (t) => {
  const zeros = Buffer.alloc(32 * MiB);
  const bombs: Record<string, [string, Buffer]> = {
    "/gzip": ["gzip", gzipSync(zeros)],
    "/deflate": ["deflate", deflateSync(zeros)],
    "/br": ["br", brotliCompressSync(zeros)],
    "/zstd": ["zstd", zstdCompressSync(zeros)],
    "/twice": ["gzip, gzip", gzipSync(gzipSync(zeros))],
    "/fits": ["gzip", gzipSync(zeros.subarray(0, MiB))],
  };
  const here = await origin(t, ({ url = "" }, response) => {
    const [coding, body] = bombs[url] ?? ["identity", Buffer.alloc(0)];
    response.writeHead(200, { "content-encoding": coding, "content-length": body.length }).end(body);
  });
  const paths = Object.keys(bombs);
  const runs = await openRuns({
    bombs: {
      network: [here.rule],
      body: `const base = ${JSON.stringify(here.url)}; ${outcome}
        const answers = {}; for (const path of ${JSON.stringify(paths)}) answers[path] = await outcome(path); return answers;`,
      limits: { wallMs: 60_000, responseBodyBytes: 2 * MiB },
    },
  });
  const { result, usage } = await runs.run("bombs");
  const stopped = Object.fromEntries(paths.map((path) => [path, path === "/fits" ? 200 : "response_size"]));
  t.strictSame(result, stopped);
  t.ok(usage.bytesIn < MiB, `${usage.bytesIn} bytes came over the wire`);
  await runs.end(t);
});

t.test("[RES-19] a chain and a loop of redirects end, and each hop counts as a request", async (t) => {
  const here = await origin(t, ({ url = "/" }, response) => {
    const left = Number(/^\/chain\/(\d+)$/.exec(url)?.[1] ?? 0);
    const location = url === "/loop" ? "/loop" : `/chain/${left - 1}`;
    if (left > 0 || url === "/loop") response.writeHead(302, { location });
    response.end();
  });
  const runs = await openRuns({
    redirects: {
      network: [here.rule],
      body: `const base = ${JSON.stringify(here.url)}; ${outcome}
        return [await outcome("/chain/100"), await outcome("/loop"), await outcome("/chain/11"), await outcome("/chain/10")];`,
    },
    counted: {
      network: [here.rule],
      limits: { requests: 3 },
      body: `const base = ${JSON.stringify(here.url)}; ${outcome} return [await outcome("/chain/2"), await outcome("/")];`,
    },
  });
  t.strictSame((await runs.run("redirects")).result, ["redirects", "redirects", "redirects", 200]);
  t.equal(here.requests.length, 44, "eleven for each");
  t.strictSame((await runs.run("counted")).result, [200, "requests"]);
  await runs.end(t);
});

t.test(
  "[RES-20] header fields above their limit: few and large, many and small, in trailers, in interim answers",
  async (t) => {
    const line = "a: bbbbbbbb\r\n";
    const raw: Record<string, string> = {
      "/large": `HTTP/1.1 200 OK\r\na: ${"x".repeat(20_000)}\r\ncontent-length: 0\r\n\r\n`,
      "/many": `HTTP/1.1 200 OK\r\n${line.repeat(10_000)}content-length: 0\r\n\r\n`,
      "/trailers": `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${line.repeat(50_000)}\r\n`,
      "/interim": `${"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000)}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
      "/fits": `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\na: ${"x".repeat(15_000)}\r\ncontent-length: 0\r\n\r\n`,
    };
    const here = await origin(t, ({ url = "" }, response) => void (response.socket as Socket).write(raw[url] ?? ""));
    const runs = await openRuns({
      headers: {
        network: [here.rule],
        body: `const base = ${JSON.stringify(here.url)}; ${outcome}
        const answers = {}; for (const path of ${JSON.stringify(Object.keys(raw))}) answers[path] = await outcome(path); return answers;`,
      },
    });
    t.strictSame((await runs.run("headers")).result, {
      "/large": "response_header",
      "/many": "response_header",
      "/trailers": "response_header",
      "/interim": "net_protocol",
      "/fits": 200,
    });
    await runs.end(t);
  },
);
