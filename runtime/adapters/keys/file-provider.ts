// The wrapping keys in a file of the state directory, made at the first start: AES-256-GCM, the newest one wraps. Whoever
// can read the file can read all that is sealed; it defends copies of the rest (a backup of the ledger, a shared volume of
// outputs), and is where an installation begins. The other providers give their keys to nobody.
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KeyProvider } from "../../ports/key-provider.ts";
import type { Random } from "../../ports/random.ts";
import type { ProcessLock } from "../stores/process-lock.ts";
import { keyFileError, makeKeyFile, readKeyFile, replaceKeyFile } from "./key-file.ts";

const keyBytes = 32;
const nonceBytes = 12;

interface FileKey {
  /** 16 hex digits. */
  id: string;
  /** ms since the epoch; absent in files of earlier versions. */
  madeAt?: number;
  /** Base64, 32 bytes. */
  key: string;
}

export interface FileProviderParts {
  path: string;
  random: Random;
  clock: Clock;
  /** Held while the file changes. */
  lock: ProcessLock;
}

export function makeFileProvider({ path, random, clock, lock }: FileProviderParts): KeyProvider {
  let loading: Promise<FileKey[]> | undefined;

  const newKey = (): FileKey => ({
    id: hex(random.bytes(8)),
    madeAt: clock.nowMs(),
    key: Buffer.from(random.bytes(keyBytes)).toString("base64"),
  });

  async function read(): Promise<FileKey[]> {
    const kept = await readKeyFile(path);
    return kept === undefined ? [] : parse(kept);
  }

  function parse(bytes: Uint8Array): FileKey[] {
    try {
      const { keys } = JSON.parse(new TextDecoder().decode(bytes)) as { keys: FileKey[] };
      const isKey = ({ id, key }: FileKey) =>
        /^[0-9a-f]{16}$/.test(id) && Buffer.from(key, "base64").length === keyBytes;
      if (keys.length > 0 && keys.every(isKey)) return keys;
    } catch {
      // What the parser says may quote a key.
    }
    throw keyFileError(path, "no wrapping keys in it", "the file as Mayfly wrote it");
  }

  /** As they were when they were last read; none when there is no file. */
  function known(): Promise<FileKey[]> {
    loading ??= read();
    loading.catch(forget);
    return loading;
  }

  function forget(): void {
    loading = undefined;
  }

  async function newest(): Promise<FileKey> {
    if ((await known()).length === 0) {
      await makeKeyFile(path, textOf([newKey()]), random);
      forget();
    }
    const key = (await known()).at(-1);
    if (key === undefined) throw keyFileError(path, "it vanished while it was being made", "a file that stays");
    return key;
  }

  return {
    kind: "file",

    async wrap(key) {
      const by = await newest();
      const nonce = random.bytes(nonceBytes);
      const sealed = await crypto.subtle.encrypt(algorithm(nonce, by.id), await imported(by), copyOf(key));
      return { keyId: by.id, bytes: new Uint8Array(Buffer.concat([nonce, new Uint8Array(sealed)])) };
    },

    async unwrap({ keyId, bytes }) {
      let found = (await known()).find(({ id }) => id === keyId);
      if (found === undefined) {
        forget(); // another process may have rotated since
        found = (await known()).find(({ id }) => id === keyId);
      }
      if (found === undefined) throw unavailable(`wrapping key ${keyId} is not in ${path}`);
      try {
        const nonce = bytes.slice(0, nonceBytes);
        const key = await imported(found);
        return new Uint8Array(
          await crypto.subtle.decrypt(algorithm(nonce, keyId), key, copyOf(bytes.slice(nonceBytes))),
        );
      } catch (cause) {
        throw unavailable("the data key was altered, or wrapped by another key of the same name", cause);
      }
    },

    async rotate() {
      await newest();
      return lock.hold(async () => {
        const made = newKey();
        await replaceKeyFile(path, textOf([...(await read()), made]), random);
        forget();
        return made.id;
      });
    },

    async list() {
      return (await read()).map(({ id, madeAt }) => ({ id, madeAt: madeAt ?? null }));
    },

    close: async () => {},
  };
}

function textOf(keys: readonly FileKey[]): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ keys }, null, 2)}\n`);
}

function algorithm(nonce: Uint8Array, id: string) {
  return { name: "AES-GCM", iv: copyOf(nonce), additionalData: new TextEncoder().encode(`mayfly data key ${id}`) };
}

function imported({ key }: FileKey): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", copyOf(Buffer.from(key, "base64")), "AES-GCM", false, ["encrypt", "decrypt"]);
}

function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function unavailable(message: string, cause?: unknown): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message,
    needed: "the key file that the data keys were wrapped with",
    next: "restore the state directory's keys from the backup that its ledger came from",
    ...(cause === undefined ? {} : { cause }),
  });
}
