// An SSH issuer with a real sshd that trusts it: everything in directories of the test's own.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { makeSshIssuer, type SshIssuerParts } from "../../../runtime/adapters/issuers/ssh.ts";
import { findSshPrograms } from "../../../runtime/adapters/issuers/ssh-client.ts";
import { publishedFiles } from "../../../runtime/adapters/issuers/ssh-publication.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import type { CredentialIssuer, LeaseRef } from "../../../runtime/ports/credential-issuer.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { type MemoryTokenRegistry, makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { type SshServer, startSshServer, whyNoSshServer } from "../../../runtime/testkit/ssh-server.ts";
import { keyStoreIn } from "../../support/signing-keys.ts";

export const signal = new AbortController().signal;
const missing = whyNoSshServer();
/** For tests that need the real peer. */
export const needsSshd = missing === undefined ? {} : { skip: missing };

export interface SshWorld {
  issuer: CredentialIssuer;
  parts: SshIssuerParts;
  registry: MemoryTokenRegistry;
  server: SshServer;
  /** The test's own; its path is short enough for a socket in it. */
  directory: string;
  close(): Promise<void>;
}

export const commands = {
  hello: "echo hello; cat",
  shell: 'echo "asked for: $SSH_ORIGINAL_COMMAND"',
  // Says that it is there by a file, and goes on until somebody ends it; it writes, so that a cut connection ends it.
  hold: (file: string) => `echo $PPID > ${file}; while echo .; do sleep 0.05; done`,
};

export function shortDirectory(): string {
  return mkdtempSync(join(tmpdir(), "mayfly-ssh-"));
}

export async function openWorld(
  changes: Partial<SshIssuerParts> = {},
  run: Record<string, string> = {},
): Promise<SshWorld> {
  const directory = shortDirectory();
  const published = join(directory, "published");
  const files = publishedFiles(published);
  const server = await startSshServer({ ...files, principals: ["ops"] });
  const registry = makeMemoryTokenRegistry();
  const { host, port, hostKey, user } = server;
  const all = { hello: commands.hello, shell: commands.shell, hold: commands.hold(join(directory, "held")), ...run };
  const parts: SshIssuerParts = {
    name: "ops",
    installation: "0a1b2c3d",
    keys: keyStoreIn(directory),
    host: { host, port, hostKey },
    commands: new Map(Object.entries(all).map(([name, text]) => [name, { run: text, principal: "ops", user }])),
    sourceAddresses: [],
    registry,
    directory: published,
    places: placesIn(directory),
    programs: findSshPrograms(process.env.PATH ?? ""),
    clock: systemClock,
    random: systemRandom,
    ...changes,
  };
  const issuer = await makeSshIssuer(parts);
  return {
    ...{ issuer, parts, registry, server, directory },
    async close() {
      await issuer.close();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function placesIn(directory: string): string {
  const places = join(directory, "places");
  mkdirSync(places, { recursive: true, mode: 0o700 });
  return places;
}

export async function worldFor(t: Test, changes: Partial<SshIssuerParts> = {}, run: Record<string, string> = {}) {
  const world = await openWorld(changes, run);
  t.teardown(() => world.close());
  return world;
}

/** As the broker asks. */
export async function issue(
  { issuer, parts }: Pick<SshWorld, "issuer" | "parts">,
  scope = ["hello"],
  lease = newLease(),
) {
  const request = { lease, job: "report", tenant: "default", scope, purpose: "test" };
  const expiresAt = parts.clock.nowMs() + 60_000;
  const issued = await issuer.issue({ ...request, expiresAt }, signal, async (handle) => {
    lease.handle = handle;
  });
  return { lease, ...issued };
}

export function exec(
  { issuer }: Pick<SshWorld, "issuer">,
  lease: LeaseRef,
  secret: string,
  request = {},
  stop = signal,
) {
  if (issuer.exec === undefined) throw new Error("no exec");
  const bounds = { input: new Uint8Array(0), bytesMax: 65_536, timeMs: 20_000 };
  return issuer.exec(lease, secret, { ...bounds, ...request }, stop);
}
