// What servers read: `ca.pem` and `crl.pem` in one directory. Answers for the list's being what the registry says, whoever
// ended what: each new list is made from the registry, under a lock among all processes of the installation, so that none
// loses another's entry, and replaces the old one as a whole. A certificate stands on it from its revocation until a while
// after it has expired (RFC 5280, 3.3: on one list beyond that). A list is signed anew at half of its life, too, by
// whichever process is there: servers take no certificate under a list that has run out.
import { join } from "node:path";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { withProcessLock } from "../stores/process-lock.ts";
import { openPublished, publishFile, readPublished } from "./published-file.ts";
import type { Authority } from "./x509-authority.ts";
import { type RevocationList, readList, signList } from "./x509-list.ts";

/** A server's clock may be behind by five minutes, and would take what has expired for good. */
const keptMs = 600_000;
/** Of a list: 55 bytes an entry, so more than 300,000. */
const listBytesMax = 16_777_216;
const authorityFile = "ca.pem";
export const listFile = "crl.pem";

export interface Publication {
  /** The list on disk has all that the registry says was ended, and lives for half of a list's life at least. */
  publish(): Promise<void>;
  /** As it lies there now; undefined when it isn't there, or isn't this authority's. */
  read(): Promise<RevocationList | undefined>;
  close(): void;
}

export interface PublicationParts {
  /** Of the issuer in the config. */
  name: string;
  authority: Authority;
  /** Absolute; beside it lies its lock. */
  directory: string;
  listLifeMs: number;
  registry: TokenRegistry;
  clock: Clock;
  random: Random;
}

export async function openPublication(parts: PublicationParts): Promise<Publication> {
  const { name, authority, directory, listLifeMs, registry, clock, random } = parts;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let stopTimer = () => {};
  let closed = false;

  async function read(): Promise<RevocationList | undefined> {
    const text = await readPublished(directory, listFile, listBytesMax);
    return text === undefined ? undefined : readList(authority, text);
  }

  async function publishNow(): Promise<void> {
    await withProcessLock(`${directory}.lock`, async () => {
      const now = clock.nowMs();
      const ended = registry.revoked(name, now - keptMs).map(({ jti }) => jti);
      const before = await read();
      if (before !== undefined && isEnough(before, ended, now)) return;
      const list: RevocationList = {
        number: Math.max((before?.number ?? 0) + 1, now), // grows even when the file was lost
        thisUpdate: now,
        nextUpdate: now + listLifeMs,
        entries: new Map(ended.map((serial) => [serial, before?.entries.get(serial) ?? now])),
      };
      await publishFile(directory, listFile, signList(authority, list), random);
    });
  }

  function isEnough(
    { thisUpdate, nextUpdate, entries }: RevocationList,
    ended: readonly string[],
    now: number,
  ): boolean {
    const isFresh = nextUpdate - now > listLifeMs / 2 && thisUpdate <= now;
    return isFresh && ended.every((serial) => entries.has(serial));
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

  function armTimer(): void {
    stopTimer = clock.setTimer(Math.ceil(listLifeMs / 2), () => {
      // What can't be written is said at the next issue, which needs it.
      void publish()
        .catch(() => undefined)
        .finally(() => !closed && armTimer());
    });
  }

  await openPublished(directory);
  if ((await readPublished(directory, authorityFile, listBytesMax)) !== authority.pem)
    await publishFile(directory, authorityFile, authority.pem, random);
  await publish();
  armTimer();
  return {
    publish,
    read,
    close() {
      closed = true;
      stopTimer();
    },
  };
}

/** Where servers find them. */
export function publishedFiles(directory: string): { authority: string; list: string } {
  return { authority: join(directory, authorityFile), list: join(directory, listFile) };
}
