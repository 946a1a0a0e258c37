// The Transit secrets engine of the Vault stand-in, as documented (secret/transit of the API): keys of type aes256-gcm96
// with versions, encrypt, decrypt, rewrap, rotate, datakey, config and delete. Ciphertexts are real: AES-256-GCM, the
// nonce before the ciphertext, `vault:v<version>:` before both. Derived, convergent and asymmetric keys are left out, and
// asking for them is refused.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export interface EngineCall {
  method: "GET" | "POST" | "DELETE" | "LIST";
  /** Below the engine's mount. */
  path: string;
  body: Readonly<Record<string, unknown>>;
}

export interface EngineReply {
  status: number;
  data?: Record<string, unknown>;
  errors?: readonly string[];
}

interface Key {
  versions: { key: Buffer; createdAt: number }[];
  minDecryption: number;
  /** 0: the latest. */
  minEncryption: number;
  deletionAllowed: boolean;
}

const tagBytes = 16;
const nonceBytes = 12;

class Refused extends Error {
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

export function makeTransit(nowMs: () => number): (call: EngineCall) => EngineReply {
  const keys = new Map<string, Key>();
  const fresh = () => ({ key: randomBytes(32), createdAt: Math.floor(nowMs() / 1_000) });

  function keyNamed(name: string): Key {
    const key = keys.get(name);
    if (key === undefined) throw new Refused("encryption key not found");
    return key;
  }

  function describe(name: string, key: Key): EngineReply {
    const data = {
      ...{ name, type: "aes256-gcm96", latest_version: key.versions.length, derived: false, exportable: false },
      ...{ min_decryption_version: key.minDecryption, min_encryption_version: key.minEncryption },
      ...{ min_available_version: 0, deletion_allowed: key.deletionAllowed, allow_plaintext_backup: false },
      ...{ supports_encryption: true, supports_decryption: true, supports_derivation: true, supports_signing: false },
      keys: Object.fromEntries(key.versions.map(({ createdAt }, index) => [String(index + 1), createdAt])),
    };
    return { status: 200, data };
  }

  function create(name: string, body: EngineCall["body"]): EngineReply {
    const { type = "aes256-gcm96", derived = false, convergent_encryption: convergent = false } = body;
    if (type !== "aes256-gcm96" || derived !== false || convergent !== false)
      throw new Refused(`this stand-in has no key of type ${String(type)}, derived or convergent`);
    const key = keys.get(name) ?? {
      ...{ versions: [fresh()], minDecryption: 1, minEncryption: 0, deletionAllowed: false },
    };
    keys.set(name, key);
    return describe(name, key);
  }

  function configure(key: Key, body: EngineCall["body"]): EngineReply {
    const { min_decryption_version: min, min_encryption_version: minEncryption, deletion_allowed: deletion } = body;
    if (min !== undefined) {
      if (typeof min !== "number" || min < 1 || min > key.versions.length)
        throw new Refused(`cannot set min decryption version of ${String(min)}`);
      key.minDecryption = min;
    }
    if (minEncryption !== undefined) {
      if (typeof minEncryption !== "number" || minEncryption < 0 || minEncryption > key.versions.length)
        throw new Refused(`cannot set min encryption version of ${String(minEncryption)}`);
      key.minEncryption = minEncryption;
    }
    if (typeof deletion === "boolean") key.deletionAllowed = deletion;
    return { status: 204 };
  }

  function encrypt(key: Key, plaintext: Buffer, body: EngineCall["body"]): Record<string, unknown> {
    const latest = key.versions.length;
    const version = body.key_version === undefined || body.key_version === 0 ? latest : Number(body.key_version);
    if (!(version >= Math.max(1, key.minEncryption) && version <= latest))
      throw new Refused("requested version for encryption is not permitted");
    return { ciphertext: seal(key, version, plaintext, associated(body)), key_version: version };
  }

  function run({ method, path, body }: EngineCall): EngineReply {
    const [verb = "", name = "", tail, ...more] = path.split("/");
    if (more.length > 0) return { status: 404, errors: [`no handler for route "transit/${path}"`] };
    if (verb === "keys" && name === "" && method === "LIST")
      return keys.size === 0 ? { status: 404, errors: [] } : { status: 200, data: { keys: [...keys.keys()] } };
    if (verb === "keys" && tail === undefined && name !== "") {
      if (method === "POST") return create(name, body);
      const key = keys.get(name);
      if (method === "GET") return key === undefined ? { status: 404, errors: [] } : describe(name, key);
      if (method === "DELETE") {
        if (!keyNamed(name).deletionAllowed) throw new Refused("deletion is not allowed for this key");
        keys.delete(name);
        return { status: 204 };
      }
    }
    if (method !== "POST") return { status: 405, errors: ["unsupported operation"] };
    if (verb === "keys" && tail === "rotate") {
      const key = keyNamed(name);
      key.versions.push(fresh());
      return describe(name, key);
    }
    if (verb === "keys" && tail === "config") return configure(keyNamed(name), body);
    if (verb === "encrypt" && tail === undefined)
      return { status: 200, data: encrypt(keyNamed(name), base64(body.plaintext, "plaintext"), body) };
    if (verb === "decrypt" && tail === undefined)
      return { status: 200, data: { plaintext: unseal(keyNamed(name), body).toString("base64") } };
    if (verb === "rewrap" && tail === undefined)
      return { status: 200, data: encrypt(keyNamed(name), unseal(keyNamed(name), body), body) };
    if (verb === "datakey" && (name === "plaintext" || name === "wrapped") && tail !== undefined) {
      const plain = randomBytes(32);
      const sealed = encrypt(keyNamed(tail), plain, body);
      return { status: 200, data: name === "wrapped" ? sealed : { ...sealed, plaintext: plain.toString("base64") } };
    }
    return { status: 404, errors: [`no handler for route "transit/${path}"`] };
  }

  return (call) => {
    try {
      return run(call);
    } catch (error) {
      if (error instanceof Refused) return { status: error.status, errors: [error.message] };
      throw error;
    }
  };
}

function seal(key: Key, version: number, plaintext: Buffer, aad: Buffer): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key.versions[version - 1]?.key ?? Buffer.alloc(0), nonce);
  cipher.setAAD(aad);
  const bytes = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return `vault:v${version}:${bytes.toString("base64")}`;
}

function unseal(key: Key, body: EngineCall["body"]): Buffer {
  const match = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})$/.exec(String(body.ciphertext ?? ""));
  if (match === null) throw new Refused("invalid ciphertext: no prefix");
  const version = Number(match[1]);
  if (version < key.minDecryption)
    throw new Refused("ciphertext or signature version is disallowed by policy (too old)");
  const bytes = Buffer.from(match[2] ?? "", "base64");
  const secret = key.versions[version - 1]?.key;
  if (secret === undefined || bytes.length < nonceBytes + tagBytes) throw new Refused("invalid ciphertext");
  try {
    const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(0, nonceBytes));
    decipher.setAAD(associated(body));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    throw new Refused("cipher: message authentication failed");
  }
}

function associated({ associated_data: data }: EngineCall["body"]): Buffer {
  return data === undefined ? Buffer.alloc(0) : base64(data, "associated_data");
}

function base64(value: unknown, name: string): Buffer {
  if (typeof value !== "string" || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value))
    throw new Refused(`failed to base64-decode ${name}`);
  return Buffer.from(value, "base64");
}
