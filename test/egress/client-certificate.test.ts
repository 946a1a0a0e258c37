// A client certificate at egress: which connections show it, which must not, and that none outlives its key. The server is
// a real one that asks for certificates; the issuer's own signs them.
import { createServer, type TLSSocket, connect as tlsConnect } from "node:tls";
import t, { type Test } from "tap";
import { splitSecret } from "../../runtime/adapters/issuers/x509.ts";
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import type { ClientKey } from "../../runtime/model/checked.ts";
import { ExchangeFailure, type HttpClient } from "../../runtime/ports/http-client.ts";
import { type MtlsOptions, selfSigned } from "../../runtime/testkit/mtls-server.ts";
import { openIssuer, openServer, requestFor, signal } from "../adapters/issuers/x509-world.ts";
import { codeOf, get, limits, never, targetAt } from "../adapters/system/undici-world.ts";

const host = "api.partner.test";

interface Held extends ClientKey {
  end(): void;
}

async function openWorld(t: Test, more: Partial<MtlsOptions> = {}) {
  const { issuer, files } = await openIssuer(t);
  const server = await openServer(t, files, { requireCertificate: false, ...more });
  const open = makeUndiciClients({ extraCaForTests: [server.serverAuthority] });
  return {
    server,
    async newKey(): Promise<Held> {
      const { certificate, privateKey } = splitSecret((await issuer.issue(requestFor(), signal)).secret);
      const ended = new AbortController();
      return { certificates: certificate, privateKey, ended: ended.signal, end: () => ended.abort() };
    },
    newClient(): HttpClient {
      const client = open();
      t.teardown(() => client.close());
      return client;
    },
    at: (clientKey: ClientKey | null) => targetAt(server.port, { scheme: "https", host, clientKey }),
  };
}

t.test("[NET-29] connections that show a key serve nothing else: no request without, none with another", async (t) => {
  const { server, newKey, newClient, at } = await openWorld(t);
  const [one, two] = [await newKey(), await newKey()];
  const client = newClient();
  for (const key of [null, one, null, two, one, { ...one }]) await get(client, at(key));
  const serials = server.seen.map(({ serial }) => serial);
  const [none, first, , second] = serials;
  t.equal(none, undefined, "no certificate where none was to be shown");
  t.strictSame(serials, [none, first, none, second, first, first]);
  t.not(first, second);
  const ports = server.seen.map(({ clientPort }) => clientPort);
  t.equal(ports[0], ports[2], "the twin: those without share theirs");
  t.equal(ports[1], ports[4], "and so do those with the same key");
  t.equal(new Set(ports).size, 4, "nothing else is shared; a copy of a key is another key");
});

t.test("[NET-29] two runs that had the same key would not share a connection either", async (t) => {
  const { server, newKey, newClient, at } = await openWorld(t);
  const key = await newKey();
  for (const client of [newClient(), newClient()]) await get(client, at(key));
  t.not(server.seen[0]?.clientPort, server.seen[1]?.clientPort);
});

t.test("[CRED-06] [CRED-07] when a key ends, its connections end with it, and none is opened any more", async (t) => {
  const { server, newKey, newClient, at } = await openWorld(t);
  const [mine, other] = [await newKey(), await newKey()];
  const client = newClient();
  await get(client, at(mine));
  await get(client, at(other));
  await get(client, at(null));
  t.equal(server.sessions.size, 3);
  const closed = Promise.all(
    [...server.sessions].filter((socket) => isOf(socket, server.seen[0]?.serial)).map((socket) => closing(socket)),
  );
  mine.end();
  await closed;
  t.equal(server.sessions.size, 2, "the twins: other connections live on");
  t.equal(await codeOf(get(client, at(mine))), "aborted");
  t.equal(server.seen.length, 3, "and nothing was sent");
  await get(client, at(other));
  t.equal(server.seen[3]?.clientPort, server.seen[1]?.clientPort);
  const ended = await newKey();
  ended.end();
  t.equal(await codeOf(get(client, at(ended))), "aborted", "a key that had ended before its first use opens nothing");
});

function isOf(socket: TLSSocket, serial: string | undefined): boolean {
  return socket.getPeerCertificate().serialNumber?.toLowerCase() === serial;
}

function closing(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

t.test("[CRED-07] a response that is under way when its key ends is cut off", async (t) => {
  const { newKey, newClient } = await openWorld(t);
  const own = await selfSigned(host);
  const slow = createServer({ ...own, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbeginning"));
  });
  await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
  t.teardown(() => slow.close());
  const { port } = slow.address() as { port: number };
  const key = await newKey();
  const client = makeUndiciClients({ extraCaForTests: [own.cert] })();
  t.teardown(() => client.close());
  const target = targetAt(port, { scheme: "https", host, clientKey: key });
  const { body } = await client.exchange(target, null, limits, never());
  const pieces = body[Symbol.asyncIterator]();
  t.equal(Buffer.from((await pieces.next()).value ?? []).toString(), "beginning");
  const rest = pieces.next();
  key.end();
  await t.rejects(rest, { code: "aborted" });
  t.ok(newClient(), "the client itself lives on");
});

t.test("[NET-29] a client that was closed shows nobody's key", async (t) => {
  const { server, newKey, newClient, at } = await openWorld(t);
  const client = newClient();
  await client.close();
  t.equal(await codeOf(get(client, at(await newKey()))), "aborted");
  t.equal(server.seen.length, 0);
});

t.test(
  "[NET-27] [NET-29] no session is resumed with a key: each connection is asked for its certificate",
  async (t) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const { server, newKey, newClient, at } = await openWorld(t, { maxVersion, requireCertificate: true });
      const key = await newKey();
      const resumed: boolean[] = [];
      for (const client of [newClient(), newClient()]) {
        await get(client, at(key));
        for (const socket of server.sessions) resumed.push(socket.isSessionReused());
        await client.close();
      }
      t.ok(resumed.length >= 2);
      t.notOk(resumed.includes(true), maxVersion);
    }
  },
);

t.test("[NET-27] a server that isn't the one it says gets neither the request nor the certificate", async (t) => {
  const { newKey } = await openWorld(t);
  const shown: boolean[] = [];
  const stranger = createServer(
    { ...(await selfSigned(host)), requestCert: true, rejectUnauthorized: false },
    (socket) => shown.push(Object.keys(socket.getPeerCertificate()).length > 0),
  );
  stranger.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  t.teardown(() => stranger.close());
  const { port } = stranger.address() as { port: number };
  const client = makeUndiciClients()();
  t.teardown(() => client.close());
  const target = targetAt(port, { scheme: "https", host, clientKey: await newKey() });
  t.equal(await codeOf(get(client, target)), "net_tls");
  t.strictSame(shown, []);
});

t.test("[NET-27] a server can't have the handshake begun anew in the middle of a connection", async (t) => {
  const { newKey } = await openWorld(t);
  const own = await selfSigned(host);
  let outcome = Promise.withResolvers<"done" | "not done">();
  const options = { ...own, requestCert: true, rejectUnauthorized: false, maxVersion: "TLSv1.2" } as const;
  const asking = createServer(options, (socket) => {
    const { resolve } = outcome;
    socket.on("error", () => {});
    socket.on("close", () => resolve("not done"));
    socket.once("data", () => {
      socket.renegotiate({ requestCert: true, rejectUnauthorized: false }, (error) =>
        resolve(error === null ? "done" : "not done"),
      );
    });
  });
  asking.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => asking.listen(0, "127.0.0.1", resolve));
  t.teardown(() => asking.close());
  const { port } = asking.address() as { port: number };
  const client = makeUndiciClients({ extraCaForTests: [own.cert] })();
  t.teardown(() => client.close());
  const target = targetAt(port, { scheme: "https", host, clientKey: await newKey() });
  const asked = codeOf(get(client, target, { totalMs: 2_000 }));
  t.equal(await outcome.promise, "not done");
  await asked;

  outcome = Promise.withResolvers();
  const willing = tlsConnect({ port, host: "127.0.0.1", servername: host, ca: own.cert }, () => willing.write("hello"));
  willing.on("error", () => {}).resume();
  t.equal(await outcome.promise, "done", "the twin: a client that lets itself be asked again");
  willing.destroy();
});

t.test("a server that refuses the certificate is told apart from one that can't be reached", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const request = requestFor();
  const { secret } = await issuer.issue(request, signal);
  await issuer.revoke(request.lease, signal);
  const server = await openServer(t, files);
  const { certificate, privateKey } = splitSecret(secret);
  const client = makeUndiciClients({ extraCaForTests: [server.serverAuthority] })();
  t.teardown(() => client.close());
  const clientKey = { certificates: certificate, privateKey, ended: signal };
  const code = await codeOf(get(client, targetAt(server.port, { scheme: "https", host, clientKey })));
  t.match(code, /^net_(?:tls|unreachable)$/, "Node's server breaks off; others send an alert");
});

t.test("[CRED-13] a key that is none fails without a word of it", async (t) => {
  const client = makeUndiciClients()();
  t.teardown(() => client.close());
  const clientKey = { certificates: "no PEM", privateKey: "canary-of-a-key", ended: signal };
  const error = await get(client, targetAt(1, { scheme: "https", host, clientKey })).catch((thrown: unknown) => thrown);
  t.ok(error instanceof ExchangeFailure && error.code === "net_tls");
  t.notMatch(`${(error as Error).stack} ${String((error as Error).cause)}`, /canary/);
});
