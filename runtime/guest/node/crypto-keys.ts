// KeyObject. A secret key's bytes are the job's own and stay here; public and private keys lie in the executor, and here is
// their number there.
import { Buffer, bytesOf } from "./buffer.ts";
import { randomBytes } from "./crypto-random.ts";
import {
  callBack,
  compute,
  computeLater,
  nodeError,
  outOfRange,
  requireCallback,
  wrongType,
  wrongValue,
} from "./errors.ts";
import { giving } from "./util.ts";

type KeyType = "secret" | "public" | "private";

interface Described {
  id: number;
  type: KeyType;
  asymmetricKeyType: string;
  details: Record<string, unknown>;
}

interface Encoding {
  format?: string;
  type?: string;
  cipher?: string;
  passphrase?: unknown;
}

const makeKey = Symbol("only this module makes keys");

export class KeyObject {
  readonly type: KeyType;
  readonly #described: Described | undefined;
  readonly #secret: Uint8Array | undefined;

  constructor(key: symbol, from: Described | Uint8Array) {
    if (key !== makeKey) throw new TypeError("Illegal constructor");
    this.type = from instanceof Uint8Array ? "secret" : from.type;
    this.#secret = from instanceof Uint8Array ? from : undefined;
    this.#described = from instanceof Uint8Array ? undefined : from;
  }
  get [Symbol.toStringTag](): string {
    return "KeyObject";
  }
  /** In the executor's table. */
  get keyId(): number | undefined {
    return this.#described?.id;
  }
  get secretBytes(): Uint8Array | undefined {
    return this.#secret;
  }
  get symmetricKeySize(): number | undefined {
    return this.#secret?.length;
  }
  get asymmetricKeyType(): string | undefined {
    return this.#described?.asymmetricKeyType;
  }
  get asymmetricKeyDetails(): object | undefined {
    const details = this.#described?.details;
    if (details === undefined) return undefined;
    const { publicExponent, ...rest } = details;
    return publicExponent === undefined ? rest : { ...rest, publicExponent: BigInt(publicExponent as string) };
  }
  export(options: Encoding = {}): unknown {
    if (this.#secret !== undefined) {
      if (options.format === "jwk") return { kty: "oct", k: Buffer.from(this.#secret).toString("base64url") };
      return Buffer.from(this.#secret);
    }
    const { format, type, cipher, passphrase } = options;
    if (format === undefined) throw wrongType("options.format", "one of 'pem', 'der' or 'jwk'", format);
    const answer = compute("node.key.export", { id: this.keyId, format, type, cipher, ...passphraseOf(passphrase) });
    if (format === "jwk") return answer.value;
    return format === "pem" ? Buffer.from(answer.bytes).toString() : Buffer.from(answer.bytes);
  }
  equals(other: KeyObject): boolean {
    if (!(other instanceof KeyObject)) throw wrongType("otherKeyObject", "an instance of KeyObject", other);
    if (this.type !== other.type) return false;
    if (this.#secret !== undefined) return Buffer.compare(this.#secret, other.#secret ?? new Uint8Array(0)) === 0;
    return compute("node.key.equals", { id: this.keyId, other: other.keyId }).value as boolean;
  }
  static from(): never {
    throw wrongValue("key", "CryptoKey", "can't be read: keys of Web Crypto stay outside of the job");
  }
}

function passphraseOf(passphrase: unknown, encoding?: unknown): { passphrase?: string } {
  if (passphrase === undefined || passphrase === null) return {};
  return { passphrase: Buffer.from(bytesOf(passphrase, "options.passphrase", encoding)).toString("base64") };
}

export function createSecretKey(key: unknown, encoding?: string): KeyObject {
  const bytes = bytesOf(key, "key", encoding);
  return new KeyObject(makeKey, bytes.slice());
}

interface KeyInput {
  key: unknown;
  format?: string;
  type?: string;
  passphrase?: unknown;
  encoding?: string;
}

function inputOf(input: unknown): KeyInput {
  const isBytes = typeof input === "string" || ArrayBuffer.isView(input) || input instanceof ArrayBuffer;
  if (isBytes || input instanceof KeyObject) return { key: input };
  if (typeof input === "object" && input !== null && "key" in input) return input as KeyInput;
  throw wrongType(
    "key",
    "of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or Object",
    input,
  );
}

function importKey(kind: "public" | "private", input: KeyInput): KeyObject {
  const { key, format = "pem", type, passphrase, encoding } = input;
  const bytes = format === "jwk" ? Buffer.from(JSON.stringify(key)) : bytesOf(key, "key", encoding);
  const args = { kind, format, type, ...passphraseOf(passphrase, encoding) };
  return new KeyObject(makeKey, compute("node.key.import", args, bytes).value as Described);
}

export function createPrivateKey(input: unknown): KeyObject {
  const asked = inputOf(input);
  if (asked.key instanceof KeyObject)
    throw wrongType("key", "of type string or an instance of Buffer or Object", asked.key);
  return importKey("private", asked);
}

export function createPublicKey(input: unknown): KeyObject {
  const asked = inputOf(input);
  if (!(asked.key instanceof KeyObject)) return importKey("public", asked);
  if (asked.key.type !== "private")
    throw nodeError(
      TypeError,
      "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
      `Invalid key object type ${asked.key.type}, expected private.`,
    );
  return new KeyObject(makeKey, compute("node.key.public", { id: asked.key.keyId }).value as Described);
}

/** A key as it is given to sign, verify, encrypt and so on: an object, or whatever makes one. */
export function keyFor(kind: "public" | "private", input: unknown): number {
  const asked = inputOf(input);
  const { key } = asked;
  if (!(key instanceof KeyObject)) return importKey(kind, asked).keyId as number;
  const fits = kind === "public" ? key.type !== "secret" : key.type === "private";
  if (!fits || key.keyId === undefined)
    throw nodeError(
      TypeError,
      "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
      `Invalid key object type ${key.type}, expected ${kind === "public" ? "private or public" : "private"}.`,
    );
  return key.keyId;
}

/** A secret in a KeyObject or as bytes or text. */
export function secretFor(input: unknown, name = "key", encoding?: string): Uint8Array {
  return (input as KeyObject | null)?.secretBytes ?? bytesOf(input, name, encoding);
}

type PairOptions = Record<string, unknown> & { publicKeyEncoding?: Encoding; privateKeyEncoding?: Encoding };
type Pair = { publicKey: unknown; privateKey: unknown };

function pairOf(value: unknown, { publicKeyEncoding, privateKeyEncoding }: PairOptions): Pair {
  const made = value as { publicKey: Described; privateKey: Described };
  const [publicKey, privateKey] = [new KeyObject(makeKey, made.publicKey), new KeyObject(makeKey, made.privateKey)];
  return {
    publicKey: publicKeyEncoding === undefined ? publicKey : publicKey.export(publicKeyEncoding),
    privateKey: privateKeyEncoding === undefined ? privateKey : privateKey.export(privateKeyEncoding),
  };
}

function generation(kind: unknown, options: PairOptions = {}): object {
  if (typeof kind !== "string") throw wrongType("type", "of type string", kind);
  const { publicKeyEncoding: _public, privateKeyEncoding: _private, ...rest } = options;
  return { ...rest, kind };
}

export function generateKeyPairSync(kind: string, options: PairOptions = {}): Pair {
  return pairOf(compute("node.key.generate", generation(kind, options)).value, options);
}

export const generateKeyPair = giving(
  (kind: string, options: PairOptions, callback: unknown): void => {
    requireCallback(callback);
    const made = computeLater("node.key.generate", generation(kind, options)).then(({ value }) =>
      pairOf(value, options),
    );
    callBack(made, callback, ({ publicKey, privateKey }) => [publicKey, privateKey]);
  },
  ["publicKey", "privateKey"],
);

export function generateKeySync(kind: string, { length }: { length: number }): KeyObject {
  if (kind !== "hmac" && kind !== "aes") throw wrongValue("type", kind, "must be a supported key type");
  if (kind === "aes" && ![128, 192, 256].includes(length))
    throw wrongValue("options.length", length, "must be one of: 128, 192, 256");
  if (!(length >= 8 && length <= 2 ** 31 - 1)) throw outOfRange("options.length", ">= 8 && <= 2147483647", length);
  return createSecretKey(randomBytes(Math.floor(length / 8)));
}

export function generateKey(kind: string, options: { length: number }, callback: unknown): void {
  requireCallback(callback);
  callBack(Promise.resolve(generateKeySync(kind, options)), callback);
}
