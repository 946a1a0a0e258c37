// Envelope encryption of what is kept: AES-256-GCM (NIST SP 800-38D) with data keys, which lie wrapped in one file beside
// what they seal. A sealed text is
//
//   "MAY1" · id of the data key, 8 bytes · nonce, 12 bytes, random · ciphertext and tag
//
// with the purpose and the data key's id as associated data, so that a text can't be put in another's place. A data key
// seals until it is retired by `mayfly keys rotate`, well below the 2^32 texts that a random nonce allows.
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { Random } from "../../ports/random.ts";
import type { SecretBox } from "../../ports/secret-box.ts";

const magic = new TextEncoder().encode("MAY1");
const idBytes = 8;
const nonceBytes = 12;
const headBytes = magic.length + idBytes + nonceBytes;

/** Data keys of the installation, unwrapped. */
export interface DataKeys {
  /** The one that seals. */
  newest(): Promise<DataKey>;
  /** undefined when no such key is kept. */
  find(id: string): Promise<DataKey | undefined>;
}

export interface DataKey {
  /** 16 hex digits. */
  id: string;
  key: CryptoKey;
}

export function makeSecretBox({ keys, random }: { keys: DataKeys; random: Random }): SecretBox {
  return {
    async seal(purpose, plain) {
      const { id, key } = await keys.newest();
      const nonce = random.bytes(nonceBytes);
      const sealed = await crypto.subtle.encrypt(algorithm(nonce, purpose, id), key, copyOf(plain));
      return new Uint8Array(Buffer.concat([magic, Buffer.from(id, "hex"), nonce, new Uint8Array(sealed)]));
    },

    async open(purpose, sealed) {
      const isOurs = sealed.length > headBytes && magic.every((byte, index) => sealed[index] === byte);
      if (!isOurs) throw invalid(purpose, `${sealed.length} bytes that no key of ours has sealed`);
      const id = hex(sealed.subarray(magic.length, magic.length + idBytes));
      const found = await keys.find(id);
      if (found === undefined) throw invalid(purpose, `data key ${id}, which is not kept here`);
      const nonce = sealed.slice(magic.length + idBytes, headBytes);
      try {
        const plain = await crypto.subtle.decrypt(algorithm(nonce, purpose, id), found.key, copyOf(sealed, headBytes));
        return new Uint8Array(plain);
      } catch {
        throw invalid(purpose, "bytes that were altered, or sealed for another purpose");
      }
    },
  };
}

function algorithm(nonce: Uint8Array, purpose: string, id: string) {
  const additionalData = new TextEncoder().encode(`mayfly ${id} ${purpose}`);
  return { name: "AES-GCM", iv: copyOf(nonce), additionalData, tagLength: 128 };
}

/** WebCrypto takes no view of what could be shared memory. */
function copyOf(bytes: Uint8Array, from = 0): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.slice(from));
}

function invalid(purpose: string, found: string): MayflyError {
  return new MayflyError({
    code: "sealed_invalid",
    message: `what was sealed as ${purpose.split(" ", 1)[0]} can't be opened`,
    found,
    needed: "the bytes as they were sealed, and the installation's keys",
    next: "restore the state directory as a whole, keys included, from one backup",
  });
}
