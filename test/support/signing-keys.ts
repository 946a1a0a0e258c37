// Signing keys of the embedded issuer, sealed in a directory of a test's own as an installation keeps them.
import { join } from "node:path";
import { makeSigningKeys, type SigningKeys, type SigningKeysParts } from "../../runtime/adapters/issuers/jwt-keys.ts";
import { openDataKeys } from "../../runtime/adapters/keys/data-keys.ts";
import { makeFileProvider } from "../../runtime/adapters/keys/file-provider.ts";
import { makeKeyFiles } from "../../runtime/adapters/keys/key-files.ts";
import { makeSecretBox } from "../../runtime/adapters/keys/secret-box.ts";
import { makeProcessLock } from "../../runtime/adapters/stores/process-lock.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { systemRandom as random } from "../../runtime/adapters/system/random.ts";
import type { SharedKeyStore } from "../../runtime/ports/key-store.ts";

export function keyStoreIn(directory: string): SharedKeyStore {
  const provider = makeFileProvider({ path: join(directory, "wrapping.json"), random });
  const keys = openDataKeys({ path: join(directory, "data-keys.json"), provider, random });
  const lock = makeProcessLock(join(directory, "lock"));
  return makeKeyFiles({ directory, box: makeSecretBox({ keys, random }), random, lock });
}

export const plainKeyFile = "jwt-test.json";

export function signingKeysIn(directory: string, parts: Partial<SigningKeysParts> = {}): SigningKeys {
  return makeSigningKeys({
    store: keyStoreIn(directory),
    name: "jwt-test",
    clock: systemClock,
    rotationMs: 30 * 86_400_000,
    plainFile: join(directory, plainKeyFile),
    ...parts,
  });
}
