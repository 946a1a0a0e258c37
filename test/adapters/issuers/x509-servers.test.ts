// Certificates at servers that aren't ours: nginx with the configuration of docs/issuers/x509.md, openssl's own server, and the
// probe, which asks a server whether a certificate is still taken.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeX509Issuer, splitSecret } from "../../../runtime/adapters/issuers/x509.ts";
import { tryAtProbe } from "../../../runtime/adapters/issuers/x509-probe.ts";
import { selfSigned, tryCertificate } from "../../../runtime/testkit/mtls-server.ts";
import { startNginx } from "../../../runtime/testkit/nginx-server.ts";
import { freePort } from "../../crash/random.ts";
import { openIssuer, openServer, requestFor, signal } from "./x509-world.ts";

const program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].find((path) => existsSync(path));
const needsNginx = program === undefined ? { skip: "nginx is not installed" } : {};

t.test("[CRED-31] [CRED-06] nginx lets in the role, and nobody once it has read the list", needsNginx, async (t) => {
  const { issuer, files, directory } = await openIssuer(t);
  const name = "api.partner.test";
  const options = { name, authorityFile: files.authority, listFile: files.list, role: "role:orders-reader" };
  const nginx = await startNginx(program ?? "", options);
  t.teardown(() => nginx.stop());
  const [reader, writer] = [
    requestFor({ scope: ["other", "role:orders-reader"] }),
    requestFor({ scope: ["role:orders-reader-not"] }),
  ];
  const shown = splitSecret((await issuer.issue(reader, signal)).secret);
  const url = new URL(`https://127.0.0.1:${nginx.port}/`);
  const ca = join(directory, "server.pem");
  writeFileSync(ca, nginx.serverAuthority);
  const ask = (client: typeof shown) => tryAtProbe({ url, ca }, client, signal);
  t.match(await ask(shown), { verdict: "accepted", how: "probe: accepted (200)" });
  const other = splitSecret((await issuer.issue(writer, signal)).secret);
  t.match(await ask(other), { verdict: "refused", how: "probe: refused (403)" }, "without the role");

  await issuer.revoke(reader.lease, signal);
  t.match(await ask(shown), { verdict: "accepted" }, "nginx knows nothing of a list that it hasn't read");
  await nginx.reload();
  t.match(await ask(shown), { verdict: "refused", how: "probe: refused (400)" });
});

/** `openssl s_server`, which reads its list when it starts. */
async function startOpenssl(t: Test, directory: string, files: { authority: string; list: string }) {
  const own = await selfSigned("api.partner.test");
  const port = await freePort();
  writeFileSync(join(directory, `${port}.pem`), own.cert + own.key);
  const trust = ["-CAfile", files.authority, "-CRL", files.list, "-crl_check", "-Verify", "1", "-verify_return_error"];
  const listen = ["-accept", `127.0.0.1:${port}`, "-cert", join(directory, `${port}.pem`), "-www"];
  const child = spawn("openssl", ["s_server", ...trust, ...listen], { stdio: ["ignore", "pipe", "ignore"] });
  const gone = once(child, "exit");
  t.teardown(() => {
    child.kill("SIGKILL");
    return gone;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => chunk.includes("ACCEPT") && resolve());
    child.once("exit", (code) => reject(new Error(`openssl s_server ended with ${code}`)));
  });
  return { port, serverAuthority: own.cert };
}

t.test("[CRED-31] openssl's server takes what stands and refuses what stands on the list", async (t) => {
  const { issuer, files, directory } = await openIssuer(t);
  const [mine, other] = [requestFor(), requestFor()];
  const [revoked, standing] = [await issuer.issue(mine, signal), await issuer.issue(other, signal)].map(({ secret }) =>
    splitSecret(secret),
  );
  if (revoked === undefined || standing === undefined) return t.fail("no certificates");
  const before = await startOpenssl(t, directory, files);
  t.equal(await tryCertificate(before, revoked), "accepted");
  await issuer.revoke(mine.lease, signal);
  const after = await startOpenssl(t, directory, files);
  t.equal(await tryCertificate(after, revoked), "refused");
  t.equal(await tryCertificate(after, standing), "accepted", "the twin");
});

t.test("with a probe, a lease isn't dead before the server has read the list", async (t) => {
  const directory = t.testdir();
  const { issuer: maker, parts, files } = await openIssuer(t, {}, directory);
  const stale = { ...files, list: join(directory, "stale.pem") };
  copyFileSync(files.list, stale.list);
  const server = await openServer(t, stale);
  const ca = join(directory, "server.pem");
  writeFileSync(ca, server.serverAuthority);
  const issuer = await makeX509Issuer({
    ...parts,
    probe: { url: new URL(`https://127.0.0.1:${server.port}/`), ca },
  });
  t.teardown(() => issuer.close());
  const request = requestFor();
  const { secret } = await issuer.issue(request, signal);
  await issuer.revoke(request.lease, signal);
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "alive", how: /; probe: accepted \(200\)$/ });
  t.match(
    await maker.prove(request.lease, secret, signal),
    { verdict: "dead" },
    "the twin: without a probe, the list is all",
  );
  t.match(await issuer.prove(request.lease, undefined, signal), { verdict: "dead" }, "nothing to show, nothing to try");
  copyFileSync(files.list, stale.list);
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "dead", how: /; probe: / });
  t.notOk(server.seen.some(({ path }) => path.includes("PRIVATE")));
});

t.test("a probe that says nothing is no proof, neither of a life nor of a death", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const client = splitSecret((await issuer.issue(requestFor(), signal)).secret);
  const at = (port: number, ca: string | null = null) =>
    tryAtProbe({ url: new URL(`https://127.0.0.1:${port}/`), ca }, client, signal);
  t.match(await at(await freePort()), { verdict: "unknown", how: "probe: no answer (ECONNREFUSED)" });
  const server = await openServer(t, files);
  t.match(await at(server.port), { verdict: "unknown", how: /no answer \([A-Z_]*SELF_SIGNED/ }, "a stranger's server");
  t.equal(server.seen.length, 0, "which is not asked");
  t.match(await at(server.port, "/nowhere/ca.pem"), { verdict: "unknown", how: "probe: not asked (ENOENT)" });
  const gone = tryAtProbe({ url: new URL("https://127.0.0.1:1/"), ca: null }, client, AbortSignal.abort());
  t.match(await gone, { verdict: "unknown" });
});
