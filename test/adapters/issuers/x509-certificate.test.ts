// What a client certificate says, as openssl reads it; and what is refused before it leaves.

import t from "tap";
import { splitSecret } from "../../../runtime/adapters/issuers/x509.ts";
import { openAuthority, pemOf, signingAlgorithm } from "../../../runtime/adapters/issuers/x509-authority.ts";
import { refuseOther, runOfSerial, serialFor, signClient } from "../../../runtime/adapters/issuers/x509-certificate.ts";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  type X509CertificateCreateWithKeyParams,
  X509CertificateGenerator,
} from "../../../runtime/adapters/issuers/x509-library.ts";
import { checkScope } from "../../../runtime/adapters/issuers/x509-scope.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { type RunId, runIdDigits } from "../../../runtime/model/ids.ts";
import { spiffeIdOf } from "../../../runtime/model/spiffe.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { openssl, opensslVerify, withFile } from "../../../runtime/testkit/openssl.ts";
import { memoryKeys, openIssuer, partsIn, requestFor, signal } from "./x509-world.ts";

function nameOf(runId: RunId): string {
  return spiffeIdOf("0a1b2c3d.mayfly", { tenant: "acme", job: "order-sync", runId });
}

t.test("[CRED-31] openssl reads one name, one purpose, no power to sign, and the scope in the subject", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const request = requestFor({ scope: ["role:orders-reader", "orders/eu"] });
  const { secret, expiresAt } = await issuer.issue(request, signal);
  const { certificate } = splitSecret(secret);
  const { text } = await withFile(certificate, (file) => openssl(["x509", "-in", file, "-noout", "-text"]));
  const digits = runIdDigits(request.lease.runId);
  t.match(text, /Subject: O = mayfly-0a1b2c3d, OU = role:orders-reader, OU = orders\/eu\n/, "no CN");
  t.match(
    text,
    new RegExp(
      `X509v3 Subject Alternative Name: \n +URI:spiffe://0a1b2c3d.mayfly/tenant/acme/job/order-sync/run/${digits}\n`,
    ),
  );
  t.match(text, /Basic Constraints: critical\n +CA:FALSE\n/);
  t.match(text, /Key Usage: critical\n +Digital Signature\n/);
  t.match(text, /Extended Key Usage: \n +TLS Web Client Authentication\n/);
  t.equal(text.match(/X509v3 [A-Z]/g)?.length, 5, "five extensions and no more");
  t.match(text, /Public Key Algorithm: id-ecPublicKey\n +Public-Key: \(256 bit\)/);
  const until = /Not After : (.*)/.exec(text)?.[1] ?? "";
  t.equal(Date.parse(until), expiresAt, "the second that was said");
  t.ok(expiresAt <= request.expiresAt && request.expiresAt - expiresAt < 1_000);

  t.equal(await opensslVerify(certificate, files, ["-x509_strict", "-purpose", "sslclient"]), "OK");
  t.match(await opensslVerify(certificate, files, ["-purpose", "sslserver"]), /purpose/, "it is no server's");
  const ca = await openssl(["x509", "-in", files.authority, "-noout", "-text"]);
  t.match(ca.text, /CA:TRUE, pathlen:0\n/);
  t.match(ca.text, /Key Usage: critical\n +Certificate Sign, CRL Sign\n/);
});

t.test("[CRED-31] whoever has a certificate can't sign another with it", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const { certificate, privateKey } = splitSecret((await issuer.issue(requestFor(), signal)).secret);
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const der = Buffer.from(privateKey.replace(/-----[A-Z ]+-----|\n/g, ""), "base64");
  const stolen = await crypto.subtle.importKey("pkcs8", der, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const forged = await X509CertificateGenerator.create({
    issuer: new X509Certificate(certificate).subjectName,
    subject: [{ O: ["mayfly-0a1b2c3d"] }, { OU: ["role:admin"] }],
    publicKey: pair.publicKey,
    signingKey: stolen,
    signingAlgorithm,
  });
  const said = await withFile(certificate, (untrusted) =>
    opensslVerify(pemOf(forged), files, ["-untrusted", untrusted]),
  );
  t.not(said, "OK");
});

t.test(
  "[CRED-32] clocks of servers may be five minutes off: no certificate is of the future, none outlives its time",
  async (t) => {
    const { issuer, files } = await openIssuer(t);
    const { secret, expiresAt } = await issuer.issue(requestFor(), signal);
    const { certificate } = splitSecret(secret);
    const now = Math.floor(systemClock.nowMs() / 1_000);
    // The list is not looked at: it is signed now, and a server of the past would not read it.
    const at = (epochS: number) =>
      withFile(certificate, (file) =>
        openssl(["verify", "-CAfile", files.authority, "-attime", String(epochS), file]),
      ).then(({ code, text }) => (code === 0 ? "OK" : text));
    t.equal(await at(now - 298), "OK", "a server five minutes behind");
    t.match(await at(now - 900), /not yet valid/);
    t.equal(await at(expiresAt / 1_000 - 1), "OK", "the last second");
    t.match(await at(expiresAt / 1_000 + 1), /has expired/);
  },
);

t.test("[CRED-31] what was signed is read again: a power that nobody ordered never leaves", async (t) => {
  const { parts } = partsIn(t.testdir());
  const authority = await openAuthority(parts);
  const { runId } = newLease();
  const now = Math.floor(systemClock.nowMs() / 1_000) * 1_000;
  const order = {
    serial: serialFor(runId, systemRandom.bytes(4)),
    uri: nameOf(runId),
    organization: "mayfly-0a1b2c3d",
    scope: ["orders:read"],
    notBefore: now - 1_000,
    notAfter: now + 60_000,
  };
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { certificate } = await signClient(authority, order);
  t.doesNotThrow(() => refuseOther(certificate, order), "the twin: as it was ordered");

  const asOrdered = [...new X509Certificate(certificate).extensions];
  const instead = (changed: Extension): Extension[] =>
    asOrdered.map((extension) => (extension.type === changed.type ? changed : extension));
  const url = { type: "url", value: order.uri } as const;
  const signed = async (changes: Partial<X509CertificateCreateWithKeyParams>) =>
    pemOf(
      await X509CertificateGenerator.create({
        serialNumber: order.serial,
        issuer: authority.certificate.subjectName,
        subject: [{ O: [order.organization] }, { OU: ["orders:read"] }],
        notBefore: new Date(order.notBefore),
        notAfter: new Date(order.notAfter),
        publicKey: pair.publicKey,
        signingKey: authority.signingKey,
        signingAlgorithm,
        extensions: asOrdered,
        ...changes,
      }),
    );
  const twin = await signed({});
  t.doesNotThrow(() => refuseOther(twin, order), "the twin: by the hand that signs the bad ones");
  const names = (...all: ConstructorParameters<typeof SubjectAlternativeNameExtension>[0][]) =>
    instead(new SubjectAlternativeNameExtension(all.flat() as never));
  const bad: Record<string, Partial<X509CertificateCreateWithKeyParams>> = {
    "the CA bit": { extensions: instead(new BasicConstraintsExtension(true, undefined, true)) },
    "no word of the CA bit": { extensions: asOrdered.filter(({ type }) => type !== "2.5.29.19") },
    "usage keyCertSign": { extensions: instead(new KeyUsagesExtension(1 | 32, true)) },
    "a server's purpose": {
      extensions: instead(new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"])),
    },
    "a wildcard name": { extensions: names([url, { type: "dns", value: "*.partner.example" }]) },
    "an IP name": { extensions: names([url, { type: "ip", value: "127.0.0.1" }]) },
    "another run's name": { extensions: names([{ type: "url", value: nameOf(newLease().runId) }]) },
    "no name": { extensions: names([]) },
    "an extension more": { extensions: [...asOrdered, new KeyUsagesExtension(1, true)] },
    "a common name": { subject: [{ O: [order.organization] }, { OU: ["orders:read"] }, { CN: ["admin"] }] },
    "a scope more": { subject: [{ O: [order.organization] }, { OU: ["orders:read"] }, { OU: ["orders:write"] }] },
    "another serial": { serialNumber: serialFor(newLease().runId, systemRandom.bytes(4)) },
    "a longer life": { notAfter: new Date(order.notAfter + 1_000) },
    "an earlier life": { notBefore: new Date(order.notBefore - 1_000) },
  };
  for (const [name, changes] of Object.entries(bad)) {
    const pem = await signed(changes);
    t.throws(() => refuseOther(pem, order), { code: "issuer_garbage" }, name);
  }
});

t.test("[CRED-31] [CRED-36] a scope gives neither names nor powers, and no pattern", (t) => {
  for (const fine of [["role:orders-reader"], ["a"], ["A.b_c~d:e/f-g", "x"], ["x".repeat(64)]])
    t.doesNotThrow(() => checkScope(fine), JSON.stringify(fine));
  const bad = [
    ...[["CA:TRUE"], ["ca:true"], ["DNS:partner.example"], ["IP:127.0.0.1"], ["URI:spiffe://x/y"], ["critical:x"]],
    ...[["a=b"], ["a,OU=b"], ["a+b"], ['a"b'], ["a\\,b"], ["a;b"], ["<a>"], ["#04"], [" a"], ["a "], ["*"], ["a*"]],
    ...[["a\0b"], ["é"], ["x".repeat(65)], [""], [], Array.from({ length: 17 }, (_, index) => `role:${index}`)],
  ];
  for (const scope of bad) t.throws(() => checkScope(scope), { code: "scope_invalid" }, JSON.stringify(scope));
  t.doesNotThrow(() => checkScope(Array.from({ length: 16 }, (_, index) => `role:${index}`)));
  t.end();
});

t.test("[CRED-31] a serial number is positive, of twenty bytes, and says whose run it is of", (t) => {
  const { runId } = newLease();
  const edges = [new Uint8Array(4), new Uint8Array(4).fill(255), systemRandom.bytes(4)];
  for (const random of edges) {
    const serial = serialFor(runId, random);
    t.match(serial, /^[4-7][0-9a-f]{39}$/);
    t.equal(runOfSerial(serial), runId);
  }
  t.not(serialFor(runId, systemRandom.bytes(4)), serialFor(runId, systemRandom.bytes(4)));
  t.end();
});

t.test("an expiry beyond the authority's own, or below a second, is refused", async (t) => {
  const { issuer } = await openIssuer(t);
  const late = requestFor({ expiresAt: systemClock.nowMs() + 11 * 365 * 86_400_000 });
  await t.rejects(issuer.issue(late, signal), { code: "issuer_refused", message: /outlive its authority/ });
  const second = Math.floor(systemClock.nowMs() / 1_000) * 1_000;
  await t.rejects(issuer.issue(requestFor({ expiresAt: second }), signal), { code: "issuer_refused" });
  t.same(await issuer.sweep(signal), []);
});

t.test("[CRED-26] the authority's key is in the key store and nowhere that servers read", async (t) => {
  const keys = memoryKeys();
  const { issuer, files } = await openIssuer(t, { keys });
  await issuer.issue(requestFor(), signal);
  const { privateKey } = JSON.parse(new TextDecoder().decode(keys.kept.get("x509-partner"))) as Record<string, string>;
  const { readFileSync } = await import("node:fs");
  for (const file of [files.authority, files.list]) {
    const text = readFileSync(file, "utf8");
    t.notMatch(text, /PRIVATE KEY/);
    t.notOk(text.replaceAll("\n", "").includes(String(privateKey).slice(48, 80)));
  }
  const again = await openIssuer(t, { keys });
  t.equal(readFileSync(again.files.authority, "utf8"), readFileSync(files.authority, "utf8"), "and it stays the same");
  keys.kept.set("x509-partner", new TextEncoder().encode('{"certificate":"x","privateKey":"canary"}'));
  const error = await openIssuer(t, { keys }).catch((thrown: unknown) => thrown);
  t.match(error, { code: "state_directory" });
  t.notMatch(String((error as Error).stack), /canary/);
});

t.test("[CRED-13] each line that holds some of a key, and the key as one text, are said to give it away", async (t) => {
  const { issuer } = await openIssuer(t);
  const { secret, parts = [] } = await issuer.issue(requestFor(), signal);
  const { privateKey } = splitSecret(secret);
  const [first = "", second = "", ...rest] = privateKey.split("\n").slice(1, -2);
  t.strictSame(parts, [first, second, [first, second, ...rest].join("")]);
  const { createPrivateKey } = await import("node:crypto");
  const { d = "" } = createPrivateKey(privateKey).export({ format: "jwk" });
  const number = Buffer.from(d, "base64url");
  t.equal(Buffer.from(first + second, "base64").indexOf(number), 36, "the two lines have all of the secret number");
});
