// What goes over the wire, byte for byte, and what comes back: requests that would be two, answers that would be two, and
// answers that one reader takes for another thing than the next. Servers of raw bytes; the run's egress in front of them.
import type { Socket } from "node:net";
import t, { type Test } from "tap";
import { makeEgress, makeMachine, outcome, outside } from "./loopback.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

t.test(
  "[NET-23] line breaks and NUL in names, values, methods and paths: refused, and one request is one",
  async (t) => {
    const machine = await makeMachine(t);
    const world = makeEgress(t, machine);
    const url = `http://api.partner.test:${machine.port}/`;
    const breaks = ["\r\n", "\n", "\r", "\0", "\r\n\r\nGET /second HTTP/1.1\r\n\r\n"];
    for (const text of breaks) {
      const shown = JSON.stringify(text);
      t.equal(await outcome(world, machine, url, { headers: [[`x${text}y`, "1"]] }), "header", `name with ${shown}`);
      t.equal(
        await outcome(world, machine, url, { headers: [["x", `1${text}y: 2`]] }),
        "header",
        `value with ${shown}`,
      );
      t.equal(await outcome(world, machine, url, { method: `GET${text}` }), "method", `method with ${shown}`);
      t.equal(await outcome(world, machine, `${url}a${text}b`), "url_invalid", `path with ${shown}`);
      t.equal(await outcome(world, machine, `${url}?a${text}b`), "url_invalid", `query with ${shown}`);
    }
    for (const value of [`h2c${"\r\n"}x: y`, "websocket"]) {
      t.equal(await outcome(world, machine, url, { headers: [["upgrade", value]] }), "header", "upgrade");
    }
    t.equal(machine.arrivals.length, 0, "dial=0");
    for (const path of ["a%0d%0ab", "a%0ab", "a%00b"]) {
      t.equal(await outcome(world, machine, `${url}${path}`), "path_ambiguous", path);
    }
    const types = ["text/plain\r\nx: y", "multipart/form-data; boundary=a\r\n\r\nGET /second HTTP/1.1"];
    for (const type of types) {
      const asked = { method: "POST", body: "x", headers: [["content-type", type]] as [string, string][] };
      t.equal(await outcome(world, machine, url, asked), "header", "a blob's type, a part's boundary");
    }
    t.equal(machine.arrivals.length, 0, "dial=0");
    await world.request(`${url}?a=%0d%0aGET%20/second`, { headers: [["x", " y\t"]] });
    t.equal(machine.arrivals[0]?.bytes.match(/ HTTP\/1\.1\r\n/g)?.length, 1, "exactly one request on the wire");
  },
);

const reserved =
  "host content-length transfer-encoding connection upgrade expect te trailer keep-alive proxy-authorization proxy-connection " +
  "proxy-authenticate sec-fetch-site sec-websocket-key sec-ch-ua via forwarded x-forwarded-for x-forwarded-host " +
  "x-forwarded-proto x-real-ip x-http-method-override x-original-url";

t.test("[NET-24] the runtime's own fields are refused in any case, and the wire is the golden capture", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  const url = `http://api.partner.test:${machine.port}/a/b?c=d#e`;
  const cased = (name: string) => [name, name.toUpperCase(), name.replace(/(^|-)[a-z]/g, (part) => part.toUpperCase())];
  for (const name of [...reserved.split(" ").flatMap(cased), "Content_Length", "x_forwarded_for"]) {
    t.equal(
      await outcome(world, machine, url, {
        headers: [
          ["x", "1"],
          [name, "x"],
        ],
      }),
      "header",
      name,
    );
  }
  t.equal(machine.arrivals.length, 0, "dial=0");
  const headers: [string, string][] = [
    ["X-Twice", "1"],
    ["x-TWICE", "2"],
    ["Accept", "text/plain"],
    ["User-Agent", "job"],
    ["Cookie", "a=b"],
  ];
  await world.request(url, { headers });
  const golden = [
    "GET /a/b?c=d HTTP/1.1",
    `host: api.partner.test:${machine.port}`,
    "connection: keep-alive",
    "x-twice: 1",
    "x-twice: 2",
    "accept: text/plain",
    "user-agent: job",
    "cookie: a=b",
    "accept-encoding: gzip, deflate, br, zstd",
    "\r\n",
  ];
  t.equal(machine.arrivals[0]?.bytes, golden.join("\r\n"));
});

/** Answers the n-th request with the n-th text, on whatever connection it comes; then with `ok`. */
async function answering(t: Test, ...texts: string[]) {
  const answers = texts.map((text) => Buffer.from(text, "latin1"));
  const machine = await makeMachine(t, (socket) => void socket.write(answers.shift() ?? ok));
  const world = makeEgress(t, machine, { limits: { requestMs: 20_000 } });
  const url = `http://api.partner.test:${machine.port}/`;
  const ask = () =>
    world.request(url).then(
      ({ body }) => Buffer.from(body ?? []).toString("latin1"),
      (error: { code: string }) => error.code,
    );
  return { machine, ask };
}

const head = "HTTP/1.1 200 OK\r\n";
/** None of them is an answer, and each ends its connection. */
const smuggled: Record<string, string> = {
  "two lengths that differ": `${head}content-length: 2\r\ncontent-length: 5\r\n\r\nokextra`,
  "two lengths that agree": `${head}content-length: 2\r\ncontent-length: 2\r\n\r\nok`,
  "a list of lengths": `${head}content-length: 2, 2\r\n\r\nok`,
  "a signed length": `${head}content-length: +2\r\n\r\nok`,
  "a length in hexadecimal": `${head}content-length: 0x2\r\n\r\nok`,
  "no length in its field": `${head}content-length: \r\n\r\nok`,
  "a length, then chunks": `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  "chunks, then a length": `${head}transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  "a coding beside chunks": `${head}transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  "chunks that are not the last coding": `${head}transfer-encoding: chunked, identity\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  "an unknown transfer coding": `${head}transfer-encoding: xchunked\r\n\r\nok`,
  "chunks said twice": `${head}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  "chunks that are larger than they say": `${head}transfer-encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n`,
  "a bare line feed after the status": `HTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nok`,
  "a bare line feed after a field": `${head}content-length: 2\nx: y\r\n\r\nok`,
  "a bare line feed at the end of the head": `${head}content-length: 2\r\n\nok`,
  "bare line feeds alone": "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
  "a bare line feed in chunks": `${head}transfer-encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n`,
  "a bare carriage return": `${head}x: a\rb\r\ncontent-length: 2\r\n\r\nok`,
  "NUL in a field": `${head}x: a\0b\r\ncontent-length: 2\r\n\r\nok`,
  "a folded field": `${head}x: a\r\n b\r\ncontent-length: 2\r\n\r\nok`,
  "a space before the colon": `${head}content-length : 2\r\n\r\nok`,
  "HTTP/0.9 without a head": "ok",
  "HTTP/0.9 in a status line": "HTTP/0.9 200 OK\r\n\r\nok",
  "HTTP/0.9 with a length": "HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\nok",
  "HTTP/2.0 in a status line": "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
  RTSP: "RTSP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
  "HTTP/0.9 behind an interim response": "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/0.9 200 OK\r\n\r\nok",
  "lines before the status": `\r\n\r\n${head}content-length: 2\r\n\r\nok`,
  "another protocol's greeting": "220 mail.partner.test ESMTP\r\n",
  "no status": "HTTP/1.1  OK\r\ncontent-length: 2\r\n\r\nok",
};

t.test("[NET-30] an answer that could be read in two ways is none, and its connection is dropped", async (t) => {
  for (const [name, text] of Object.entries(smuggled)) {
    const { machine, ask } = await answering(t, text);
    t.match(await ask(), /^net_(?:protocol|unreachable)$/, name);
    t.equal(await ask(), "ok", `after ${name}, the next one is answered`);
    t.equal(machine.arrivals.length, 2, "on a connection of its own");
  }
  const { machine, ask } = await answering(t, ok);
  t.strictSame([await ask(), await ask()], ["ok", "ok"]);
  t.equal(machine.arrivals.length, 1, "the twin: after a good answer the connection goes on");
});

t.test("[NET-30] the second answer of a connection is looked at like its first", async (t) => {
  for (const text of ["HTTP/0.9 200 OK\r\n\r\nok", "RTSP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"]) {
    const { machine, ask } = await answering(t, ok, text);
    t.equal(await ask(), "ok");
    t.equal(await ask(), "net_protocol", text);
    t.equal(machine.arrivals.length, 1, "it was the same connection");
  }
});

t.test("[NET-30] bytes behind an answer are no other request's answer", async (t) => {
  const extra = `${head}content-length: 5\r\n\r\nextra`;
  const behind: Record<string, string> = {
    "a whole answer": ok + extra,
    "a length that is too short": `${head}content-length: 2\r\n\r\nokextra`,
    "a body where none may be": `HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nextra`,
    "an answer behind chunks": `${head}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${extra}`,
  };
  for (const [name, text] of Object.entries(behind)) {
    const { machine, ask } = await answering(t, text);
    const answers = [await ask(), await ask(), await ask()];
    t.notOk(
      answers.some((answer) => answer.includes("extra")),
      `${name}: ${answers.join(", ")}`,
    );
    t.equal(answers.at(-1), "ok");
    t.ok(machine.arrivals.length > 1, "its connection was dropped");
  }
});

t.test("[NET-30] a body shorter than its length is no answer", async (t) => {
  const machine = await makeMachine(t, (socket) => socket.end(`${head}content-length: 10\r\n\r\nok`));
  t.equal(
    await outcome(makeEgress(t, machine), machine, `http://api.partner.test:${machine.port}/`),
    "dialled, then net_unreachable",
  );
});

t.test("[NET-29] a second run to the same origin has a connection of its own, and nothing of the first", async (t) => {
  const cookie = `${head}set-cookie: session=canary-7f3a9d; path=/\r\ncontent-length: 2\r\n\r\nok`;
  const machine = await makeMachine(t, (socket) => void socket.write(cookie));
  const url = `http://api.partner.test:${machine.port}/`;
  const first = makeEgress(t, machine);
  await first.request(url, { headers: [["authorization", "Bearer canary-7f3a9d"]] });
  await first.request(url);
  t.equal(machine.arrivals.length, 1, "one run keeps its connection");
  t.equal(
    machine.arrivals[0]?.bytes.match(/canary/g)?.length,
    1,
    "and sends what it is told, not what it was told before",
  );
  await makeEgress(t, machine).request(url);
  t.equal(machine.arrivals.length, 2, "another run has another one");
  t.notMatch(machine.arrivals[1]?.bytes, /canary|cookie|authorization/i);
});

t.test("[NET-28] two names at one address share no connection", async (t) => {
  const machine = await makeMachine(t);
  const names = { "api.partner.test": [outside.api], "other.partner.test": [outside.api] };
  const world = makeEgress(t, machine, { names });
  for (const host of ["api", "other", "api"]) await world.request(`http://${host}.partner.test:${machine.port}/`);
  t.strictSame(
    machine.arrivals.map(({ bytes }) => bytes.match(/^host: [a-z]+/gm)),
    [["host: api", "host: api"], ["host: other"]],
  );
});

t.test(
  "[NET-34] a server that is down, slow or speaks nonsense: a stable code, and nothing else is tried",
  async (t) => {
    const ways: Record<string, (socket: Socket) => void> = {
      net_unreachable: (socket) => socket.resetAndDestroy(),
      net_protocol: (socket) => void socket.write("\xff\x00 nonsense"),
      net_timeout: () => {},
    };
    for (const [code, way] of Object.entries(ways)) {
      const machine = await makeMachine(t, way);
      const names = { "api.partner.test": [outside.api, outside.other] };
      const world = makeEgress(t, machine, { names });
      const pending = outcome(world, machine, `http://api.partner.test:${machine.port}/`);
      if (code === "net_timeout") await untilArrived(machine).then(() => world.clock.pass(60_000));
      t.equal(await pending, `dialled, then ${code}`);
      t.equal(machine.arrivals.length, 1, "no second try, no other address");
    }
    const machine = await makeMachine(t);
    const down = makeEgress(t, machine, {
      names: { "api.partner.test": ["127.0.0.2"] },
      allow: ["GET http://api.partner.test:9/*"],
    });
    t.equal(await outcome(down, machine, "http://api.partner.test:9/"), "net_unreachable");
  },
);

async function untilArrived({ arrivals }: { arrivals: { bytes: string }[] }): Promise<void> {
  while (!arrivals[0]?.bytes.endsWith("\r\n\r\n")) await new Promise((resolve) => setImmediate(resolve));
}

t.test("[NET-38] errors are no map: a denied target says the same whether anybody is there", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine, { names: { "api.partner.test": ["127.0.0.1"] } });
  const closed = await freePort();
  const text = async (url: string) => (await world.refusal(url)).message.replaceAll(/\d{2,5}(?=[/"])/g, "PORT");
  t.equal(
    await text(`http://127.0.0.1:${machine.port}/a`),
    await text(`http://127.0.0.1:${closed}/a`),
    "an open port, a closed one",
  );
  t.equal(
    await text(`http://10.0.0.1:${closed}/a`),
    (await text(`http://10.9.9.9:${closed}/a`)).replaceAll("10.9.9.9", "10.0.0.1"),
  );
  t.equal(machine.arrivals.length, 0, "dial=0: nor does the time tell");
  const inside = await world.refusal(`http://api.partner.test:${machine.port}/`);
  t.notMatch(inside.message, /127\.0\.0\.1|ECONN|errno|loopback/);
});

t.test(
  "[NET-38] an allowed server that refuses, resets or hangs up is one text, without address or errno",
  async (t) => {
    const resets = await makeMachine(t, (socket) => socket.resetAndDestroy());
    const hangsUp = await makeMachine(t, (socket) => void socket.end());
    const texts = new Set<string>();
    for (const port of [resets.port, hangsUp.port, await freePort()]) {
      const world = makeEgress(t, { ...resets, port });
      const error = await world.refusal(`http://api.partner.test:${port}/`);
      t.equal(error.code, "net_unreachable");
      texts.add(error.message);
    }
    t.equal(texts.size, 1, [...texts].join(" | "));
    t.notMatch([...texts].join(), /\d+\.\d+|ECONN|errno|reset|refused/);
  },
);

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
