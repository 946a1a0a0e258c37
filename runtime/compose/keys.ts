// The keys of an installation: a provider, the data keys that it wraps, and the box and the named secrets that use them.
import { makeIssuerHttp } from "../adapters/issuers/issuer-http.ts";
import { makeSigningKeys, type SigningKeyState, type SigningKeys } from "../adapters/issuers/jwt-keys.ts";
import { type DataKeyState, openDataKeys } from "../adapters/keys/data-keys.ts";
import { makeFileProvider } from "../adapters/keys/file-provider.ts";
import { keyFileError } from "../adapters/keys/key-file.ts";
import { makeKeyFiles } from "../adapters/keys/key-files.ts";
import { makePkcs11Provider } from "../adapters/keys/pkcs11-provider.ts";
import { takePlainFile } from "../adapters/keys/plain-file.ts";
import { makeSecretBox } from "../adapters/keys/secret-box.ts";
import { makeTransitProvider } from "../adapters/keys/transit-provider.ts";
import { makeProcessLock } from "../adapters/stores/process-lock.ts";
import { systemClock as clock } from "../adapters/system/clock.ts";
import { systemRandom as random } from "../adapters/system/random.ts";
import { readSecretOf } from "../adapters/system/secret-source.ts";
import type { StateDirectory } from "../adapters/system/state-directory.ts";
import type { KeysConfig } from "../config.ts";
import type { KeyProvider, WrappingKey } from "../ports/key-provider.ts";
import type { SharedKeyStore } from "../ports/key-store.ts";
import type { SecretBox } from "../ports/secret-box.ts";

export interface Keys {
  box: SecretBox;
  store: SharedKeyStore;
  /** The embedded issuer's, of the server on that port: access tokens and identities share them. */
  signing(port: number): SigningKeys;
  /** Of the audit chain, 32 bytes. undefined when there is none and none is to be made. */
  audit(wanted: { make: boolean }): Promise<Uint8Array | undefined>;
  list(): Promise<KeyList>;
  /** A new wrapping key, all data keys wrapped by it, a new data key, and each signing key's successor. */
  rotate(): Promise<Rotated>;
  close(): Promise<void>;
}

export interface KeyList {
  provider: KeyProvider["kind"];
  wrapping: (WrappingKey & { provider: KeyProvider["kind"]; wraps: string[] })[];
  data: DataKeyState[];
  signing: (SigningKeyState & { port: number })[];
  /** Names of all secrets that data keys seal. */
  sealed: string[];
}

export interface Rotated {
  wrapping: string;
  data: string;
  signing: { port: number; kid: string }[];
}

export interface KeysParts {
  state: StateDirectory;
  config: KeysConfig;
  env: Readonly<Record<string, string | undefined>>;
}

const auditKeyBytes = 32;

/** Nothing is read, made or connected to before the first use. */
export function openKeys({ state, config, env }: KeysParts): Keys {
  const lock = makeProcessLock(state.keysFile("lock"));
  const files = makeFileProvider({ path: state.keysFile("wrapping.json"), random, clock, lock });
  const provider = config.provider === "file" ? files : makeProvider(config, env);
  const earlier = provider === files ? [] : [files];
  const data = openDataKeys({ path: state.keysFile("data-keys.json"), provider, earlier, random, clock, lock });
  const box = makeSecretBox({ keys: data, random });
  const store = makeKeyFiles({ directory: state.directory("keys"), box, random, lock });
  const { rotationMs } = config;
  const signingKeys = new Map<number, SigningKeys>();

  function signing(port: number): SigningKeys {
    const plainFile = state.keysFile(`jwt-${port}.json`);
    const made = signingKeys.get(port) ?? makeSigningKeys({ store, name: `jwt-${port}`, clock, rotationMs, plainFile });
    signingKeys.set(port, made);
    return made;
  }

  async function signingPorts(): Promise<number[]> {
    return (await store.names()).flatMap((name) => /^jwt-(\d{1,5})$/.exec(name)?.[1] ?? []).map(Number);
  }

  return {
    box,
    store,
    signing,
    async audit({ make }) {
      const path = state.keysFile("audit.key");
      await takePlainFile(path, async (plain) => {
        if (plain === undefined) return;
        if (plain.length !== auditKeyBytes) throw keyFileError(path, `${plain.length} bytes`, `${auditKeyBytes} bytes`);
        const sealed = await store.readOrMake("audit", async () => plain);
        // An older version has gone on with a key of its own: both parts of the log are evidence, and need theirs.
        if (!Buffer.from(sealed).equals(plain)) throw keyFileError(path, "another key than the sealed one", "one key");
      });
      return make ? store.readOrMake("audit", async () => random.bytes(auditKeyBytes)) : store.read("audit");
    },
    async list() {
      const keptData = await data.list();
      const kinds = [...new Set([...earlier, provider])];
      const wrapping = await Promise.all(
        kinds.map(async ({ kind, list }) =>
          (await list()).map((key) => {
            const wrapped = keptData.filter((each) => each.provider === kind && each.wrappedBy === key.id);
            return { ...key, provider: kind, wraps: wrapped.map(({ id }) => id) };
          }),
        ),
      );
      const states = await Promise.all(
        (await signingPorts()).map(async (port) => (await signing(port).states()).map((key) => ({ ...key, port }))),
      );
      return {
        provider: provider.kind,
        wrapping: wrapping.flat(),
        data: keptData,
        signing: states.flat(),
        sealed: await store.names(),
      };
    },
    async rotate() {
      const wrapping = await provider.rotate();
      const newData = await data.rotate();
      const rotated: Rotated["signing"] = [];
      for (const port of await signingPorts()) rotated.push({ port, kid: await signing(port).rotate() });
      return { wrapping, data: newData, signing: rotated };
    },
    async close() {
      await provider.close();
    },
  };
}

function makeProvider(config: Exclude<KeysConfig, { provider: "file" }>, env: KeysParts["env"]): KeyProvider {
  if (config.provider === "pkcs11") {
    const { module, token, key, pin } = config;
    return makePkcs11Provider({
      place: () => ({ module, token, pin: readSecretOf("the PKCS#11 token of keys", pin, env, "its user PIN") }),
      ...{ key, random, clock },
    });
  }
  const { url, mount, namespace, key, token, transport } = config;
  const clientKey = () =>
    transport.client === null
      ? null
      : readSecretOf("the TLS client of keys", transport.client.key, env, "its private key, PEM");
  return makeTransitProvider({
    http: () => makeIssuerHttp({ transport, clientKey: clientKey(), nowMs: () => clock.nowMs() }),
    ...{ url, mount, namespace, key },
    token: () => readSecretOf("the key service of keys", token, env, "a token that may use its Transit key"),
  });
}
