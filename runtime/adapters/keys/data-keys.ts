// The data keys of an installation, wrapped by its key provider, in one file of the state directory. Unwrapped they are in
// this process's memory only, and not extractable. The newest one seals; all of them open. Another process may change the
// file at any time (`mayfly keys rotate`): it is looked at before each sealing, and read again when it is a new one.
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { EpochMs } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KeyProvider, WrappedKey } from "../../ports/key-provider.ts";
import type { Random } from "../../ports/random.ts";
import type { ProcessLock } from "../stores/process-lock.ts";
import { keyFileError, keyFileVersion, makeKeyFile, readKeyFile, replaceKeyFile } from "./key-file.ts";
import type { DataKey, DataKeys } from "./secret-box.ts";

const keyBytes = 32;

interface KeptKey {
  /** 16 hex digits. */
  id: string;
  /** ms since the epoch; absent in files of earlier versions. */
  madeAt?: number;
  provider: KeyProvider["kind"];
  /** Of the wrapping key, in the provider's words. */
  wrappedBy: string;
  /** Base64. */
  wrapped: string;
}

/** A data key as a list shows it. */
export interface DataKeyState {
  id: string;
  madeAt: EpochMs | null;
  provider: KeyProvider["kind"];
  wrappedBy: string;
  /** The one that seals. */
  seals: boolean;
}

export interface DataKeyFile extends DataKeys {
  /** Makes a new data key, and wraps all of them anew with the provider's newest key. @returns its id. */
  rotate(): Promise<string>;
  list(): Promise<DataKeyState[]>;
}

export interface DataKeyParts {
  path: string;
  provider: KeyProvider;
  /** Those that the installation had before, for what they have wrapped and no rotation has wrapped anew. */
  earlier?: readonly KeyProvider[];
  random: Random;
  clock: Clock;
  /** Held while the file changes. */
  lock: ProcessLock;
}

export function openDataKeys(parts: DataKeyParts): DataKeyFile {
  const { path, provider, earlier = [], random, clock, lock } = parts;
  const unwrapped = new Map<string, Promise<DataKey>>();
  let known: { version: string; keys: Promise<KeptKey[]> } | undefined;

  async function make(): Promise<KeptKey> {
    const id = hex(random.bytes(8));
    return keptOf({ id, madeAt: clock.nowMs() }, await provider.wrap(random.bytes(keyBytes)));
  }

  function keptOf(key: Pick<KeptKey, "id" | "madeAt">, { keyId, bytes }: WrappedKey): KeptKey {
    const { id, madeAt } = key;
    const wrapped = Buffer.from(bytes).toString("base64");
    return { id, ...(madeAt === undefined ? {} : { madeAt }), provider: provider.kind, wrappedBy: keyId, wrapped };
  }

  async function read(): Promise<KeptKey[]> {
    const bytes = await readKeyFile(path);
    return bytes === undefined ? [] : parse(bytes);
  }

  function parse(bytes: Uint8Array): KeptKey[] {
    try {
      const { keys } = JSON.parse(new TextDecoder().decode(bytes)) as { keys: KeptKey[] };
      if (keys.length > 0 && keys.every(({ id, wrapped }) => /^[0-9a-f]{16}$/.test(id) && wrapped !== "")) return keys;
    } catch {
      // said below
    }
    throw keyFileError(path, "no data keys in it", "the file as Mayfly wrote it");
  }

  async function keys(): Promise<KeptKey[]> {
    const version = await keyFileVersion(path);
    if (known === undefined || known.version !== version) {
      const reading = read();
      known = { version, keys: reading };
      reading.catch(() => {
        known = undefined;
      });
    }
    return known.keys;
  }

  async function newest(): Promise<KeptKey> {
    const before = (await keys()).at(-1);
    if (before !== undefined) return before;
    await makeKeyFile(path, textOf([await make()]), random); // of several makers the first one wins
    const made = (await keys()).at(-1);
    if (made === undefined) throw keyFileError(path, "it vanished while it was being made", "a file that stays");
    return made;
  }

  function unwrap({ id, provider: kind, wrappedBy, wrapped }: KeptKey): Promise<Uint8Array> {
    const by = [provider, ...earlier].find((each) => each.kind === kind);
    if (by === undefined) throw wrappedElsewhere(id, kind, provider.kind);
    return by.unwrap({ keyId: wrappedBy, bytes: Buffer.from(wrapped, "base64") });
  }

  function open(key: KeptKey): Promise<DataKey> {
    const before = unwrapped.get(key.id);
    if (before !== undefined) return before;
    const opening = importKey(key);
    unwrapped.set(key.id, opening);
    opening.catch(() => unwrapped.delete(key.id));
    return opening;
  }

  async function importKey(key: KeptKey): Promise<DataKey> {
    const raw = await unwrap(key);
    if (raw.length !== keyBytes) throw keyFileError(path, `data key ${key.id} of ${raw.length} bytes`, "32 bytes");
    const usages: ("encrypt" | "decrypt")[] = ["encrypt", "decrypt"];
    return { id: key.id, key: await crypto.subtle.importKey("raw", new Uint8Array(raw), "AES-GCM", false, usages) };
  }

  return {
    newest: async () => open(await newest()),
    async find(id) {
      const key = (await keys()).find((each) => each.id === id);
      return key === undefined ? undefined : open(key);
    },
    async rotate() {
      await newest();
      return lock.hold(async () => {
        const rewrapped: KeptKey[] = [];
        for (const key of await read()) rewrapped.push(keptOf(key, await provider.wrap(await unwrap(key))));
        const made = await make();
        await replaceKeyFile(path, textOf([...rewrapped, made]), random);
        return made.id;
      });
    },
    async list() {
      const all = await read();
      return all.map(({ id, madeAt, provider: kind, wrappedBy }, index) => ({
        ...{ id, madeAt: madeAt ?? null, provider: kind, wrappedBy },
        seals: index === all.length - 1,
      }));
    },
  };
}

function textOf(keys: readonly KeptKey[]): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ keys }, null, 2)}\n`);
}

function wrappedElsewhere(id: string, by: KeyProvider["kind"], now: KeyProvider["kind"]): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message: `data key ${id} can't be opened: it was wrapped by another provider than the config names`,
    found: `provider "${now}"`,
    needed: `provider "${by}", or a rotation that it was there for`,
    next: `name the provider "${by}" in the config again`,
  });
}
