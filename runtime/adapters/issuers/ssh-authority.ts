// The authority of an SSH issuer: one Ed25519 key, made at first use and kept in the key store, sealed. Servers that name
// its public line as TrustedUserCAKeys take what it signs. It signs nothing but ssh-certificate.ts's certificates.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { MayflyError } from "../../model/error.ts";
import type { KeyStore } from "../../ports/key-store.ts";
import type { CertificateSigner } from "./ssh-certificate.ts";
import { ed25519, publicBlob, publicLine } from "./ssh-keys.ts";

export interface Authority extends CertificateSigner {
  /** For TrustedUserCAKeys, with its newline. */
  line: string;
}

export interface AuthorityParts {
  /** Of the issuer in the config. */
  name: string;
  /** 8 hex digits. */
  installation: string;
  keys: KeyStore;
}

/** @throws MayflyError `key_unavailable`, and what the key store says. */
export async function openAuthority({ name, installation, keys }: AuthorityParts): Promise<Authority> {
  const der = await keys.readOrMake(`ssh-ca-${name}`, async () =>
    generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" }),
  );
  const privateKey = importKey(name, der);
  const publicKey = createPublicKey(privateKey);
  const blob = publicBlob(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  return { privateKey, publicKey, blob, line: `${publicLine(ed25519, blob, `mayfly-${installation}-${name}`)}\n` };
}

function importKey(name: string, der: Uint8Array) {
  try {
    const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // What the parser says may quote a key.
  }
  throw new MayflyError({
    code: "key_unavailable",
    message: `the authority of issuer ${name} can't be used`,
    found: "something else in its place",
    needed: "the key as Mayfly wrote it",
    next: "restore the state directory as a whole, keys included, from one backup",
  });
}
