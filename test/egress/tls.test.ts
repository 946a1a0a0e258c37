// TLS as a run's egress takes it: whose certificate is believed, what is said before it is, and what two names or two
// runs share (nothing). The authorities are the test's own; the adapter's test seam lets a client trust one of them.

import { createSecureServer } from "node:http2";
import type { Socket } from "node:net";
import { createServer, type TLSSocket, type TlsOptions, connect as tlsConnect } from "node:tls";
import t, { type Test } from "tap";
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import { makeConnector, makeSocketSet, makeTrust } from "../../runtime/adapters/system/undici-connect.ts";
import { codeOf, get, targetAt } from "../adapters/system/undici-world.ts";
import { type Issued, makeAuthority } from "./authority.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const api = "api.partner.test";

interface Hello {
  servername: string | false;
  resumed: boolean;
  protocol: string | null;
  alpn: string | false | null;
  /** What came in the clear of TLS. */
  bytes: string;
}

/** An https server that notes each connection; one whose handshake fails never gets that far. */
async function server(t: Test, options: TlsOptions) {
  const hellos: Hello[] = [];
  const open = new Set<Socket>();
  const listening = createServer(options, (socket: TLSSocket) => {
    const { servername = false } = socket as { servername?: string | false };
    const hello: Hello = {
      servername,
      resumed: socket.isSessionReused(),
      protocol: socket.getProtocol(),
      alpn: socket.alpnProtocol,
      bytes: "",
    };
    hellos.push(hello);
    open.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      hello.bytes += chunk.toString("latin1");
      if (hello.bytes.endsWith("\r\n\r\n")) socket.write(ok);
    });
  });
  listening.on("tlsClientError", () => {});
  listening.on("connection", (socket: Socket) => open.add(socket));
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => listening.close(resolve));
  });
  return { port: (listening.address() as { port: number }).port, hellos };
}

function clientsOf(t: Test, trusted: readonly string[]) {
  const open = makeUndiciClients({ extraCaForTests: trusted });
  return () => {
    const client = open();
    t.teardown(() => client.close());
    return client;
  };
}

const at = (port: number, host = api) => targetAt(port, { scheme: "https", host });

t.test(
  "[NET-27] a certificate of another name, out of date, signed by itself or by a stranger: no byte is sent",
  async (t) => {
    const authority = makeAuthority(t);
    const good = authority.issue({ names: [api] });
    const old: TlsOptions = { ...good, minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" };
    const bad: Record<string, TlsOptions> = {
      "wrong name": authority.issue({ names: ["other.partner.test"] }),
      "a name above it": authority.issue({ names: ["partner.test"] }),
      "no name, but an address": authority.issue({ names: ["x.test"], addresses: ["127.0.0.1"] }),
      expired: authority.issue({ names: [api], expired: true }),
      "self-signed": authority.issue({ names: [api], selfSigned: true }),
      "a stranger's": makeAuthority(t).issue({ names: [api] }),
      "TLS 1.0": { ...old, maxVersion: "TLSv1" },
      "TLS 1.1": { ...old, maxVersion: "TLSv1.1" },
    };
    const open = clientsOf(t, [authority.certificate]);
    for (const [name, options] of Object.entries(bad)) {
      const { port, hellos } = await server(t, options);
      t.equal(await codeOf(get(open(), at(port))), "net_tls", name);
      t.equal(hellos.map(({ bytes }) => bytes).join(""), "", `${name}: nothing was said`);
    }
    const { port, hellos } = await server(t, good);
    t.equal(await codeOf(get(open(), at(port))), "answered", "the twin: a good one");
    t.match(hellos[0], { protocol: "TLSv1.3", bytes: /^GET / });
  },
);

t.test("[NET-27] an authority that is trusted no more: what it signed is refused", async (t) => {
  const authority = makeAuthority(t);
  const { port, hellos } = await server(t, authority.issue({ names: [api] }));
  t.equal(await codeOf(get(clientsOf(t, [authority.certificate])(), at(port))), "answered");
  t.equal(await codeOf(get(clientsOf(t, [])(), at(port))), "net_tls");
  t.equal(hellos.filter(({ bytes }) => bytes !== "").length, 1, "nothing was said to it");
});

t.test(
  "[NET-27] a certificate on a revocation list is refused where one is given; production gives none",
  async (t) => {
    const authority = makeAuthority(t);
    const [revoked, good] = [authority.issue({ names: [api] }), authority.issue({ names: [api] })];
    const list = authority.revocationList(revoked);
    const trust = makeTrust([authority.certificate], { revocationLists: [list] });
    const errorOf = async (options: Issued) => {
      const { port } = await server(t, options);
      return dial({ address: "127.0.0.1", port, host: api, tls: trust });
    };
    t.equal(await errorOf(revoked), "CERT_REVOKED");
    t.equal(await errorOf(good), "connected", "the twin: the same list, another certificate");
    const { port } = await server(t, revoked);
    const without = makeTrust([authority.certificate]);
    t.equal(await dial({ address: "127.0.0.1", port, host: api, tls: without }), "connected", "as runs have it");
  },
);

function dial(to: Parameters<typeof makeConnector>[0]): Promise<string> {
  const sockets = makeSocketSet();
  const connect = makeConnector(to, sockets);
  const options = { hostname: to.host, protocol: "https:", port: String(to.port) };
  return new Promise((resolve) => {
    connect(options, (error, socket) => {
      socket?.destroy();
      resolve(error === null ? "connected" : String((error as { code?: string }).code));
    });
  });
}

t.test("[NET-27] the name in the TLS greeting is the one in the Host header, for every host", async (t) => {
  const authority = makeAuthority(t);
  const names = [api, "other.partner.test"];
  const { port, hellos } = await server(t, authority.issue({ names, addresses: ["127.0.0.1"] }));
  const client = clientsOf(t, [authority.certificate])();
  for (const host of names) await get(client, at(port, host));
  for (const { servername, bytes } of hellos) t.match(bytes, `host: ${servername}:${port}\r\n`);
  t.equal(hellos.length, 2);
  await get(client, at(port, "127.0.0.1"));
  t.match(hellos[2], { servername: false, bytes: /host: 127\.0\.0\.1:/ }, "an address is no server name");
});

t.test("[NET-27] [NET-29] no TLS session is resumed, in the same run or in another", async (t) => {
  const authority = makeAuthority(t);
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const options = { ...authority.issue({ names: [api] }), minVersion: version, maxVersion: version };
    const { port, hellos } = await server(t, options);
    const open = clientsOf(t, [authority.certificate]);
    for (const client of [open(), open()]) {
      await get(client, at(port));
      await client.close();
    }
    t.strictSame(
      hellos.map(({ resumed }) => resumed),
      [false, false],
      version,
    );
    await resumes(port, authority.certificate);
    t.equal(hellos.at(-1)?.resumed, true, `${version}: the twin, a client that keeps its ticket, is seen`);
  }
});

/** A plain client that connects twice, the second time with the ticket of the first. */
async function resumes(port: number, ca: string): Promise<void> {
  const options = { port, host: "127.0.0.1", servername: api, ca };
  const session = await new Promise<Buffer>((resolve, reject) => {
    const socket = tlsConnect(options, () => socket.write("GET / HTTP/1.1\r\n\r\n"));
    socket.on("error", reject).resume();
    socket.once("session", (ticket) => {
      resolve(ticket);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    const socket = tlsConnect({ ...options, session }, () => socket.write("GET / HTTP/1.1\r\n\r\n"));
    socket.on("error", reject).once("data", () => {
      socket.destroy();
      resolve();
    });
  });
}

t.test(
  "[NET-28] HTTP/2 is never spoken: two names of one certificate at one address have a connection each",
  async (t) => {
    const authority = makeAuthority(t);
    const issued = authority.issue({ names: ["*.partner.test"] });
    const offers: (string | false | null)[] = [];
    const http2 = createSecureServer({ ...issued, allowHTTP1: true }, (request, response) =>
      response.end(request.httpVersion),
    );
    http2.on("secureConnection", (socket: TLSSocket) => offers.push(socket.alpnProtocol));
    await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", resolve));
    t.teardown(() => new Promise((resolve) => http2.close(resolve)));
    const { port } = http2.address() as { port: number };
    const client = clientsOf(t, [authority.certificate])();
    for (const host of [api, "other.partner.test", api]) {
      t.equal(Buffer.from((await get(client, at(port, host))).body).toString(), "1.1", host);
    }
    t.strictSame(offers, ["http/1.1", "http/1.1"], "one connection a name, and h2 was not offered");
    const only2 = await server(t, { ...issued, ALPNProtocols: ["h2"] });
    t.equal(await codeOf(get(client, at(only2.port))), "net_tls", "a server of HTTP/2 alone is none for us");
    t.equal(only2.hellos.length, 0);
  },
);
