// All the ways in which a job could try to reach the network, from a real executor: there is one, and the others aren't
// there, or lead nowhere. The servers count every connection.
import { createServer, type Socket } from "node:net";
import t, { type Test } from "tap";
import { operationNames } from "../../runtime/protocol/bridge.ts";
import { openRuns } from "../support/runs.ts";

interface Counted {
  port: number;
  connections: Socket[];
}

async function counting(t: Test, answer: (path: string, port: number) => string): Promise<Counted> {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const path = /^[A-Z]+ (\S+) /.exec(chunk.toString("latin1"))?.[1];
      if (path !== undefined) socket.write(answer(path, port));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  t.teardown(async () => {
    for (const socket of connections) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port, connections };
}

const head = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n";

t.test("[NET-31] [NET-35] no other door than fetch, and no answer opens one", async (t) => {
  const forbidden = await counting(t, () => `${head}\r\n`);
  const url = `http://127.0.0.1:${forbidden.port}`;
  const answers: Record<string, string> = {
    "/upgrade": "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "/refresh": `${head}refresh: 0; url=${url}/\r\n\r\n`,
    "/link": `${head}link: <${url}/a>; rel=preload, <${url}/b>; rel=preconnect\r\n\r\n`,
    "/hints": `HTTP/1.1 103 Early Hints\r\nlink: <${url}/a>; rel=preload\r\n\r\n${head}\r\n`,
    "/location": `HTTP/1.1 201 Created\r\nlocation: ${url}/\r\ncontent-length: 0\r\n\r\n`,
    "/alt": `${head}alt-svc: http/1.1="127.0.0.1:${forbidden.port}"; ma=86400\r\n\r\n`,
    "/redirect": `HTTP/1.1 307 Moved\r\nlocation: ${url}/\r\ncontent-length: 0\r\n\r\n`,
  };
  const allowed = await counting(t, (path) => answers[path] ?? `${head}\r\n`);
  const base = `http://127.0.0.1:${allowed.port}`;
  const runs = await openRuns({
    doors: {
      network: [`GET ${base}/*`],
      body: `
        const names = ["WebSocket", "EventSource", "XMLHttpRequest", "importScripts", "WebTransport", "RTCPeerConnection", "require", "process", "navigator"];
        const there = names.filter((name) => typeof globalThis[name] !== "undefined");
        const outcome = (promise) => promise.then((r) => r.status, (e) => e.code ?? e.name);
        const paths = ["/upgrade", "/refresh", "/link", "/hints", "/location", "/alt", "/redirect", "/plain"];
        const answers = {};
        for (const path of paths) answers[path] = await outcome(c.fetch("${base}" + path));
        const same = {
          fetch: await outcome(c.fetch("${url}/")),
          options: await outcome(c.fetch("${url}/", { socketPath: "/var/run/docker.sock", dispatcher: {}, agent: {}, host: "127.0.0.1" })),
          socket: await outcome(c.fetch("${base}/plain", { socketPath: "/var/run/docker.sock", unix: "/x", proxy: "${url}", dispatcher: {} })),
          ws: await outcome(c.fetch("ws://127.0.0.1:${forbidden.port}/")),
          upgrade: await outcome(c.fetch("${base}/plain", { headers: { upgrade: "websocket" } })),
          import: await import("${url}/x.js").then(() => "imported", () => "refused"),
        };
        return { there, answers, same };
      `,
    },
  });
  const { result, error } = await runs.run("doors");
  t.equal(error, null);
  t.match(result, {
    there: [],
    answers: {
      "/upgrade": /^net_/,
      "/refresh": 200,
      "/link": 200,
      "/hints": 200,
      "/location": 201,
      "/alt": 200,
      "/redirect": "redirect",
      "/plain": 200,
    },
    same: {
      fetch: "not_allowed",
      options: "not_allowed",
      socket: 200,
      ws: "scheme",
      upgrade: "header",
      import: "refused",
    },
  });
  t.equal(forbidden.connections.length, 0, "dial=0");
  t.ok(allowed.connections.length > 0, "the twin: a server that may be reached is seen to be");
  await runs.end(t);
});

t.test("[NET-36] a run that has ended: its sockets are closed with it, and nothing is dialled after", async (t) => {
  let arrived: (() => void) | undefined;
  const waits = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const slow = await counting(t, (path) => {
    if (path === "/slow") arrived?.();
    return path === "/slow" ? "" : `${head}\r\n`;
  });
  const url = `http://127.0.0.1:${slow.port}`;
  const runs = await openRuns({
    ends: {
      network: [`GET ${url}/*`],
      body: `
        await c.fetch("${url}/idle");
        setInterval(() => { c.fetch("${url}/late").catch(() => {}); }, 5);
        c.fetch("${url}/slow").catch(() => {});
        await new Promise(() => {});
      `,
      limits: { wallMs: 60_000 },
    },
  });
  const started = await runs.start("ends");
  await waits;
  const closed = Promise.all(slow.connections.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  runs.runtime.scheduler.kill(started.id, "seen enough");
  const record = await started.done;
  t.equal(record.teardown.sockets, "confirmed");
  await closed;
  const dials = slow.connections.length;
  t.ok(
    slow.connections.every(({ destroyed }) => destroyed),
    "none is left open",
  );
  await (await runs.neighbour()).done(); // a whole run later
  t.equal(slow.connections.length, dials, "dial=0 after the end");
  t.notOk(
    operationNames.some((name) => /pause|suspend|resume/.test(name)),
    "a run can't be paused",
  );
  await runs.end(t);
});

t.test("[NET-29] two runs of a job: each dials anew, and takes nothing of the other along", async (t) => {
  const server = await counting(t, () => `${head}set-cookie: session=1; path=/\r\n\r\n`);
  const url = `http://127.0.0.1:${server.port}`;
  const body = `for (let n = 0; n < 3; n += 1) await c.fetch("${url}/").then((r) => r.text()); return 1;`;
  const runs = await openRuns({ job: { network: [`GET ${url}/*`], body } });
  await runs.run("job");
  t.equal(server.connections.length, 1, "within a run a connection is kept");
  await runs.run("job");
  t.equal(server.connections.length, 2, "between runs it isn't");
  await runs.end(t);
});
