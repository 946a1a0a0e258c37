// Wrapping keys in a key service: Vault's or OpenBao's Transit engine, a key of type aes256-gcm96. The service encrypts and
// decrypts data keys; its own key, with all its versions, stays there and is its operator's to make and to permit. A
// wrapping's id is the version, and its bytes are the service's own text. Policy that the token needs:
//
//   path "transit/encrypt/<key>" { capabilities = ["update"] }      path "transit/keys/<key>"        { capabilities = ["read"] }
//   path "transit/decrypt/<key>" { capabilities = ["update"] }      path "transit/keys/<key>/rotate" { capabilities = ["update"] }
//
// The lower two are for `mayfly keys`.
import { MayflyError, quote } from "../../model/error.ts";
import { IssuerFailure as Failure, type IssuerFailure } from "../../ports/credential-issuer.ts";
import type { KeyProvider, WrappingKey } from "../../ports/key-provider.ts";
import type { IssuerAnswer, IssuerHttp } from "../issuers/issuer-http.ts";

export interface TransitParts {
  http: () => IssuerHttp;
  /** Of the server: "https://vault.example:8200". */
  url: string;
  /** Where the engine is mounted. */
  mount: string;
  /** Vault Enterprise and OpenBao; null without. */
  namespace: string | null;
  key: string;
  /** Read anew when the service refuses it: an agent may have renewed the file. */
  token: () => string;
}

export function makeTransitProvider({ http, url, mount, namespace, key, token }: TransitParts): KeyProvider {
  let opened: IssuerHttp | undefined;
  let shown: string | undefined;

  async function ask(method: "GET" | "POST", path: string, body?: object): Promise<IssuerAnswer> {
    opened ??= http();
    const first = await send(opened, method, path, body);
    if (first.status !== 403) return first;
    const before = shown;
    shown = token();
    return shown === before ? first : send(opened, method, path, body);
  }

  async function send(at: IssuerHttp, method: "GET" | "POST", path: string, body?: object): Promise<IssuerAnswer> {
    shown ??= token();
    const headers = {
      "x-vault-token": shown,
      "x-vault-request": "true",
      ...(namespace === null ? {} : { "x-vault-namespace": namespace }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const request = { method, url: new URL(`${url}/v1/${mount}/${path}`), headers };
    try {
      // issuer-http.ts bounds the time.
      return await at.ask(
        body === undefined ? request : { ...request, body: JSON.stringify(body) },
        new AbortController().signal,
      );
    } catch (error) {
      throw unavailable(error instanceof Failure ? error.message : "no answer", error as IssuerFailure);
    }
  }

  async function data(method: "GET" | "POST", path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await ask(method, path, body);
    const { data: found } = answer.json() ?? {};
    if (answer.status === 200 && typeof found === "object" && found !== null) return found as Record<string, unknown>;
    throw refused(answer);
  }

  function refused({ status, json }: IssuerAnswer): MayflyError {
    const { errors } = json() ?? {};
    // The service's own words, cut: what was sent is never in them, as documented, and never shown by us.
    const said = Array.isArray(errors) ? errors.filter((each) => typeof each === "string").join("; ") : "";
    return unavailable(`status ${status}${said === "" ? "" : `: ${quote(said, 300)}`}`);
  }

  function unavailable(found: string, cause?: unknown): MayflyError {
    return new MayflyError({
      code: "key_unavailable",
      message: `the key service at ${new URL(url).host} did not do what was asked`,
      found,
      needed: `Transit's key ${quote(key)} at ${quote(mount)}, and a token that may encrypt and decrypt with it`,
      next: "see docs/keys.md; nothing that is sealed can be opened until then",
      ...(cause === undefined ? {} : { cause }),
    });
  }

  const name = encodeURIComponent(key);
  return {
    kind: "transit",
    async wrap(secret) {
      const plaintext = Buffer.from(secret).toString("base64");
      const { ciphertext } = await data("POST", `encrypt/${name}`, { plaintext });
      const keyId = versionOf(ciphertext);
      if (keyId === undefined) throw unavailable("a ciphertext of another form");
      // A service that echoes is no key service.
      if (String(ciphertext).includes(plaintext)) throw unavailable("the data key itself as its ciphertext");
      return { keyId, bytes: new TextEncoder().encode(String(ciphertext)) };
    },
    async unwrap({ bytes }) {
      const { plaintext } = await data("POST", `decrypt/${name}`, { ciphertext: new TextDecoder().decode(bytes) });
      if (typeof plaintext !== "string") throw unavailable("an answer without plaintext");
      return new Uint8Array(Buffer.from(plaintext, "base64"));
    },
    async rotate() {
      const answer = await ask("POST", `keys/${name}/rotate`, {});
      if (answer.status !== 200 && answer.status !== 204) throw refused(answer);
      const { latest_version: latest } = await data("GET", `keys/${name}`);
      if (typeof latest !== "number") throw unavailable("a key without a version");
      return `v${latest}`;
    },
    async list() {
      const { keys } = await data("GET", `keys/${name}`);
      return wrappingKeys(keys);
    },
    async close() {
      await opened?.close();
      opened = undefined;
    },
  };
}

/** "v3" of "vault:v3:…". */
function versionOf(ciphertext: unknown): string | undefined {
  return typeof ciphertext === "string" ? /^[a-z]+:(v\d{1,9}):[A-Za-z0-9+/=]+$/.exec(ciphertext)?.[1] : undefined;
}

/** Version to creation time, in seconds or as text, as the key's type has it. */
function wrappingKeys(keys: unknown): WrappingKey[] {
  if (typeof keys !== "object" || keys === null) return [];
  return Object.entries(keys)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([version, made]) => ({ id: `v${version}`, madeAt: typeof made === "number" ? made * 1_000 : null }));
}
