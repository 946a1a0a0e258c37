// The keys of an installation: a provider, the data keys that it wraps, and the box and the named secrets that use them.
import { openDataKeys } from "../adapters/keys/data-keys.ts";
import { makeFileProvider } from "../adapters/keys/file-provider.ts";
import { makeKeyFiles } from "../adapters/keys/key-files.ts";
import { makeSecretBox } from "../adapters/keys/secret-box.ts";
import { systemRandom as random } from "../adapters/system/random.ts";
import type { StateDirectory } from "../adapters/system/state-directory.ts";
import type { KeyStore } from "../ports/key-store.ts";
import type { SecretBox } from "../ports/secret-box.ts";

export interface Keys {
  box: SecretBox;
  store: KeyStore;
  close(): Promise<void>;
}

/** Nothing is read or made before the first use. */
export function openKeys(state: StateDirectory): Keys {
  const provider = makeFileProvider({ path: state.keysFile("wrapping.json"), random });
  const keys = openDataKeys({ path: state.keysFile("data-keys.json"), provider, random });
  const box = makeSecretBox({ keys, random });
  return {
    box,
    store: makeKeyFiles({ directory: state.directory("keys"), box, random }),
    close: () => provider.close(),
  };
}
