// Bodies and header fields that are larger than they look, and those that are what they say.
import type { Socket } from "node:net";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import t from "tap";
import { always, clientFor, codeOf, get, peer, response, targetAt } from "./undici-world.ts";

t.test("a body passes at the limit and not one byte above, whatever the server says of its length", async (t) => {
  const body = (bytes: number) => Buffer.alloc(bytes, "x");
  const chunked = (bytes: number) =>
    Buffer.from(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${body(bytes)}\r\n0\r\n\r\n`,
    );
  const unframed = (bytes: number) => (socket: Socket) => {
    socket.end(`HTTP/1.1 200 OK\r\n\r\n${body(bytes)}`);
  };
  const cases: [string, (socket: Socket, soFar: string) => void, string][] = [
    ["stated, at the limit", always(response("", body(1_000))), "answered"],
    ["stated, above", always(response("", body(1_001))), "response_size"],
    ["chunked, at the limit", always(chunked(1_000)), "answered"],
    ["chunked, above", always(chunked(1_001)), "response_size"],
    ["until the connection's end, at the limit", unframed(1_000), "answered"],
    ["until the connection's end, above", unframed(1_001), "response_size"],
  ];
  for (const [name, answer, expected] of cases) {
    const here = await peer(t, answer);
    t.equal(await codeOf(get(clientFor(t), targetAt(here.port), { bodyBytesMax: 1_000 })), expected, name);
  }
});

t.test("a bomb is stopped at the limit of what comes out, not of what came in", async (t) => {
  const zeros = Buffer.alloc(64 * 1_048_576);
  const bombs: Record<string, [string, Buffer]> = {
    gzip: ["gzip", gzipSync(zeros)],
    deflate: ["deflate", deflateSync(zeros)],
    brotli: ["br", brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })],
    zstd: ["zstd", zstdCompressSync(zeros)],
    "a bomb in a bomb": ["gzip, gzip", gzipSync(gzipSync(zeros))],
  };
  for (const [name, [coding, bytes]] of Object.entries(bombs)) {
    t.ok(bytes.length < 200_000, `${name} is small on the wire: ${bytes.length} bytes`);
    const here = await peer(t, always(response(`content-encoding: ${coding}\r\n`, bytes)));
    t.equal(await codeOf(get(clientFor(t), targetAt(here.port))), "response_size", name);
    const unlimited = { bodyBytesMax: zeros.length };
    t.equal(
      await codeOf(get(clientFor(t), targetAt(here.port), unlimited)),
      "answered",
      `${name}, with a limit that it fits`,
    );
  }
});

t.test("honest codings are taken off, and the stale header fields with them", async (t) => {
  const plain = Buffer.from("Grüezi".repeat(1_000));
  const honest: Record<string, [string, Buffer]> = {
    gzip: ["gzip", gzipSync(plain)],
    "zlib's deflate": ["deflate", deflateSync(plain)],
    "bare deflate": ["deflate", deflateRawSync(plain)],
    brotli: ["br", brotliCompressSync(plain)],
    zstd: ["zstd", zstdCompressSync(plain)],
    two: ["br, gzip", gzipSync(brotliCompressSync(plain))],
  };
  for (const [name, [coding, bytes]] of Object.entries(honest)) {
    const here = await peer(t, always(response(`content-encoding: ${coding}\r\nx-b: c\r\n`, bytes)));
    const answer = await get(clientFor(t), targetAt(here.port), { bodyBytesMax: plain.length });
    t.ok(plain.equals(Buffer.from(answer.body)), name);
    t.equal(answer.wireBytes, bytes.length);
    t.strictSame(answer.headers, [["x-b", "c"]]);
  }
});

t.test("broken, unknown and absent compressed bodies are told apart", async (t) => {
  const at = async (head: string, body: Buffer) => (await peer(t, always(response(head, body)))).port;
  const client = clientFor(t);
  const broken = await at("content-encoding: gzip\r\n", Buffer.from("no gzip at all"));
  t.equal(await codeOf(get(client, targetAt(broken))), "net_protocol");
  const cut = await at("content-encoding: gzip\r\n", gzipSync(Buffer.alloc(10_000)).subarray(0, 20));
  t.equal(await codeOf(get(client, targetAt(cut))), "net_protocol");
  const three = await at("content-encoding: gzip, gzip, gzip\r\n", Buffer.from("x"));
  t.equal(await codeOf(get(client, targetAt(three))), "net_protocol");
  const unknown = await get(client, targetAt(await at("content-encoding: compress\r\n", Buffer.from("x"))));
  t.strictSame(unknown.headers[0], ["content-encoding", "compress"], "an unknown coding is the job's to read");
  const empty = await get(client, targetAt(await at("content-encoding: gzip\r\n", Buffer.alloc(0))));
  t.equal(empty.body.length, 0);
  const head = await peer(t, always("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 500\r\n\r\n"));
  t.equal((await get(client, targetAt(head.port, { method: "HEAD" }))).body.length, 0);
});

t.test("a stream that inflates to nothing ends at the limit too", async (t) => {
  const nothing = gzipSync(Buffer.alloc(0)); // 20 bytes on the wire, none out of it
  const here = await peer(t, (socket, soFar) => {
    if (soFar.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n");
    const more = () => socket.writable && socket.write(Buffer.concat(new Array(500).fill(nothing)), more);
    more();
  });
  t.equal(await codeOf(get(clientFor(t), targetAt(here.port), { bodyBytesMax: 100_000 })), "response_size");
});

t.test("header fields above their limit are refused, few and large or many and small, in trailers too", async (t) => {
  const client = clientFor(t);
  const large = await peer(t, always(`HTTP/1.1 200 OK\r\na: ${"x".repeat(16_384)}\r\ncontent-length: 0\r\n\r\n`));
  t.equal(await codeOf(get(client, targetAt(large.port))), "response_header");
  const many = await peer(t, always(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(10_000)}content-length: 0\r\n\r\n`));
  t.equal(await codeOf(get(client, targetAt(many.port))), "response_header");
  const trailers = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${"a: b\r\n".repeat(10_000)}\r\n`;
  const trailing = await peer(t, always(trailers));
  t.equal(await codeOf(get(client, targetAt(trailing.port))), "response_header");
  const few = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${"a: b\r\n".repeat(1_000)}\r\n`;
  const own = await peer(t, always(few));
  t.equal(
    await codeOf(get(client, targetAt(own.port), { headerBytesMax: 1_024 })),
    "response_header",
    "by this run's limit",
  );
  const fits = await peer(t, always(`HTTP/1.1 200 OK\r\na: ${"x".repeat(16_000)}\r\ncontent-length: 0\r\n\r\n`));
  t.equal(await codeOf(get(client, targetAt(fits.port))), "answered");
});
