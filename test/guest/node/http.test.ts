// node:http and node:https, asked the same questions as Node's of a server on loopback; and that they pass the same door as
// fetch.
import { createServer, type IncomingMessage } from "node:http";
import { gzipSync } from "node:zlib";
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const seen: { line: string; headers: IncomingMessage["headers"]; bytes: number }[] = [];
const server = createServer(async (request, response) => {
  let bytes = 0;
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (pieces.length < 4) pieces.push(piece);
  }
  seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, bytes });
  const { pathname } = new URL(request.url ?? "/", "http://x");
  if (pathname === "/never") return;
  if (pathname === "/moved") return void response.writeHead(302, "Found It", { location: "/echo" }).end();
  if (pathname === "/none") return void response.writeHead(204).end();
  if (pathname === "/gzip")
    return void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("unpacked"));
  if (pathname === "/long") return void response.writeHead(200).end(Buffer.alloc(1_000_000, "long"));
  if (pathname === "/broken") {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setTimeout(() => response.destroy(), 20);
    return;
  }
  response.setHeader("set-cookie", ["a=1", "b=2"]);
  response.setHeader("x-many", ["1", "2"]);
  const { authorization, cookie, "content-type": type, "x-own": own, "content-length": length } = request.headers;
  const said = {
    method: request.method,
    url: request.url,
    authorization,
    cookie,
    type,
    own,
    length,
    bytes,
    text: bytes < 100 ? Buffer.concat(pieces).toString() : "",
  };
  response
    .writeHead(request.url === "/teapot" ? 418 : 200, { "content-type": "application/json" })
    .end(JSON.stringify(said));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
const base = `http://127.0.0.1:${port}`;
const network = [`GET,POST,PUT,DELETE,HEAD ${base}/*`];

const job = (body: string) =>
  `import { defineJob } from "mayfly"; import http from "node:http"; import https from "node:https"; export default defineJob(async (c) => { ${body} });`;

const runs = await askBoth(t, {
  modules: {
    http: "node:http",
    https: "node:https",
    consumers: "node:stream/consumers",
    stream: "node:stream",
    bare: "http",
  },
  before: `
    const base = "${base}", port = ${port};
    const ask = (...args) => new Promise((resolve, reject) => { const r = http.request(...args, async (response) => { try { resolve([response.statusCode, response.statusMessage, await consumers.text(response), response]) } catch (e) { reject(e) } }); r.on("error", reject); r.end() });
    const send = (options, ...chunks) => new Promise((resolve, reject) => { const r = http.request(base + "/echo", { method: "POST", ...options }, async (response) => resolve(JSON.parse(await consumers.text(response)))); r.on("error", reject); for (const chunk of chunks.slice(0, -1)) r.write(chunk); r.end(chunks.at(-1)) });
  `,
  questions: {
    requests: [
      "const [status, words, text] = await ask(base + '/echo?x=1#y'); return [status, words, text]",
      "return (await ask({ host: '127.0.0.1', port, path: '/echo', headers: { 'X-Own': 'mine', Cookie: ['a=1', 'b=2'] }, auth: 'user:pa ss' })).slice(0, 3)",
      "return (await ask(new URL(base + '/teapot'), { method: 'PUT' })).slice(0, 3)",
      "return await new Promise((f) => http.get(base + '/none', (r) => { r.resume(); r.on('end', () => f([r.statusCode, r.complete, r.httpVersion])) }))",
      "const [, , , r] = await ask(base + '/echo'); return [r.headers['set-cookie'], r.headers['content-type'], r.headers['x-many'], r instanceof http.IncomingMessage, r.req instanceof http.ClientRequest]",
      "const [status, words, text, r] = await ask(base + '/moved'); return [status, words, text, r.headers.location]",
      "const [, , text] = await ask(base + '/long'); return [text.length, text.slice(0, 8)]",
    ],
    bodies: [
      "return await send({}, 'text')",
      "return await send({ headers: { 'content-type': 'text/plain', 'content-length': 6 } }, 'abc', Buffer.from('def'))",
      "const { bytes, length } = await send({ headers: { 'content-length': 300_000 } }, Buffer.alloc(300_000)); return [bytes, length]",
      "const { bytes } = await send({}, ...Array.from({ length: 50 }, () => Buffer.alloc(20_000))); return bytes",
      "return await new Promise((f) => { const r = http.request(base + '/echo', { method: 'POST' }, async (res) => f(JSON.parse(await consumers.text(res)).bytes)); stream.Readable.from([Buffer.alloc(100_000), Buffer.alloc(100_000)]).pipe(r) })",
      "return await send({ method: 'DELETE' }, undefined).then((x) => [x.method, x.bytes])",
    ],
    headers: [
      "const r = http.request(base + '/echo', { headers: { 'X-A': 1 } }); r.setHeader('X-B', ['1', '2']); r.on('error', () => {}); const out = [r.getHeader('x-a'), r.getHeaders()['x-b'], r.hasHeader('X-b'), r.getHeaderNames().includes('host'), r.method, r.path, r.protocol, r.host, r.headersSent]; r.removeHeader('x-a'); out.push(r.getHeader('x-a')); r.destroy(); return out",
      "return [() => http.request(base, { headers: { 'a b': 1 } }), () => http.request(base, { headers: { a: '\\n' } }), () => http.request('https://a.example/'), () => http.request('no url'), () => http.request({ path: '/a b' })].map((f) => { try { f(); return 'made' } catch (e) { return [e.name, e.code] } })",
      "const r = http.request(base + '/echo'); r.end(); await new Promise((f) => r.on('response', (x) => { x.resume(); x.on('end', f) })); try { r.setHeader('a', 'b') } catch (e) { return [e.name, e.code] }",
    ],
    "how it ends": [
      "const r = http.request(base + '/never'); r.end(); setTimeout(() => r.destroy(), 30); return await new Promise((f) => r.on('error', (e) => f([e.name, e.code, e.message, r.destroyed])))",
      "const r = http.request(base + '/never'); r.end(); setTimeout(() => r.destroy(new RangeError('mine')), 30); return await new Promise((f) => r.on('error', (e) => f([e.name, e.message])))",
      "const r = http.request(base + '/never'); const order = []; r.on('abort', () => order.push('abort')); r.on('error', (e) => order.push(e.code)); r.on('close', () => order.push('close')); r.end(); setTimeout(() => r.abort(), 30); await new Promise((f) => r.on('close', f)); return [order, r.aborted]",
      "const r = http.request(base + '/never', { timeout: 30 }); r.end(); return await new Promise((f) => { r.on('timeout', () => { r.destroy(new Error('too slow')) }); r.on('error', (e) => f(e.message)) })",
      "const c = new AbortController(); const r = http.request(base + '/never', { signal: c.signal }); r.end(); setTimeout(() => c.abort(), 30); return await new Promise((f) => r.on('error', (e) => f([e.name, e.code])))",
      "return await new Promise((f) => http.get(base + '/broken', async (r) => { try { await consumers.text(r) } catch (e) { f([r.complete, r.destroyed]) } }))",
      "return await new Promise((f) => { const order = []; const r = http.request(base + '/none'); for (const name of ['socket', 'finish', 'response', 'close']) r.on(name, () => order.push(name)); r.on('response', (x) => x.resume()); r.on('close', () => f(order)); r.end() })",
    ],
    modules: [
      "return [bare === http, http.STATUS_CODES[418], http.METHODS.includes('PATCH'), new http.Agent({ keepAlive: true, maxSockets: 3 }).maxSockets, https.globalAgent.defaultPort ?? 443, typeof http.ServerResponse, http.globalAgent instanceof http.Agent]",
      "try { http.validateHeaderName('a b') } catch (e) { return [e.name, e.code] }",
    ],
  },
  job: { network },
  jobs: {
    door: {
      module: job(`
        const told = (make) => new Promise((resolve) => { const r = make(); r.on("error", (e) => resolve([e.name, e.code, e.message])); r.on("response", (x) => { x.resume(); resolve(x.statusCode) }); r.end() });
        const refused = (make) => { try { make(); return "made" } catch (e) { return [e.code, e.message] } };
        return {
          granted: await told(() => http.request("${base}/echo")),
          other: await told(() => https.request("https://other.example/")),
          method: await told(() => http.request("${base}/echo", { method: "PATCH" })),
          name: await told(() => http.request("${base}/echo", { headers: { host: "evil.example" } })),
          upgrade: await told(() => http.request("${base}/echo", { headers: { connection: "upgrade", upgrade: "websocket" } })),
          framing: await told(() => http.request("${base}/echo", { headers: { host: "127.0.0.1:${port}", connection: "close", te: "trailers", "proxy-connection": "x" } })),
          server: refused(() => http.createServer()),
          path: refused(() => http.request({ socketPath: "/run/x.sock" })),
        };
      `),
      network,
    },
    unpacked: {
      module: job(`
        return await new Promise((f) => http.get("${base}/gzip", { headers: { "accept-encoding": "gzip" } }, (r) => { let all = ""; r.setEncoding("utf8"); r.on("data", (x) => { all += x }); r.on("end", () => f([all, r.headers["content-encoding"] ?? "none"])) }));
      `),
      network,
    },
  },
});

t.test("what nothing grants: refused with the grant's code, and none of it sent", async (t) => {
  const before = seen.length;
  const record = await runs.run("door");
  t.match(
    record.result,
    {
      granted: 200,
      other: ["MayflyError", "not_allowed"],
      method: ["MayflyError", "not_allowed"],
      name: ["MayflyUnsupportedError", "ERR_MAYFLY_UNSUPPORTED", /under the name "evil\.example"/],
      upgrade: ["MayflyUnsupportedError", "ERR_MAYFLY_UNSUPPORTED", /no sockets/],
      framing: 200,
      server: ["ERR_MAYFLY_UNSUPPORTED", /http\.createServer isn't available in a job: a job serves nobody/],
      path: ["ERR_MAYFLY_UNSUPPORTED", /socket's path/],
    },
    record.error?.message ?? "",
  );
  t.same(
    seen.slice(before).map(({ line }) => line),
    ["GET /echo", "GET /echo"],
  );
});

t.test("a body that came packed: unpacked by the runtime, and no header says otherwise", async (t) => {
  t.same((await runs.run("unpacked")).result, ["unpacked", "none"]);
});

t.test("what all of them left behind", async (t) => {
  await runs.end(t);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
