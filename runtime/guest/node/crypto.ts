// node:crypto. What is random comes from the guest's generator; the rest is computed by the executor's OpenSSL.
import constants from "mayfly:constants/crypto";
import { Cipheriv, createCipheriv, createDecipheriv, Decipheriv } from "./crypto-cipher.ts";
import { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from "./crypto-derive.ts";
import { createHash, createHmac, Hash, Hmac, hash, timingSafeEqual } from "./crypto-hash.ts";
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKey,
  generateKeyPair,
  generateKeyPairSync,
  generateKeySync,
  KeyObject,
} from "./crypto-keys.ts";
import { randomBytes, randomFill, randomFillSync, randomInt, randomUUID } from "./crypto-random.ts";
import {
  createECDH,
  createSign,
  createVerify,
  diffieHellman,
  ECDH,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  Sign,
  sign,
  Verify,
  verify,
} from "./crypto-sign.ts";
import { compute } from "./errors.ts";
import { refusingAll } from "./refuse.ts";
import { web } from "./web.ts";

interface Lists {
  hashes: string[];
  ciphers: string[];
  curves: string[];
}

let asked: Lists | undefined;

function lists(): Lists {
  asked ??= compute("node.crypto.lists", {}).value as Lists;
  return asked;
}

interface CipherInfoOptions {
  keyLength?: number;
  ivLength?: number;
}

const others = [
  "createDiffieHellman",
  "createDiffieHellmanGroup",
  "getDiffieHellman",
  "DiffieHellman",
  "DiffieHellmanGroup",
  "X509Certificate",
  "Certificate",
  "generatePrime",
  "generatePrimeSync",
  "checkPrime",
  "checkPrimeSync",
  "argon2",
  "argon2Sync",
  "encapsulate",
  "decapsulate",
  "setEngine",
  "setFips",
];

export default {
  ...refusingAll("crypto", "use Web Crypto (the global crypto), or an npm package for it", others),
  Cipheriv,
  Decipheriv,
  ECDH,
  Hash,
  Hmac,
  KeyObject,
  Sign,
  Verify,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  createSign,
  createVerify,
  diffieHellman,
  generateKey,
  generateKeyPair,
  generateKeyPairSync,
  generateKeySync,
  hash,
  hkdf,
  hkdfSync,
  pbkdf2,
  pbkdf2Sync,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  pseudoRandomBytes: randomBytes,
  prng: randomBytes,
  rng: randomBytes,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  scrypt,
  scryptSync,
  sign,
  timingSafeEqual,
  verify,
  getHashes: () => [...lists().hashes],
  getCiphers: () => [...lists().ciphers],
  getCurves: () => [...lists().curves],
  getCipherInfo: (name: string | number, options: CipherInfoOptions = {}) =>
    compute("node.crypto.cipherInfo", { ...options, name }).value ?? undefined,
  getFips: () => 0,
  secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 2 }),
  fips: false,
  getRandomValues: <T extends ArrayBufferView>(view: T) => web.crypto.getRandomValues(view),
  constants,
  get webcrypto() {
    return web.crypto;
  },
  get subtle() {
    return web.crypto.subtle;
  },
};
