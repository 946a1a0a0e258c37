// An x509 issuer on the machine's own clock (servers judge validity by theirs), and a real server that trusts it.
import { join } from "node:path";
import type { Test } from "tap";
import { makeX509Issuer, splitSecret, type X509IssuerParts } from "../../../runtime/adapters/issuers/x509.ts";
import { publishedFiles } from "../../../runtime/adapters/issuers/x509-publication.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import type { IssueRequest } from "../../../runtime/ports/credential-issuer.ts";
import type { KeyStore } from "../../../runtime/ports/key-store.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { type MemoryTokenRegistry, makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import {
  type MtlsOptions,
  type MtlsServer,
  startMtlsServer,
  tryCertificate,
} from "../../../runtime/testkit/mtls-server.ts";

export const signal = new AbortController().signal;
export const scope = ["role:orders-reader"];

export function memoryKeys(): KeyStore & { kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    read: async (name) => kept.get(name),
    async readOrMake(name, make) {
      const made = kept.get(name) ?? (await make());
      if (!kept.has(name)) kept.set(name, made);
      return kept.get(name) as Uint8Array;
    },
    async replace(name, secret) {
      kept.set(name, secret);
    },
  };
}

export function partsIn(directory: string, changes: Partial<X509IssuerParts> = {}) {
  const registry = makeMemoryTokenRegistry();
  const parts: X509IssuerParts = {
    name: "partner",
    installation: "0a1b2c3d",
    trustDomain: "0a1b2c3d.mayfly",
    keys: memoryKeys(),
    clock: systemClock,
    random: systemRandom,
    registry,
    directory: join(directory, "published", "x509", "partner"),
    listLifeMs: 3_600_000,
    probe: null,
    ...changes,
  };
  return { parts, registry, files: publishedFiles(parts.directory) };
}

export async function openIssuer(t: Test, changes: Partial<X509IssuerParts> = {}, directory = t.testdir()) {
  const world = partsIn(directory, changes);
  const issuer = await makeX509Issuer(world.parts);
  t.teardown(() => issuer.close());
  return { ...world, issuer, directory };
}

export async function openServer(t: Test, files: ReturnType<typeof publishedFiles>, more: Partial<MtlsOptions> = {}) {
  const server = await startMtlsServer({
    name: "api.partner.test",
    authorityFile: files.authority,
    listFile: files.list,
    ...more,
  });
  t.teardown(() => server.stop());
  return server;
}

export function requestFor(changes: Partial<IssueRequest> = {}): IssueRequest {
  return {
    lease: newLease(),
    job: "order-sync",
    tenant: "acme",
    scope,
    purpose: "nightly sync",
    expiresAt: systemClock.nowMs() + 60_789,
    ...changes,
  };
}

export async function openUnderTest(t: Test, directory: string) {
  const registry: MemoryTokenRegistry = makeMemoryTokenRegistry();
  const { parts, files } = partsIn(directory, { registry });
  const issuer = await makeX509Issuer(parts);
  const server: MtlsServer = await startMtlsServer({
    name: "api.partner.test",
    authorityFile: files.authority,
    listFile: files.list,
  });
  return {
    issuer,
    scope,
    scopesRefused: [["orders:*"], ["a b"], ["a", "a"], ["x,y"], ["a\n"], ["__proto__"], ["é"], ["CN=admin"], ["DNS:x"]],
    nowMs: () => systemClock.nowMs(),
    tryAtResource: (_lease: unknown, secret: string) => tryCertificate(server, splitSecret(secret)),
    elsewhere: () => makeX509Issuer(partsIn(t.testdir({ elsewhere: {} }), { installation: "99999999" }).parts),
    async takeDown() {
      registry.fail();
      await issuer.close();
    },
    async close() {
      await issuer.close();
      await server.stop();
    },
  };
}
