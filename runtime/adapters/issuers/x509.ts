// The embedded issuer of TLS client certificates: one a run, for minutes, with the run's SPIFFE ID as its only name and the
// scope in its subject. Servers that trust the authority (`ca.pem`) read the revocation list (`crl.pem`), and that is what
// ends one before its time. Answers for issuing, ending and proving; the parts are x509-authority.ts, x509-certificate.ts,
// x509-scope.ts, x509-list.ts and x509-publication.ts.
//
// A certificate's life: registered (durable, before anybody has it) → active → revoked: in the registry, then on the list
// that is published · expired. A second one for the same run ends the first in the registry's own transaction.
import { escapeLine } from "../../model/error.ts";
import type { RunId } from "../../model/ids.ts";
import { spiffeIdOf } from "../../model/spiffe.ts";
import {
  type CredentialIssuer,
  type EgressKey,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type LeaseRef,
  type Proof,
} from "../../ports/credential-issuer.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { type Authority, type AuthorityParts, openAuthority, skewMs } from "./x509-authority.ts";
import { type ClientCertificate, serialFor, signClient } from "./x509-certificate.ts";
import { type Probe, tryAtProbe } from "./x509-probe.ts";
import { listFile, openPublication, type Publication } from "./x509-publication.ts";
import { checkScope } from "./x509-scope.ts";

export interface X509IssuerParts extends AuthorityParts {
  /** Of the SPIFFE ID that a run is called by. */
  trustDomain: string;
  registry: TokenRegistry;
  /** Absolute: where `ca.pem` and `crl.pem` are put. */
  directory: string;
  /** How long a revocation list is good for, ms. */
  listLifeMs: number;
  /** A server that a revoked certificate is tried at; null for none. */
  probe: Probe | null;
}

/**
 * Opens the issuer: makes or reads its authority, and publishes it with its list.
 * @throws MayflyError `state_directory`; whatever the file system says of the directory.
 */
export async function makeX509Issuer(parts: X509IssuerParts): Promise<CredentialIssuer> {
  const { name, registry, clock } = parts;
  const authority = await openAuthority(parts);
  const publication = await openPublication({ ...parts, authority });
  /** Of keys that were handed out: aborted when they end. */
  const live = new Map<RunId, AbortController>();

  function endKey(run: RunId): void {
    live.get(run)?.abort();
    live.delete(run);
  }

  return {
    kind: "x509",
    checkScope,

    async issue(request, signal): Promise<IssuedCredential> {
      checkScope(request.scope);
      refuseIfAborted(signal, "sign a certificate");
      const { runId } = request.lease;
      const { serial, expiresAt, client } = await makeClient(request, parts, authority);
      // Ends an earlier one of this run, which the list then has to say.
      await reach("register the certificate", signal, () =>
        registry.put({ jti: serial, issuer: name, runId, expiresAt }),
      );
      endKey(runId);
      await reach("publish the revocation list", signal, () => publication.publish());
      const ended = new AbortController();
      live.set(runId, ended);
      return credentialOf(client, expiresAt, ended.signal);
    },

    async revoke({ runId }, signal) {
      endKey(runId);
      await reach("end the certificate", signal, () => registry.revoke(name, runId));
      await reach("publish the revocation list", signal, () => publication.publish());
    },

    async prove(lease, secret, signal) {
      const proof = await proveByList(lease, parts, publication);
      if (proof.verdict !== "dead" || secret === undefined || parts.probe === null) return proof;
      const { verdict, how } = await tryAtProbe(parts.probe, splitSecret(secret), signal);
      // The list is out, and a server that we were told to ask hasn't read it yet.
      return { verdict: verdict === "accepted" ? "alive" : "dead", how: `${proof.how}; ${how}` };
    },

    async sweep(signal) {
      const rows = await reach("list the certificates", signal, async () => registry.active(name, clock.nowMs()));
      return rows.map(({ runId }) => ({ runId }));
    },

    async close() {
      publication.close();
      for (const run of [...live.keys()]) endKey(run);
    },
  };
}

async function makeClient(request: IssueRequest, parts: X509IssuerParts, authority: Authority) {
  const { clock, random, installation, trustDomain } = parts;
  const { job, tenant, lease } = request;
  const now = clock.nowMs();
  const expiresAt = Math.floor(request.expiresAt / 1_000) * 1_000; // downwards: never later than asked
  if (!(expiresAt > now))
    throw new IssuerFailure("issuer_refused", "a certificate needs a whole second to live, found less");
  if (expiresAt > authority.notAfter) {
    const found = `it would outlive its authority, which ends at ${authority.certificate.notAfter.toISOString()}`;
    throw new IssuerFailure("issuer_refused", `${found}: give the issuer another name, and servers the new authority`);
  }
  const serial = serialFor(lease.runId, random.bytes(4));
  const client = await signClient(authority, {
    serial,
    uri: spiffeIdOf(trustDomain, { tenant, job, runId: lease.runId }),
    organization: `mayfly-${installation}`,
    scope: request.scope,
    notBefore: now - skewMs,
    notAfter: expiresAt,
  });
  return { serial, expiresAt, client };
}

function credentialOf(client: ClientCertificate, expiresAt: number, ended: AbortSignal): IssuedCredential {
  const { certificate, privateKey } = client;
  const egress: EgressKey = { kind: "client-certificate", certificates: certificate, privateKey, ended };
  const lines = privateKey.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  // Of a P-256 key in PKCS #8 the first two lines hold the secret number; what follows is public, and in the certificate.
  const parts = [...lines.slice(0, 2), lines.join("")];
  return { secret: privateKey + certificate, parts, egress, expiresAt };
}

/** The secret as one text: key, then certificate. */
export function splitSecret(secret: string): ClientCertificate {
  const at = secret.indexOf("-----BEGIN CERTIFICATE-----");
  return { privateKey: secret.slice(0, at), certificate: secret.slice(at) };
}

// The list that lies there is what servers read; the registry says which serial numbers are to stand on it.
async function proveByList({ runId }: LeaseRef, parts: X509IssuerParts, publication: Publication): Promise<Proof> {
  const { name, registry, clock } = parts;
  try {
    const now = clock.nowMs();
    if (registry.active(name, now).some((row) => row.runId === runId))
      return { verdict: "alive", how: "registry: a certificate of this run is active" };
    const ended = registry.revoked(name, now).filter((row) => row.runId === runId);
    if (ended.length === 0) return { verdict: "dead", how: "registry: no certificate of this run that hasn't expired" };
    const list = await publication.read();
    if (list === undefined)
      return { verdict: "unknowable", how: `${listFile}: none there that this authority has signed` };
    const missing = ended.find(({ jti }) => !list.entries.has(jti));
    if (missing !== undefined)
      return { verdict: "alive", how: `${listFile} ${list.number}: lacks serial ${missing.jti}` };
    const serials = ended.map(({ jti }) => jti).join(", ");
    return { verdict: "dead", how: `${listFile} ${list.number}, its signature verified: has serial ${serials}` };
  } catch (error) {
    return { verdict: "unknowable", how: escapeLine(String(error), 200) };
  }
}

function refuseIfAborted(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new IssuerFailure("issuer_unavailable", `given up before it could ${what}`);
}

/** Does what may fail for want of a store or a disk, and says what it was for. Waits no longer than the caller. */
async function reach<T>(what: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  refuseIfAborted(signal, what);
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new Error("given up"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([act(), givenUp]);
  } catch (error) {
    throw new IssuerFailure("issuer_unavailable", `could not ${what}`, error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
