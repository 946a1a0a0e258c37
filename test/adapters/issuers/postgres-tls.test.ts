// TLS to PostgreSQL as sslmode=verify-full has it: a real server that opens to TLS alone, with certificates of the test's
// own; and one that would rather have none.
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makePostgresIssuer } from "../../../runtime/adapters/issuers/postgres.ts";
import { parseAdminUrl } from "../../../runtime/adapters/issuers/postgres-connection.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import type { Transport } from "../../../runtime/model/issuer.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { startPostgres } from "../../../runtime/testkit/postgres-server.ts";
import { makeAuthority } from "../../egress/authority.ts";
import { openWire } from "./wire.ts";

const signal = new AbortController().signal;
const plain: Transport = { ca: null, client: null, plaintext: false };

function open(t: Test, adminUrl: string, transport: Partial<Transport> = {}, clientKey: string | null = null) {
  const issuer = makePostgresIssuer({
    ...{ name: "warehouse", adminUrl, installation: "0a1b2c3d", clock: systemClock, random: systemRandom, clientKey },
    transport: { ...plain, ...transport },
  });
  t.teardown(() => issuer.close());
  return issuer;
}

t.test("with a real server", async (t) => {
  const authority = makeAuthority(t);
  const served = authority.issue({ names: ["localhost"] });
  const client = authority.issue({ names: ["mayfly"] });
  const foreign = makeAuthority(t);
  const stranger = foreign.issue({ names: ["mayfly"] });
  const directory = t.testdir(); // each call empties it
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const [own, others] = [file("ca.pem", authority.certificate), file("other.pem", foreign.certificate)];
  const shown = (name: string, cert: string) => ({ certificate: file(`${name}.pem`, cert), key: { env: "UNUSED" } });
  const us = { ca: own, client: shown("us", client.cert) };
  const server = await startPostgres({ tls: { ...served, ca: authority.certificate, clients: "asked" } });
  t.teardown(() => server.stop());
  const wire = await openWire(Number(new URL(server.adminUrl).port));
  t.teardown(() => wire.close());
  const byAddress = wire.url(server.adminUrl);
  const byName = byAddress.replace("127.0.0.1", "localhost");

  t.test("the right authority and name, and our own certificate: issue, query, revoke and proof", async (t) => {
    const issuer = open(t, byName, us, client.key);
    const lease = newLease();
    const request = { lease, job: "j", tenant: "t", scope: ["select:public.sales"], purpose: "p" };
    await t.rejects(
      issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal),
      { code: "issuer_refused", message: /42P01/ },
      "the server answers: there is no such table yet",
    );
    const setup = open(t, byName, us, client.key);
    t.strictSame(await setup.sweep(signal), []);
    const { Client } = await import("pg");
    const root = new Client({
      ...{ connectionString: byName, ssl: { ca: authority.certificate, cert: client.cert, key: client.key } },
    });
    await root.connect();
    await root.query("CREATE TABLE public.sales AS SELECT 7 AS id");
    await root.end();
    const { secret } = await issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal);
    const bounds = { params: [], write: false, rowsMax: 10, bytesMax: 1_000, timeMs: 10_000 };
    const asked = await issuer.query?.(lease, secret, { sql: "SELECT id FROM public.sales", ...bounds }, signal);
    t.strictSame(asked?.rows, [[7]], "the leased role's connection too");
    await issuer.revoke(lease, signal);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead", how: /login: refused 28P01/ });
    t.notMatch(wire.sent(), /postgres|mayfly_|SELECT/, "nothing can be read on the way");
  });

  t.test(
    "any other authority or name is refused before a password is sent; so is who shows no certificate",
    async (t) => {
      const refused: [why: string, url: string, transport: Partial<Transport>, key: string | null, code: string][] = [
        ["another authority", byName, { ...us, ca: others }, client.key, "issuer_unavailable"],
        ["Node's own authorities", byName, { client: us.client }, client.key, "issuer_unavailable"],
        ["another name: the address", byAddress, us, client.key, "issuer_unavailable"],
        ["no client certificate", byName, { ca: own }, null, "issuer_refused"],
        [
          "a stranger's",
          byName,
          { ca: own, client: shown("stranger", stranger.cert) },
          stranger.key,
          "issuer_unavailable",
        ],
        ["plaintext", byAddress, {}, null, "issuer_refused"],
      ];
      for (const [why, url, transport, key, code] of refused) {
        const outcome = await open(t, url, transport, key)
          .sweep(signal)
          .then(
            () => "accepted",
            (error) => error.code,
          );
        t.equal(outcome, code, why);
      }
    },
  );

  t.test("a file that isn't there, or has no certificate in it", async (t) => {
    for (const ca of [join(directory, "nowhere.pem"), file("empty.pem", "# nothing\n")]) {
      t.throws(() => open(t, byName, { ca }), { code: "config_invalid", message: /tls\.ca/ });
    }
  });
});

t.test("a server, or somebody on the way, that says it has no TLS gets nothing to read", async (t) => {
  const heard: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      heard.push(bytes);
      socket.write("N");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const issuer = open(t, `postgres://postgres:hunter2@localhost:${port}/postgres`);
  await t.rejects(issuer.sweep(signal), { code: "issuer_unavailable", message: /does not support SSL/ });
  t.ok(heard.length > 0);
  for (const bytes of heard) t.equal(bytes.toString("hex"), "0000000804d2162f", "the request for TLS, and no more");
});

t.test("plaintext is for loopback addresses, or on the author's word; files are TLS anywhere", async (t) => {
  const at = (host: string, transport: Partial<Transport> = {}) =>
    parseAdminUrl(`postgres://u:p@${host}/db`, { ...plain, ...transport }, null).tls;
  const ca = join(t.testdir({ "ca.pem": makeCertificate(t) }), "ca.pem");
  for (const host of ["127.0.0.1", "127.9.9.9:5433", "[::1]"]) t.equal(at(host), null, host);
  for (const host of [
    "localhost",
    "db.example",
    "10.0.0.1",
    "[fd00::1]",
    "128.0.0.1",
    "127.0.0.1.example",
    "0.0.0.0",
  ]) {
    t.match(at(host), { rejectUnauthorized: true, minVersion: "TLSv1.2" }, host);
    t.equal(at(host, { plaintext: true }), null, `${host}, on his word`);
    t.match(at(host, { plaintext: true, ca }), { rejectUnauthorized: true, ca: /BEGIN CERTIFICATE/ });
  }
  t.match(at("127.0.0.1", { ca }), { rejectUnauthorized: true });
  t.equal(at("db.example")?.servername, "db.example");
  t.equal(at("10.0.0.1")?.servername, undefined);
});

function makeCertificate(t: Test): string {
  return makeAuthority(t).certificate;
}
