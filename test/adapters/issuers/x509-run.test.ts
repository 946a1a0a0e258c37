// A client certificate in the whole runtime: a real job in a real executor talks to a real mTLS server, never holds the key,
// and when it has ended nobody can use its certificate any more.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { splitSecret } from "../../../runtime/adapters/issuers/x509.ts";
import { publishedFiles } from "../../../runtime/adapters/issuers/x509-publication.ts";
import { makeUndiciClients } from "../../../runtime/adapters/system/undici-client.ts";
import { openRuntime, type Runtime } from "../../../runtime/compose.ts";
import { parseConfig } from "../../../runtime/config.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { IssuedCredential } from "../../../runtime/ports/credential-issuer.ts";
import { type MtlsServer, startMtlsServer, tryCertificate } from "../../../runtime/testkit/mtls-server.ts";
import { scriptBundle } from "../../support/runs.ts";

/** @param onLog called with the runtime when the job logs. */
async function openWorld(t: Test, body: string, onLog?: (runtime: Runtime, server: MtlsServer) => Promise<void>) {
  const { name: directory } = tmp.dirSync({ prefix: "mayfly-x509-", mode: 0o700, keep: true });
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  symlinkSync(join(directory, ".mayfly", "published", "x509", "partner"), join(directory, "published"));
  const files = publishedFiles(join(directory, "published"));
  const server = await startMtlsServer({
    name: "partner.test",
    authorityFile: files.authority,
    listFile: files.list,
    requireCertificate: false,
  });
  t.teardown(() => server.stop());
  const host = `127.0.0.1:${server.port}`;
  const words = {
    issuers: { partner: { kind: "x509" as const } },
    jobs: {
      sync: {
        entry: "./sync.ts",
        credential: {
          ...{ issuer: "partner", scope: ["role:orders-reader"], ttl: "2m", purpose: "order sync" },
          ...{ place: { tls: "client" as const }, hosts: [host] },
        },
        network: { allow: [`GET https://${host}/*`] },
        limits: { wall: "30s" },
      },
    },
  };
  const issued: IssuedCredential[] = [];
  let heard: Promise<void> | undefined;
  const runtime: Runtime = await openRuntime({
    config: parseConfig(words, { directory, path: join(directory, "sandbox.config.ts") }),
    role: "test",
    osSandbox: "preferred",
    env: process.env,
    onEvent: (event) => {
      if (event.type === "log") heard = onLog?.(runtime, server);
    },
    onWarning: () => {},
    warm: false,
    world: {
      bundle: async () => scriptBundle(body.replaceAll("$HOST", host)),
      openHttpClient: makeUndiciClients({ extraCaForTests: [server.serverAuthority] }),
      around: {
        store: (store) => store,
        issuer: (_name, issuer) => ({
          ...issuer,
          async issue(...args) {
            const made = await issuer.issue(...args);
            issued.push(made);
            return made;
          },
        }),
      },
    },
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= runtime.close();
    return closing;
  };
  t.teardown(close);
  const { id, done } = await runtime.scheduler.submit({ job: "sync", input: "null", trigger: { kind: "test" } });
  const record = await done;
  await heard;
  return { directory, server, installation: runtime.store.installation, issued, id, record, close };
}

t.test("[CRED-06] [CRED-17] a job uses a certificate that it never holds, and afterwards nobody can", async (t) => {
  const { directory, server, installation, issued, id, record, close } = await openWorld(
    t,
    `
    const before = await (await fetch("https://$HOST/before")).json();
    const value = await c.credential.fetch();
    const during = [];
    for (let count = 0; count < 3; count += 1) during.push(await (await fetch("https://$HOST/during")).json());
    return { before, value, during };
    `,
  );
  t.equal(record.state, "succeeded", JSON.stringify(record.error));
  const name = `URI:spiffe://${installation}.mayfly/tenant/default/job/sync/run/${runIdDigits(id)}`;
  const result = record.result as { before: object; value: string; during: object[] };
  t.same(result.before, { name: null, units: [] }, "nothing was shown before the job asked for it");
  t.same(result.during[0], { name, units: ["role:orders-reader"] });
  t.equal(new Set(server.seen.slice(1).map(({ clientPort }) => clientPort)).size, 1, "one connection of its own");
  t.not(server.seen[0]?.clientPort, server.seen[1]?.clientPort);

  t.match(record.lease, { state: "revoked", proof: /^crl\.pem \d+, its signature verified: has serial / });
  t.match(record.teardown, { lease: "confirmed", sockets: "confirmed" });
  for (const session of server.sessions) await once(session, "close"); // ended by us: the server hears of it in a moment
  t.equal(server.sessions.size, 0, "no connection is left");
  const client = splitSecret(issued[0]?.secret ?? "");
  t.match(client.privateKey, /BEGIN PRIVATE KEY/);
  t.match(result.value, /^mayfly-sealed-/, "what the job held");
  const other = await startMtlsServer({ ...publishedOptions(directory), name: "strict.test" });
  t.teardown(() => other.stop());
  t.equal(await tryCertificate(other, client), "refused");
  t.equal(other.seen.length, 0);

  await close();
  for (const part of issued[0]?.parts ?? []) {
    const found = execFileSync("sh", ["-c", 'grep -rlF -e "$1" "$2" || true', "sh", part, join(directory, ".mayfly")]);
    t.equal(found.toString(), "", "no file of the state has the key");
  }
});

function publishedOptions(directory: string) {
  const { authority, list } = publishedFiles(join(directory, "published"));
  return { authorityFile: authority, listFile: list };
}

t.test("a job that doesn't ask for it shows none, and nothing is signed", async (t) => {
  const { server, issued, record } = await openWorld(t, `return await (await fetch("https://$HOST/")).json();`);
  t.same(record.result, { name: null, units: [] });
  t.equal(record.lease, null);
  t.equal(issued.length, 0);
  t.equal(server.seen[0]?.serial, undefined);
});

t.test(
  "[CRED-07] revoked while its run goes on: the open connection is cut, and the job hears that it has ended",
  async (t) => {
    let connections: { before: number; after: number } | undefined;
    const { server, record } = await openWorld(
      t,
      `
    await c.credential.fetch();
    await (await fetch("https://$HOST/before")).text();
    c.log.info("in use");
    for (;;) {
      try {
        await (await fetch("https://$HOST/again")).text();
      } catch (error) {
        return error.code;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    `,
      async (runtime, server) => {
        const before = server.sessions.size;
        const cut = [...server.sessions].map((session) => once(session, "close"));
        await runtime.broker.revoke({ all: true }, "test");
        await Promise.all(cut);
        connections = { before, after: server.sessions.size };
      },
    );
    t.same(connections, { before: 1, after: 0 });
    t.match(String(record.result), /^(?:ended|aborted)$/, "aborted: the one request that was on its way");
    t.match(record.lease, { state: "revoked" });
    t.ok(
      server.seen.every(({ serial }) => serial !== undefined),
      "nothing went out without it",
    );
  },
);
