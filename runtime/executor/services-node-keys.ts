// Asymmetric keys for node:crypto: made, read, written, and used here. The guest has their numbers; a private key enters the
// isolate only when the job brought it, or asks to have it written.
import type * as NodeCrypto from "node:crypto";
import type { ServiceArguments } from "../protocol/services.ts";
import type { ServiceAnswer, Services } from "./services.ts";
import { bytesOf, given, makeKept, partsOf, requireWithin, textOf, told, toldLater } from "./services-node-parts.ts";

declare const require: (name: "node:crypto") => typeof NodeCrypto;

const crypto = (): typeof NodeCrypto => require("node:crypto");

/** A few kilobytes each; what needs more of them at once has no need of a sandbox for short jobs. */
export const keysMax = 1_024;
/** Longer ones take minutes to find. */
export const rsaBitsMax = 8_192;

const keys = makeKept<NodeCrypto.KeyObject>("key", keysMax);

function describe(key: NodeCrypto.KeyObject): object {
  const { type, asymmetricKeyType, asymmetricKeyDetails = {} } = key;
  const { publicExponent, ...details } = asymmetricKeyDetails;
  const exponent = publicExponent === undefined ? {} : { publicExponent: String(publicExponent) };
  return { id: keys.keep(key), type, asymmetricKeyType, details: { ...details, ...exponent } };
}

/** The bytes are PEM text, DER, or a JWK's JSON. */
function importKey(args: ServiceArguments, bytes: Uint8Array): ServiceAnswer {
  const { createPrivateKey, createPublicKey } = crypto();
  const make = args.kind === "private" ? createPrivateKey : createPublicKey;
  const data = Buffer.from(bytes);
  const options = {
    key: args.format === "jwk" ? JSON.parse(data.toString()) : data,
    format: textOf(args.format),
    type: args.type,
    ...(args.passphrase === undefined ? {} : { passphrase: bytesOf(args.passphrase) }),
  };
  return { value: describe(make(given(options) as never)) };
}

function exportKey(args: ServiceArguments): ServiceAnswer {
  const passphrase = args.passphrase === undefined ? undefined : bytesOf(args.passphrase);
  const options = given({ format: args.format, type: args.type, cipher: args.cipher, passphrase });
  const exported = keys.get(args.id).export(options as never) as string | Buffer | object;
  if (args.format === "jwk") return { value: exported };
  return { value: null, bytes: typeof exported === "string" ? Buffer.from(exported) : (exported as Buffer) };
}

const kinds = ["rsa", "rsa-pss", "dsa", "ec", "ed25519", "ed448", "x25519", "x448"];

function generation(args: ServiceArguments): { kind: "rsa"; options: never } {
  const kind = textOf(args.kind);
  if (!kinds.includes(kind) && !/^(?:ml|slh)-/.test(kind))
    throw Object.assign(new TypeError(`The argument 'type' must be a supported key type. Received '${kind}'`), {
      code: "ERR_INVALID_ARG_VALUE",
    });
  const { modulusLength, publicExponent, namedCurve, divisorLength, hashAlgorithm, mgf1HashAlgorithm, saltLength } =
    args as Record<string, never>;
  if (modulusLength !== undefined) requireWithin("modulusLength", Number(modulusLength), rsaBitsMax);
  const options = {
    modulusLength,
    publicExponent,
    namedCurve,
    divisorLength,
    hashAlgorithm,
    mgf1HashAlgorithm,
    saltLength,
  };
  return { kind: kind as "rsa", options: given(options) as never };
}

interface KeyPair {
  publicKey: NodeCrypto.KeyObject;
  privateKey: NodeCrypto.KeyObject;
}

const pairOf = (publicKey: NodeCrypto.KeyObject, privateKey: NodeCrypto.KeyObject): ServiceAnswer => ({
  value: { publicKey: describe(publicKey), privateKey: describe(privateKey) },
});

function signing(args: ServiceArguments) {
  const { padding, saltLength, dsaEncoding } = args as Record<string, never>;
  const algorithm = args.algorithm === null || args.algorithm === undefined ? null : textOf(args.algorithm);
  return { algorithm, key: given({ key: keys.get(args.key), padding, saltLength, dsaEncoding }) as never };
}

const rsa = {
  publicEncrypt: () => crypto().publicEncrypt,
  publicDecrypt: () => crypto().publicDecrypt,
  privateEncrypt: () => crypto().privateEncrypt,
  privateDecrypt: () => crypto().privateDecrypt,
};

function crypt(args: ServiceArguments, bytes: Uint8Array): ServiceAnswer {
  const operation = textOf(args.operation);
  if (!Object.hasOwn(rsa, operation)) throw new TypeError("no such operation");
  const { padding, oaepHash } = args as Record<string, never>;
  const oaepLabel = args.oaepLabel === undefined ? undefined : bytesOf(args.oaepLabel);
  const options = given({ key: keys.get(args.key), padding, oaepHash, oaepLabel });
  return { value: null, bytes: rsa[operation as keyof typeof rsa]()(options as never, bytes) };
}

/** Elliptic curves in the older spelling, where the guest holds the private number itself. */
function ecdh(args: ServiceArguments, bytes: Uint8Array): ServiceAnswer {
  const [privateKey = new Uint8Array(0), other = new Uint8Array(0)] = partsOf(args, bytes);
  const pair = crypto().createECDH(textOf(args.curve));
  if (args.operation === "generate") pair.generateKeys();
  else pair.setPrivateKey(privateKey);
  if (args.operation === "compute") return { value: null, bytes: pair.computeSecret(other) };
  return { value: { publicKey: pair.getPublicKey("base64") }, bytes: pair.getPrivateKey() };
}

const atOnce = {
  "node.key.import": importKey,
  "node.key.export": exportKey,
  "node.key.public": (args: ServiceArguments): ServiceAnswer => ({
    value: describe(crypto().createPublicKey(keys.get(args.id) as never)),
  }),
  "node.key.equals": (args: ServiceArguments): ServiceAnswer => ({
    value: keys.get(args.id).equals(keys.get(args.other)),
  }),
  "node.key.generate": (args: ServiceArguments): ServiceAnswer => {
    const { kind, options } = generation(args);
    const { publicKey, privateKey } = crypto().generateKeyPairSync(kind, options) as never as KeyPair;
    return pairOf(publicKey, privateKey);
  },
  "node.sign": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    const { algorithm, key } = signing(args);
    return { value: null, bytes: crypto().sign(algorithm, bytes, key) };
  },
  /** `signature, data`. */
  "node.verify": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => {
    const [signature = new Uint8Array(0), data = new Uint8Array(0)] = partsOf(args, bytes);
    const { algorithm, key } = signing(args);
    return { value: crypto().verify(algorithm, data, key, signature) };
  },
  "node.crypt": crypt,
  "node.ecdh": ecdh,
  "node.diffieHellman": (args: ServiceArguments): ServiceAnswer => ({
    value: null,
    bytes: crypto().diffieHellman({ privateKey: keys.get(args.privateKey), publicKey: keys.get(args.publicKey) }),
  }),
};

const later = {
  "node.key.generate": (args: ServiceArguments): Promise<ServiceAnswer> => {
    const { kind, options } = generation(args);
    return new Promise((resolve, reject) => {
      crypto().generateKeyPair(kind, options, ((
        error: Error | null,
        publicKey: NodeCrypto.KeyObject,
        privateKey: NodeCrypto.KeyObject,
      ) => (error ? reject(error) : resolve(pairOf(publicKey, privateKey)))) as never);
    });
  },
};

export const nodeKeyServices: Services = {
  atOnce: Object.fromEntries(Object.entries(atOnce).map(([name, service]) => [name, told(service)])),
  later: Object.fromEntries(Object.entries(later).map(([name, service]) => [name, toldLater(service)])),
};
