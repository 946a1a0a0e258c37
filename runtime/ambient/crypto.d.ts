// crypto (https://w3c.github.io/webcrypto/, https://wicg.github.io/webcrypto-modern-algos/). Keys are made and used outside
// of the isolate: a CryptoKey is a number and a description. Which algorithms there are is Node's to say.

interface Crypto {
  readonly subtle: SubtleCrypto;
  /** @throws QuotaExceededError beyond 65,536 bytes. */
  getRandomValues<T extends IntegerArray>(array: T): T;
  /** RFC 9562, version 4. */
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
}

type IntegerArray =
  | BigInt64Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

declare var Crypto: {
  prototype: Crypto;
  new (): Crypto;
};

declare var crypto: Crypto;

// ─── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type KeyType = "private" | "public" | "secret";
type KeyFormat = "jwk" | "pkcs8" | "raw" | "raw-public" | "raw-secret" | "raw-seed" | "spki";
type KeyUsage =
  | "decapsulateBits"
  | "decapsulateKey"
  | "decrypt"
  | "deriveBits"
  | "deriveKey"
  | "encapsulateBits"
  | "encapsulateKey"
  | "encrypt"
  | "sign"
  | "unwrapKey"
  | "verify"
  | "wrapKey";

interface KeyAlgorithm {
  name: string;
}

interface AesKeyAlgorithm extends KeyAlgorithm {
  /** Bits. */
  length: number;
}

interface EcKeyAlgorithm extends KeyAlgorithm {
  namedCurve: string;
}

interface HmacKeyAlgorithm extends KeyAlgorithm {
  hash: KeyAlgorithm;
  length: number;
}

interface RsaKeyAlgorithm extends KeyAlgorithm {
  modulusLength: number;
  publicExponent: Uint8Array<ArrayBuffer>;
}

interface RsaHashedKeyAlgorithm extends RsaKeyAlgorithm {
  hash: KeyAlgorithm;
}

interface CryptoKey {
  readonly type: KeyType;
  readonly extractable: boolean;
  readonly algorithm: KeyAlgorithm;
  readonly usages: KeyUsage[];
}

declare var CryptoKey: {
  prototype: CryptoKey;
  new (): CryptoKey;
};

interface CryptoKeyPair {
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

interface RsaOtherPrimesInfo {
  r?: string;
  d?: string;
  t?: string;
}

/** RFC 7517, RFC 7518. */
interface JsonWebKey {
  kty?: string;
  use?: string;
  key_ops?: string[];
  alg?: string;
  ext?: boolean;
  crv?: string;
  x?: string;
  y?: string;
  d?: string;
  n?: string;
  e?: string;
  p?: string;
  q?: string;
  dp?: string;
  dq?: string;
  qi?: string;
  oth?: RsaOtherPrimesInfo[];
  k?: string;
  pub?: string;
  priv?: string;
}

// ─── Algorithms ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Algorithm {
  name: string;
}

type AlgorithmIdentifier = Algorithm | string;
type HashAlgorithmIdentifier = AlgorithmIdentifier;

/** AES-CBC. */
interface AesCbcParams extends Algorithm {
  iv: BufferSource;
}

/** AES-CTR. */
interface AesCtrParams extends Algorithm {
  counter: BufferSource;
  /** Bits of the counter. */
  length: number;
}

/** AES-GCM. */
interface AesGcmParams extends Algorithm {
  iv: BufferSource;
  additionalData?: BufferSource;
  /** Bits. */
  tagLength?: number;
}

/** AES-OCB, ChaCha20-Poly1305. */
interface AeadParams extends AesGcmParams {}

/** RSA-OAEP. */
interface RsaOaepParams extends Algorithm {
  label?: BufferSource;
}

/** RSA-PSS. */
interface RsaPssParams extends Algorithm {
  /** Bytes. */
  saltLength: number;
}

/** ECDSA. */
interface EcdsaParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
}

/** Ed448, ML-DSA. */
interface ContextParams extends Algorithm {
  context?: BufferSource;
}

/** KMAC128, KMAC256. */
interface KmacParams extends Algorithm {
  /** Bits. */
  outputLength: number;
  customization?: BufferSource;
}

/** cSHAKE128, cSHAKE256. */
interface CShakeParams extends Algorithm {
  /** Bits. */
  outputLength: number;
  functionName?: BufferSource;
  customization?: BufferSource;
}

/** TurboSHAKE128, TurboSHAKE256. */
interface TurboShakeParams extends Algorithm {
  outputLength: number;
  domainSeparation?: number;
}

/** KT128, KT256. */
interface KangarooTwelveParams extends Algorithm {
  outputLength: number;
  customization?: BufferSource;
}

/** ECDH, X25519, X448. */
interface EcdhKeyDeriveParams extends Algorithm {
  public: CryptoKey;
}

interface HkdfParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
  salt: BufferSource;
  info: BufferSource;
}

interface Pbkdf2Params extends Algorithm {
  hash: HashAlgorithmIdentifier;
  salt: BufferSource;
  iterations: number;
}

/** Argon2d, Argon2i, Argon2id. */
interface Argon2Params extends Algorithm {
  nonce: BufferSource;
  parallelism: number;
  /** KiB. */
  memory: number;
  passes: number;
  version?: number;
  secretValue?: BufferSource;
  associatedData?: BufferSource;
}

interface AesKeyGenParams extends Algorithm {
  /** Bits. */
  length: number;
}

interface AesDerivedKeyParams extends AesKeyGenParams {}

interface EcKeyGenParams extends Algorithm {
  namedCurve: string;
}

interface EcKeyImportParams extends EcKeyGenParams {}

interface HmacKeyGenParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
  /** Bits. */
  length?: number;
}

interface HmacImportParams extends HmacKeyGenParams {}

interface KmacKeyGenParams extends Algorithm {
  length?: number;
}

interface KmacImportParams extends KmacKeyGenParams {}

interface RsaHashedImportParams extends Algorithm {
  hash: HashAlgorithmIdentifier;
}

interface RsaKeyGenParams extends Algorithm {
  modulusLength: number;
  publicExponent: Uint8Array<ArrayBuffer>;
}

interface RsaHashedKeyGenParams extends RsaKeyGenParams {
  hash: HashAlgorithmIdentifier;
}

type CipherParams = AlgorithmIdentifier | RsaOaepParams | AesCtrParams | AesCbcParams | AesGcmParams | AeadParams;
type SignatureParams = AlgorithmIdentifier | RsaPssParams | EcdsaParams | ContextParams | KmacParams;
type DigestParams = AlgorithmIdentifier | CShakeParams | TurboShakeParams | KangarooTwelveParams;
type DerivationParams = AlgorithmIdentifier | EcdhKeyDeriveParams | HkdfParams | Pbkdf2Params | Argon2Params;
type DerivedKeyParams = AlgorithmIdentifier | AesDerivedKeyParams | HmacImportParams | KmacImportParams;
type KeyImportParams =
  | AlgorithmIdentifier
  | RsaHashedImportParams
  | EcKeyImportParams
  | HmacImportParams
  | KmacImportParams
  | AesKeyAlgorithm;

// ─── Operations: each rejects with a DOMException whose name says why ──────────────────────────────────────────────

interface EncapsulatedKey {
  sharedKey: CryptoKey;
  ciphertext: ArrayBuffer;
}

interface EncapsulatedBits {
  sharedKey: ArrayBuffer;
  ciphertext: ArrayBuffer;
}

type KeyUsages = readonly KeyUsage[];

interface SubtleCrypto {
  encrypt(algorithm: CipherParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  decrypt(algorithm: CipherParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  sign(algorithm: SignatureParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(algorithm: SignatureParams, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean>;
  digest(algorithm: DigestParams, data: BufferSource): Promise<ArrayBuffer>;
  generateKey(
    algorithm: RsaHashedKeyGenParams | EcKeyGenParams | "Ed25519" | { name: "Ed25519" },
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKeyPair>;
  generateKey(
    algorithm: AesKeyGenParams | HmacKeyGenParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKey>;
  generateKey(
    algorithm: AlgorithmIdentifier | KmacKeyGenParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKeyPair | CryptoKey>;
  deriveKey(
    algorithm: DerivationParams,
    baseKey: CryptoKey,
    derivedKey: DerivedKeyParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKey>;
  /** @param length bits. */
  deriveBits(algorithm: DerivationParams, baseKey: CryptoKey, length?: number | null): Promise<ArrayBuffer>;
  importKey(
    format: "jwk",
    data: JsonWebKey,
    algorithm: KeyImportParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKey>;
  importKey(
    format: Exclude<KeyFormat, "jwk">,
    data: BufferSource,
    algorithm: KeyImportParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKey>;
  exportKey(format: "jwk", key: CryptoKey): Promise<JsonWebKey>;
  exportKey(format: Exclude<KeyFormat, "jwk">, key: CryptoKey): Promise<ArrayBuffer>;
  exportKey(format: KeyFormat, key: CryptoKey): Promise<ArrayBuffer | JsonWebKey>;
  wrapKey(format: KeyFormat, key: CryptoKey, wrappingKey: CryptoKey, wrapAlgorithm: CipherParams): Promise<ArrayBuffer>;
  unwrapKey(
    format: KeyFormat,
    wrappedKey: BufferSource,
    unwrappingKey: CryptoKey,
    unwrapAlgorithm: CipherParams,
    keyAlgorithm: KeyImportParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKey>;
  encapsulateKey(
    algorithm: AlgorithmIdentifier,
    encapsulationKey: CryptoKey,
    sharedKey: DerivedKeyParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<EncapsulatedKey>;
  encapsulateBits(algorithm: AlgorithmIdentifier, encapsulationKey: CryptoKey): Promise<EncapsulatedBits>;
  decapsulateKey(
    algorithm: AlgorithmIdentifier,
    decapsulationKey: CryptoKey,
    ciphertext: BufferSource,
    sharedKey: DerivedKeyParams,
    extractable: boolean,
    usages: KeyUsages,
  ): Promise<CryptoKey>;
  decapsulateBits(
    algorithm: AlgorithmIdentifier,
    decapsulationKey: CryptoKey,
    ciphertext: BufferSource,
  ): Promise<ArrayBuffer>;
  getPublicKey(key: CryptoKey, usages: KeyUsages): Promise<CryptoKey>;
}

declare var SubtleCrypto: {
  prototype: SubtleCrypto;
  new (): SubtleCrypto;
  supports(operation: string, algorithm: AlgorithmIdentifier, length?: number | null): boolean;
  supports(operation: string, algorithm: AlgorithmIdentifier, additional: AlgorithmIdentifier): boolean;
};
