// What sshd reads: `ca.pub` (TrustedUserCAKeys) and `revoked.krl` (RevokedKeys) in one directory. Answers for the list's being
// what the registry says, whoever ended what: each new list is made from the registry, under a lock among all processes
// of the installation, so that none loses another's entry, and replaces the old one as a whole. A certificate stands on it
// from its revocation until a while after it has expired. sshd reads the file at every login; without one it takes no key.
import { join } from "node:path";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { withProcessLock } from "../stores/process-lock.ts";
import { openPublished, publishFile, readPublishedBytes } from "./published-file.ts";
import type { Authority } from "./ssh-authority.ts";
import { encodeKrl, type RevokedSerials, readKrl } from "./ssh-krl.ts";

/** A server's clock may be behind by five minutes, and would take what has expired for good. */
export const keptMs = 600_000;
/** Of a list: 8 bytes an entry, so two million. */
const listBytesMax = 16_777_216;
const authorityFile = "ca.pub";
export const listFile = "revoked.krl";

export interface Publication {
  /** The list on disk has all that the registry says was ended. */
  publish(): Promise<void>;
  /** As it lies there now; undefined when it isn't there, or isn't this authority's. */
  read(): Promise<RevokedSerials | undefined>;
}

export interface PublicationParts {
  /** Of the issuer in the config. */
  name: string;
  authority: Authority;
  /** Absolute; beside it lies its lock. */
  directory: string;
  registry: TokenRegistry;
  clock: Clock;
  random: Random;
}

export async function openPublication(parts: PublicationParts): Promise<Publication> {
  const { name, authority, directory, registry, clock, random } = parts;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function read(): Promise<RevokedSerials | undefined> {
    const bytes = await readPublishedBytes(directory, listFile, listBytesMax);
    return bytes === undefined ? undefined : readKrl(authority.blob, bytes);
  }

  async function publishNow(): Promise<void> {
    await withProcessLock(`${directory}.lock`, async () => {
      const now = clock.nowMs();
      const ended = registry.revoked(name, now - keptMs).map(({ jti }) => serialOf(jti));
      const before = await read();
      if (before !== undefined && ended.every((serial) => before.serials.has(serial))) return;
      const version = BigInt(now);
      const list: RevokedSerials = {
        version: before !== undefined && before.version >= version ? before.version + 1n : version, // grows when it was lost, too
        generatedAt: now,
        comment: `mayfly ${name}`,
        serials: new Set(ended),
      };
      await publishFile(directory, listFile, encodeKrl(authority.blob, list), random);
    });
  }

  // Whoever comes while a list is being made may have ended something that is not on it: all of them share the next one.
  function publish(): Promise<void> {
    if (running === undefined) {
      running = publishNow().finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return publish();
      });
    return next;
  }

  await openPublished(directory);
  const published = await readPublishedBytes(directory, authorityFile, listBytesMax);
  if (published?.toString() !== authority.line) await publishFile(directory, authorityFile, authority.line, random);
  await publish();
  return { publish, read };
}

/** The registry's name of a serial number: 16 hex digits. */
export function serialText(serial: bigint): string {
  return serial.toString(16).padStart(16, "0");
}

export function serialOf(text: string): bigint {
  return BigInt(`0x${text}`);
}

/** Where servers find them. */
export function publishedFiles(directory: string): { authority: string; list: string } {
  return { authority: join(directory, authorityFile), list: join(directory, listFile) };
}
