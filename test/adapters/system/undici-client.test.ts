// The HTTP client of a run against real sockets: what it dials, what it puts on the wire, and every way in which a
// server may lie. All listeners are on 127.0.0.x. Certificates are made by the openssl command.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import t, { type Test } from "tap";
import { makeUndiciClients } from "../../../runtime/adapters/system/undici-client.ts";
import { type CheckedTarget, mint } from "../../../runtime/model/checked.ts";
import type { ExchangeFailure, ExchangeLimits, HttpClient } from "../../../runtime/ports/http-client.ts";

const limits: ExchangeLimits = { totalMs: 30_000, headerBytesMax: 16_384, bodyBytesMax: 1_048_576 };
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

interface Peer {
  port: number;
  /** All bytes of each connection, in the order in which they were accepted. */
  received: string[];
  open: Set<Socket>;
}

/** A server of bytes: calls `answer` for each chunk. */
async function peer(
  t: Test,
  answer: (socket: Socket, soFar: string) => void,
  server?: Server,
  host = "127.0.0.1",
): Promise<Peer> {
  const received: string[] = [];
  const open = new Set<Socket>();
  const listening = server ?? createServer();
  listening.on(server === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    const index = received.push("") - 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received[index] += chunk.toString("latin1");
      answer(socket, received[index] ?? "");
    });
  });
  await new Promise<void>((resolve) => listening.listen(0, host, resolve));
  t.teardown(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => listening.close(resolve));
  });
  return { port: (listening.address() as { port: number }).port, received, open };
}

/** Answers each complete request head with these bytes. */
const always = (bytes: string | Buffer) => (socket: Socket, soFar: string) => {
  if (soFar.endsWith("\r\n\r\n")) socket.write(bytes);
};

const response = (head: string, body: Buffer) =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n`), body]);

function targetAt(port: number, more: Partial<Omit<CheckedTarget, symbol>> = {}): CheckedTarget {
  return mint<CheckedTarget>({
    method: "GET",
    scheme: "http",
    host: "api.partner.test",
    port,
    address: "127.0.0.1",
    path: "/v1/a?b=c",
    headers: [],
    ...more,
  });
}

function clientFor(t: Test, options: Parameters<typeof makeUndiciClients>[0] = {}): HttpClient {
  const client = makeUndiciClients(options)();
  t.teardown(() => client.close());
  return client;
}

const never = () => new AbortController().signal;
const get = (
  client: HttpClient,
  target: CheckedTarget,
  own: Partial<ExchangeLimits> = {},
  body: Uint8Array | null = null,
) => client.exchange(target, body, { ...limits, ...own }, never());

/** The code of the failure, or "answered". */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "answered";
  } catch (error) {
    return (error as ExchangeFailure).code;
  }
}

t.test("it dials the checked address, whatever the host's name would resolve to", async (t) => {
  const here = await peer(t, always(ok), undefined, "127.0.0.9");
  const client = clientFor(t);
  const answer = await get(client, targetAt(here.port, { address: "127.0.0.9", host: "localhost" }));
  t.equal(Buffer.from(answer.body).toString(), "ok");
  t.match(here.received[0], /^host: localhost:\d+\r\n/m, "the name goes into the Host header");
});

t.test("the bytes on the wire are those of the golden capture", async (t) => {
  const here = await peer(t, (socket, soFar) => {
    if (soFar.endsWith("\r\n\r\n[1]")) socket.write(ok);
  });
  const headers = [
    ["content-type", "application/json"],
    ["x-a", "1"],
    ["x-a", "2"],
  ] as const;
  await get(clientFor(t), targetAt(here.port, { method: "POST", headers }), {}, Buffer.from("[1]"));
  const golden = [
    "POST /v1/a?b=c HTTP/1.1",
    `host: api.partner.test:${here.port}`,
    "connection: keep-alive",
    "content-type: application/json",
    "x-a: 1",
    "x-a: 2",
    "accept-encoding: gzip, deflate, br, zstd",
    "content-length: 3",
    "",
    "[1]",
  ];
  t.equal(here.received[0], golden.join("\r\n"));
});

t.test("a header that would end its line reaches nobody, even when it was minted", async (t) => {
  const here = await peer(t, always(ok));
  const target = targetAt(here.port, { headers: [["x-a", "1\r\nx-b: 2"]] });
  t.equal(await codeOf(get(clientFor(t), target)), "net_protocol");
  t.strictSame(here.received, [], "nothing was sent");
});

t.test("header fields come in the order received, with lower-case names", async (t) => {
  const here = await peer(
    t,
    always("HTTP/1.1 201 Made\r\nB: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\n__proto__: x\r\ncontent-length: 0\r\n\r\n"),
  );
  const answer = await get(clientFor(t), targetAt(here.port));
  t.equal(answer.status, 201);
  t.equal(answer.statusText, "Made");
  const expected = [
    ["b", "1"],
    ["set-cookie", "a"],
    ["set-cookie", "b"],
    ["__proto__", "x"],
    ["content-length", "0"],
  ];
  t.strictSame(answer.headers, expected);
});

t.test("a redirect is an answer like any other", async (t) => {
  const here = await peer(t, always("HTTP/1.1 302 Found\r\nlocation: /else\r\ncontent-length: 0\r\n\r\n"));
  t.equal((await get(clientFor(t), targetAt(here.port))).status, 302);
  t.equal(here.received.length, 1);
});

t.test("two runs share no connection, two hosts of one run neither", async (t) => {
  const here = await peer(t, always(ok));
  const open = makeUndiciClients();
  const [one, other] = [open(), open()];
  t.teardown(() => Promise.all([one.close(), other.close()]));
  await get(one, targetAt(here.port));
  await get(one, targetAt(here.port));
  t.equal(here.received.length, 1, "one host of one run keeps its connection");
  await get(one, targetAt(here.port, { host: "other.partner.test" }));
  t.equal(here.received.length, 2);
  await get(other, targetAt(here.port));
  t.equal(here.received.length, 3);
});

t.test("close ends every connection, idle, busy and connecting, and what is under way is aborted", async (t) => {
  let busy: (() => void) | undefined;
  const arrived = new Promise<void>((resolve) => {
    busy = resolve;
  });
  const here = await peer(t, (socket, soFar) => {
    if (soFar.includes("/idle")) socket.write(ok);
    else busy?.();
  });
  const client = clientFor(t);
  await get(client, targetAt(here.port, { path: "/idle" }));
  const waiting = codeOf(get(client, targetAt(here.port, { path: "/busy", host: "b.partner.test" })));
  await arrived;
  const connecting = codeOf(get(client, targetAt(here.port, { path: "/c", host: "c.partner.test" })));
  const gone = Promise.all([...here.open].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  await client.close();
  t.equal(await waiting, "aborted");
  t.equal(await connecting, "aborted");
  await gone;
  t.equal(await codeOf(get(client, targetAt(here.port))), "aborted", "nothing begins after it");
});

t.test("who gives up gets `aborted`, and the connection is not used again", async (t) => {
  const controller = new AbortController();
  const here = await peer(t, (socket, soFar) => {
    if (soFar.includes("/slow")) controller.abort();
    else socket.write(ok);
  });
  const client = clientFor(t);
  const slow = client.exchange(targetAt(here.port, { path: "/slow" }), null, limits, controller.signal);
  t.equal(await codeOf(slow), "aborted");
  await get(client, targetAt(here.port));
  t.equal(here.received.length, 2);
});

t.test("no server can hold a request longer than its total time", async (t) => {
  const drip = (bytes: string) => (socket: Socket) => {
    const timer = setInterval(() => socket.write(bytes), 5);
    socket.on("close", () => clearInterval(timer));
  };
  const slow: Record<string, (socket: Socket, soFar: string) => void> = {
    "never answers": () => {},
    "drips header fields": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      drip("a: b\r\n")(socket);
    },
    "drips its body": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
      drip("x")(socket);
    },
    "never ends its body": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n");
    },
  };
  for (const [name, answer] of Object.entries(slow)) {
    const here = await peer(t, answer);
    t.equal(await codeOf(get(clientFor(t), targetAt(here.port), { totalMs: 100 })), "net_timeout", name);
  }
});

t.test("a flood of interim responses ends the exchange", async (t) => {
  const here = await peer(t, always(`${"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1_000)}${ok}`));
  t.equal(await codeOf(get(clientFor(t), targetAt(here.port))), "net_protocol");
  const polite = await peer(t, always(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${ok}`));
  t.equal(await codeOf(get(clientFor(t), targetAt(polite.port))), "answered", "one is no flood");
});

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
  const fits = await peer(t, always(`HTTP/1.1 200 OK\r\na: ${"x".repeat(16_000)}\r\ncontent-length: 0\r\n\r\n`));
  t.equal(await codeOf(get(client, targetAt(fits.port))), "answered");
});

t.test("a response that could be read in two ways is dropped with its connection", async (t) => {
  const smuggled: Record<string, string> = {
    "two lengths": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\nokHTTP",
    "a length and chunks":
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "no HTTP/1": "HTTP/3.7 200 OK\r\n\r\nok",
    "something else": "220 smtp.partner.test ESMTP\r\n",
    "space before the colon": "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
    "an upgrade nobody asked for": "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "a 100 that was not expected": "HTTP/1.1 100 Continue\r\n\r\n",
  };
  for (const [name, bytes] of Object.entries(smuggled)) {
    const here = await peer(t, always(bytes));
    const code = await codeOf(get(clientFor(t), targetAt(here.port), { totalMs: 5_000 }));
    t.ok(["net_protocol", "net_unreachable"].includes(code), `${name}: ${code}`);
  }
});

t.test("a second response behind the first is nobody's answer", async (t) => {
  const extra = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra";
  let first = true;
  const here = await peer(t, (socket, soFar) => {
    if (!soFar.endsWith("\r\n\r\n")) return;
    socket.write(first ? ok + extra : ok);
    first = false;
  });
  const client = clientFor(t);
  const answers: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    answers.push(Buffer.from((await get(client, targetAt(here.port))).body).toString());
  }
  t.strictSame(answers, ["ok", "ok", "ok"]);
  t.ok(here.received.length > 1, "the connection was given up");
});

t.test("a response that ends before its stated length is no answer", async (t) => {
  const here = await peer(t, (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"));
  t.not(await codeOf(get(clientFor(t), targetAt(here.port))), "answered");
});

t.test("a port where nobody listens and one that resets are the same to the job", async (t) => {
  const here = await peer(t, (socket) => socket.resetAndDestroy());
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  t.equal(await codeOf(get(clientFor(t), targetAt(here.port))), "net_unreachable");
  t.equal(await codeOf(get(clientFor(t), targetAt(port))), "net_unreachable");
});

t.test("no bytes of a server bring the process down", async (t) => {
  // A small generator with a fixed seed: the same bytes in every run.
  let state = 12_345;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % below;
  };
  const pieces = [
    "HTTP/1.1 ",
    "200 OK",
    "100 Continue",
    "101 X",
    "\r\n",
    "\n",
    ":",
    "content-length: ",
    "3",
    "-1",
    "\0",
    "\xff",
    "transfer-encoding: chunked",
    "connection: upgrade",
    "upgrade: h2c",
    "0\r\n\r\n",
    "content-encoding: gzip",
    " ",
    "HTTP/2.0",
    "a: b",
  ];
  const here = await peer(t, (socket) => {
    const bytes = Array.from({ length: 1 + random(30) }, () => pieces[random(pieces.length)]).join("");
    socket.end(Buffer.from((random(2) === 0 ? "HTTP/1.1 200 OK\r\n" : "") + bytes, "latin1"));
  });
  const client = clientFor(t);
  for (let index = 0; index < 300; index += 1) await codeOf(get(client, targetAt(here.port), { totalMs: 5_000 }));
  t.pass("300 answers of nonsense");
});

t.test("TLS", async (t) => {
  const authority = makeAuthority(t);
  const good = authority.issue({ names: ["api.partner.test"] });
  const trust = { extraCaForTests: [authority.certificate] };
  const https = async (t: Test, options: TlsOptions) => peer(t, always(ok), createTlsServer(options));
  const at = (port: number) => targetAt(port, { scheme: "https" });

  t.test("a good certificate is accepted, for the name and by HTTP/1.1 only", async (t) => {
    let alpn: string[] = [];
    let servername: string | undefined;
    const here = await https(t, {
      ...good,
      ALPNCallback: (offer) => {
        alpn = offer.protocols;
        servername = offer.servername;
        return "http/1.1";
      },
    });
    t.equal((await get(clientFor(t, trust), at(here.port))).status, 200);
    t.strictSame(alpn, ["http/1.1"]);
    t.equal(servername, "api.partner.test");
  });

  t.test("wrong name, expired, unknown authority, old TLS: nothing is sent", async (t) => {
    const stranger = makeAuthority(t);
    const bad: Record<string, TlsOptions> = {
      "wrong name": authority.issue({ names: ["other.partner.test"] }),
      expired: authority.issue({ names: ["api.partner.test"], expired: true }),
      "unknown authority": stranger.issue({ names: ["api.partner.test"] }),
      "TLS 1.1": { ...good, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    };
    for (const [name, options] of Object.entries(bad)) {
      const here = await https(t, options);
      t.equal(await codeOf(get(clientFor(t, trust), at(here.port))), "net_tls", name);
      t.equal(here.received.join(""), "", `${name}: no plaintext`);
    }
  });

  t.test("an address is held against the certificate's addresses, without a server name", async (t) => {
    const here = await https(t, authority.issue({ names: ["api.partner.test"], addresses: ["127.0.0.1"] }));
    const literal = targetAt(here.port, { scheme: "https", host: "127.0.0.1" });
    t.equal(await codeOf(get(clientFor(t, trust), literal)), "answered");
    const named = await https(t, good);
    t.equal(
      await codeOf(get(clientFor(t, trust), targetAt(named.port, { scheme: "https", host: "127.0.0.1" }))),
      "net_tls",
    );
  });

  t.test("a second connection resumes no session", async (t) => {
    const reused: boolean[] = [];
    const server = createTlsServer(good);
    server.on("secureConnection", (socket) => reused.push(socket.isSessionReused()));
    const here = await peer(
      t,
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`),
      server,
    );
    const client = clientFor(t, trust);
    await get(client, at(here.port));
    await get(client, at(here.port));
    t.strictSame(reused, [false, false]);
  });

  t.test("the environment weakens nothing", async (t) => {
    const here = await https(t, good);
    const directory = t.testdir({ "ca.pem": authority.certificate });
    const module = new URL("../../../runtime/adapters/system/undici-client.ts", import.meta.url).href;
    const script = `
      const { makeUndiciClients } = await import(${JSON.stringify(module)});
      const client = makeUndiciClients()();
      const target = ${JSON.stringify(at(here.port))};
      const limits = { totalMs: 20_000, headerBytesMax: 16384, bodyBytesMax: 1000 };
      const signal = new AbortController().signal;
      await client.exchange(target, null, limits, signal).then(() => console.log("answered"), (error) => console.log(error.code));
      await client.close();`;
    const proxy = `http://127.0.0.1:${here.port}`;
    const settings: Record<string, string>[] = [
      { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      { NODE_EXTRA_CA_CERTS: join(directory, "ca.pem") },
      { SSL_CERT_FILE: join(directory, "ca.pem"), NODE_OPTIONS: "--use-openssl-ca" },
      { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, ALL_PROXY: proxy, NODE_USE_ENV_PROXY: "1" },
    ];
    for (const env of settings) {
      const said = await runNode(["--no-warnings", "--input-type=module", "-e", script], env);
      t.equal(said.trim(), "net_tls", Object.keys(env).join(", "));
    }
    t.equal(here.received.join(""), "", "no plaintext");
  });
});

async function runNode(args: string[], env: Record<string, string>): Promise<string> {
  const { execFile } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

interface Wanted {
  names: string[];
  addresses?: string[];
  expired?: boolean;
}

/** A certificate authority in a directory of the test's own. */
function makeAuthority(t: Test): { certificate: string; issue(wanted: Wanted): { key: string; cert: string } } {
  const directory = mkdtempSync(join(t.testdir(), "ca-"));
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "ignore"] });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority");
  let count = 0;
  return {
    certificate: readFileSync(join(directory, "ca.pem"), "utf8"),
    issue({ names, addresses = [], expired = false }) {
      count += 1;
      const file = `leaf-${count}`;
      const subject = [...names.map((name) => `DNS:${name}`), ...addresses.map((address) => `IP:${address}`)].join(",");
      writeFileSync(join(directory, `${file}.ext`), `subjectAltName=${subject}\n`);
      openssl("req", ...key, "-keyout", `${file}.key`, "-out", `${file}.csr`, "-subj", "/CN=Test");
      const life = expired ? ["-days", "-1"] : ["-days", "1"];
      const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
      openssl("x509", "-req", "-in", `${file}.csr`, ...by, ...life, "-extfile", `${file}.ext`, "-out", `${file}.pem`);
      return {
        key: readFileSync(join(directory, `${file}.key`), "utf8"),
        cert: readFileSync(join(directory, `${file}.pem`), "utf8"),
      };
    },
  };
}
