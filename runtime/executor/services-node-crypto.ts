// node:crypto for the guest, but for keys (services-node-keys.ts): digests, ciphers, and keys that are derived from words.
// A digest or a cipher that takes more than one call keeps its state here, in a table. Costs are bounded as far as a caller
// sets them; the processor's time is watched from outside in any case. node:crypto is loaded with the first use, since it
// would cost every executor 10 ms.
import type * as NodeCrypto from "node:crypto";
import type { ServiceArguments } from "../protocol/services.ts";
import type { ServiceAnswer, Services } from "./services.ts";
import {
  bytesOf,
  callBytesMax,
  given,
  makeKept,
  partsOf,
  requireWithin,
  textOf,
  told,
  toldLater,
} from "./services-node-parts.ts";

declare const require: (name: "node:crypto") => typeof NodeCrypto;

const crypto = (): typeof NodeCrypto => require("node:crypto");

/** Far beyond what is advised (600,000), and some seconds of a processor. */
export const iterationsMax = 10_000_000;
/** scrypt's working memory, bytes: four times Node's default. */
export const scryptBytesMax = 134_217_728;
/** Digests, and ciphers, that are begun and not finished. */
export const statesMax = 256;

const hashes = makeKept<NodeCrypto.Hash | NodeCrypto.Hmac>("digest", statesMax);

function makeHash(args: ServiceArguments, key: Uint8Array | undefined): NodeCrypto.Hash | NodeCrypto.Hmac {
  const algorithm = textOf(args.algorithm);
  if (key !== undefined) return crypto().createHmac(algorithm, key);
  const { outputLength } = args;
  if (typeof outputLength === "number") requireWithin("outputLength", outputLength, callBytesMax);
  return crypto().createHash(algorithm, given({ outputLength: outputLength as number | undefined }));
}

const hash = {
  /** Whole: `[key,] data`. */
  "node.hash": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    const parts = partsOf(args, bytes);
    const key = args.hmac === true ? parts.shift() : undefined;
    return {
      value: null,
      bytes: makeHash(args, key)
        .update(parts[0] ?? new Uint8Array(0))
        .digest(),
    };
  },
  "node.hash.open": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    const [key] = partsOf(args, bytes);
    return { value: hashes.keep(makeHash(args, args.hmac === true ? key : undefined)) };
  },
  "node.hash.update": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    hashes.get(args.id).update(bytes);
    return { value: null };
  },
  "node.hash.copy": (args: ServiceArguments): ServiceAnswer => ({
    value: hashes.keep((hashes.get(args.id) as NodeCrypto.Hash).copy()),
  }),
  "node.hash.digest": (args: ServiceArguments): ServiceAnswer => {
    const state = hashes.get(args.id);
    hashes.drop(args.id);
    return { value: null, bytes: state.digest() };
  },
};

type Cipher = NodeCrypto.CipherGCM | NodeCrypto.DecipherGCM;

const ciphers = makeKept<{ cipher: Cipher; isAuthenticated: boolean }>("cipher", statesMax);

const cipher = {
  /** `key, iv`; no iv where `iv` is false. */
  "node.cipher.open": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    const [key = new Uint8Array(0), iv = new Uint8Array(0)] = partsOf(args, bytes);
    const algorithm = textOf(args.algorithm);
    const make = args.decrypt === true ? crypto().createDecipheriv : crypto().createCipheriv;
    const options = given({ authTagLength: args.authTagLength as number | undefined });
    const made = make(algorithm as "aes-256-gcm", key, args.iv === false ? (null as never) : iv, options as object);
    const isAuthenticated = /gcm|ccm|ocb|chacha20-poly1305/i.test(algorithm);
    return { value: ciphers.keep({ cipher: made as Cipher, isAuthenticated }) };
  },
  "node.cipher.update": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => ({
    value: null,
    bytes: ciphers.get(args.id).cipher.update(bytes),
  }),
  "node.cipher.set": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    const { cipher } = ciphers.get(args.id);
    if (args.what === "aad") cipher.setAAD(bytes, given({ plaintextLength: args.plaintextLength as number }) as never);
    else if (args.what === "padding") cipher.setAutoPadding(args.on === true);
    else if (args.what === "tag") (cipher as NodeCrypto.DecipherGCM).setAuthTag(bytes);
    return { value: null };
  },
  "node.cipher.final": (args: ServiceArguments): ServiceAnswer => {
    const { cipher, isAuthenticated } = ciphers.get(args.id);
    ciphers.drop(args.id);
    const bytes = cipher.final();
    const tag = isAuthenticated && "getAuthTag" in cipher ? cipher.getAuthTag().toString("base64") : null;
    return { value: { tag }, bytes };
  },
};

interface Derivation {
  password: Uint8Array;
  salt: Uint8Array;
  bytes: number;
}

function derivationOf(args: ServiceArguments, bytes: Uint8Array): Derivation {
  const [password = new Uint8Array(0), salt = new Uint8Array(0)] = partsOf(args, bytes);
  requireWithin("bytes of a derived key", Number(args.bytes), callBytesMax);
  return { password, salt, bytes: args.bytes as number };
}

function iterationsOf(args: ServiceArguments): number {
  requireWithin("iterations", Number(args.iterations), iterationsMax);
  return args.iterations as number;
}

function scryptOptions(args: ServiceArguments): NodeCrypto.ScryptOptions {
  const { N = 16_384, r = 8, p = 1, maxmem = 33_554_432 } = args as Record<string, number | undefined>;
  const bytesMax = Math.min(maxmem, scryptBytesMax);
  // OpenSSL's own reckoning. Its failure would stay in its queue of errors, and the next cipher would answer for it.
  if (128 * r * (N + p + 2) > bytesMax) {
    const error = new RangeError("Invalid scrypt params: memory limit exceeded");
    throw Object.assign(error, { code: "ERR_CRYPTO_INVALID_SCRYPT_PARAMS" });
  }
  return { N, r, p, maxmem: bytesMax };
}

type Done = (error: Error | null, key: Buffer | ArrayBuffer) => void;

function later(start: (done: Done) => void): Promise<ServiceAnswer> {
  return new Promise((resolve, reject) => {
    start((error, key) =>
      error ? reject(error) : resolve({ value: null, bytes: new Uint8Array(key as ArrayBuffer) }),
    );
  });
}

const derive = {
  "node.pbkdf2": (args: ServiceArguments, body: Uint8Array): ServiceAnswer => {
    const { password, salt, bytes } = derivationOf(args, body);
    return {
      value: null,
      bytes: crypto().pbkdf2Sync(password, salt, iterationsOf(args), bytes, textOf(args.digest)),
    };
  },
  "node.scrypt": (args: ServiceArguments, body: Uint8Array): ServiceAnswer => {
    const { password, salt, bytes } = derivationOf(args, body);
    return { value: null, bytes: crypto().scryptSync(password, salt, bytes, scryptOptions(args)) };
  },
  "node.hkdf": (args: ServiceArguments, body: Uint8Array): ServiceAnswer => {
    const { password, salt, bytes } = derivationOf(args, body);
    const key = crypto().hkdfSync(textOf(args.digest), password, salt, bytesOf(args.info), bytes);
    return { value: null, bytes: new Uint8Array(key) };
  },
};

const deriveLater = {
  "node.pbkdf2": async (args: ServiceArguments, body: Uint8Array): Promise<ServiceAnswer> => {
    const { password, salt, bytes } = derivationOf(args, body);
    const iterations = iterationsOf(args);
    return later((done) => crypto().pbkdf2(password, salt, iterations, bytes, textOf(args.digest), done));
  },
  "node.scrypt": async (args: ServiceArguments, body: Uint8Array): Promise<ServiceAnswer> => {
    const { password, salt, bytes } = derivationOf(args, body);
    return later((done) => crypto().scrypt(password, salt, bytes, scryptOptions(args), done));
  },
  "node.hkdf": async (args: ServiceArguments, body: Uint8Array): Promise<ServiceAnswer> => {
    const { password, salt, bytes } = derivationOf(args, body);
    return later((done) => crypto().hkdf(textOf(args.digest), password, salt, bytesOf(args.info), bytes, done));
  },
};

const lists = {
  "node.crypto.lists": (): ServiceAnswer => {
    const { getHashes, getCiphers, getCurves } = crypto();
    return { value: { hashes: getHashes(), ciphers: getCiphers(), curves: getCurves() } };
  },
  "node.crypto.cipherInfo": (args: ServiceArguments): ServiceAnswer => {
    const { keyLength, ivLength } = args as { keyLength?: number; ivLength?: number };
    const name = typeof args.name === "number" ? (args.name as never) : textOf(args.name);
    return { value: crypto().getCipherInfo(name, given({ keyLength, ivLength }) as object) ?? null };
  },
};

const atOnce = { ...hash, ...cipher, ...derive, ...lists };

export const nodeCryptoServices: Services = {
  atOnce: Object.fromEntries(Object.entries(atOnce).map(([name, service]) => [name, told(service)])),
  later: Object.fromEntries(Object.entries(deriveLater).map(([name, service]) => [name, toldLater(service)])),
};
