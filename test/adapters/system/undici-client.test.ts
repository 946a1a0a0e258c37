// The HTTP client of a run against real sockets: what it dials, what it puts on the wire, and that all of it ends.
import { createServer, type Socket } from "node:net";
import t from "tap";
import { makeUndiciClients } from "../../../runtime/adapters/system/undici-client.ts";
import { always, clientFor, codeOf, get, limits, ok, peer, targetAt } from "./undici-world.ts";

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
