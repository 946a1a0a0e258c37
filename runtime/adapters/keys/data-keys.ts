// The data keys of an installation, wrapped by its key provider, in one file of the state directory. Unwrapped they are in
// this process's memory only, and not extractable. The newest one seals; all of them open.
import { hex } from "../../model/ids.ts";
import type { KeyProvider, WrappedKey } from "../../ports/key-provider.ts";
import type { Random } from "../../ports/random.ts";
import { keyFileError, makeKeyFile, readKeyFile, replaceKeyFile } from "./key-file.ts";
import type { DataKey, DataKeys } from "./secret-box.ts";

const keyBytes = 32;

interface KeptKey {
  /** 16 hex digits. */
  id: string;
  provider: KeyProvider["kind"];
  /** Of the wrapping key, in the provider's words. */
  wrappedBy: string;
  /** Base64. */
  wrapped: string;
}

export interface DataKeyFile extends DataKeys {
  /** Makes a new data key, and wraps all of them anew with the provider's newest key. @returns how many there are. */
  rotate(): Promise<number>;
}

export function openDataKeys(parts: { path: string; provider: KeyProvider; random: Random }): DataKeyFile {
  const { path, provider, random } = parts;
  const unwrapped = new Map<string, Promise<DataKey>>();
  let kept: Promise<KeptKey[]> | undefined;

  async function make(): Promise<KeptKey> {
    return keptOf(hex(random.bytes(8)), await provider.wrap(random.bytes(keyBytes)));
  }

  function keptOf(id: string, { keyId, bytes }: WrappedKey): KeptKey {
    return { id, provider: provider.kind, wrappedBy: keyId, wrapped: Buffer.from(bytes).toString("base64") };
  }

  async function load(): Promise<KeptKey[]> {
    const before = await readKeyFile(path);
    if (before !== undefined) return parse(before);
    await makeKeyFile(path, textOf([await make()]), random);
    const made = await readKeyFile(path);
    if (made === undefined) throw keyFileError(path, "it vanished while it was being made", "a file that stays");
    return parse(made);
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

  function keys(): Promise<KeptKey[]> {
    kept ??= load();
    kept.catch(() => {
      kept = undefined;
    });
    return kept;
  }

  const unwrap = ({ wrappedBy, wrapped }: KeptKey) =>
    provider.unwrap({ keyId: wrappedBy, bytes: Buffer.from(wrapped, "base64") });

  function open(key: KeptKey): Promise<DataKey> {
    const before = unwrapped.get(key.id);
    if (before !== undefined) return before;
    const opening = unwrap(key).then(async (raw) => {
      const usages: ("encrypt" | "decrypt")[] = ["encrypt", "decrypt"];
      return { id: key.id, key: await crypto.subtle.importKey("raw", new Uint8Array(raw), "AES-GCM", false, usages) };
    });
    unwrapped.set(key.id, opening);
    opening.catch(() => unwrapped.delete(key.id));
    return opening;
  }

  async function find(id: string): Promise<KeptKey | undefined> {
    const found = (await keys()).find((key) => key.id === id);
    if (found !== undefined) return found;
    kept = undefined; // another process may have made it since
    return (await keys()).find((key) => key.id === id);
  }

  return {
    newest: async () => open((await keys()).at(-1) as KeptKey),
    async find(id) {
      const key = await find(id);
      return key === undefined ? undefined : open(key);
    },
    async rotate() {
      kept = undefined;
      const rewrapped: KeptKey[] = [];
      for (const key of await keys()) rewrapped.push(keptOf(key.id, await provider.wrap(await unwrap(key))));
      rewrapped.push(await make());
      await replaceKeyFile(path, textOf(rewrapped), random);
      kept = undefined;
      return rewrapped.length;
    },
  };
}

function textOf(keys: readonly KeptKey[]): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ keys }, null, 2)}\n`);
}
