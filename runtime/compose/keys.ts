// The keys of an installation: a provider, the data keys that it wraps, and the box and the named secrets that use them.
import { makeSigningKeys, type SigningKeys } from "../adapters/issuers/jwt-keys.ts";
import { openDataKeys } from "../adapters/keys/data-keys.ts";
import { makeFileProvider } from "../adapters/keys/file-provider.ts";
import { makeKeyFiles } from "../adapters/keys/key-files.ts";
import { makeSecretBox } from "../adapters/keys/secret-box.ts";
import { makeProcessLock } from "../adapters/stores/process-lock.ts";
import { systemClock as clock } from "../adapters/system/clock.ts";
import { systemRandom as random } from "../adapters/system/random.ts";
import type { StateDirectory } from "../adapters/system/state-directory.ts";
import type { SharedKeyStore } from "../ports/key-store.ts";
import type { SecretBox } from "../ports/secret-box.ts";

/** A signing key signs for so long: a stolen one is of use for that long at most, and verifiers are asked to look seldom. */
const rotationMs = 30 * 86_400_000;

export interface Keys {
  box: SecretBox;
  store: SharedKeyStore;
  /** The embedded issuer's, of the server on that port: access tokens and identities share them. */
  signing(port: number): SigningKeys;
  close(): Promise<void>;
}

/** Nothing is read or made before the first use. */
export function openKeys(state: StateDirectory): Keys {
  const provider = makeFileProvider({ path: state.keysFile("wrapping.json"), random });
  const keys = openDataKeys({ path: state.keysFile("data-keys.json"), provider, random });
  const box = makeSecretBox({ keys, random });
  const lock = makeProcessLock(state.keysFile("lock"));
  const store = makeKeyFiles({ directory: state.directory("keys"), box, random, lock });
  const signing = new Map<number, SigningKeys>();
  return {
    box,
    store,
    signing(port) {
      const plainFile = state.keysFile(`jwt-${port}.json`);
      const made = signing.get(port) ?? makeSigningKeys({ store, name: `jwt-${port}`, clock, rotationMs, plainFile });
      signing.set(port, made);
      return made;
    },
    close: () => provider.close(),
  };
}
