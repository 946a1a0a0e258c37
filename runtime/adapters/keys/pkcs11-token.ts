// One token of a PKCS#11 module (Cryptoki 2.40), logged in to, and the four things that we ask of it: its AES keys of a
// label, a new one, encrypt, decrypt. Answers for loading the module, for finding the token by its label, for one operation
// at a time, and for time: a module that hangs costs its caller an error. The addon, pkcs11js, is optional and compiled
// where it is wanted.
import type * as Pkcs11Js from "pkcs11js";
import { MayflyError, messageOf, quote } from "../../model/error.ts";

export interface TokenKey {
  /** CKA_ID. */
  id: Uint8Array;
  handle: Buffer;
}

export interface Pkcs11Token {
  keys(label: string): Promise<TokenKey[]>;
  /** An AES-256 key that is made in the token, stays there and is never shown. */
  make(label: string, id: Uint8Array): Promise<void>;
  /** AES-GCM with a tag of 128 bits behind the ciphertext. */
  encrypt(key: TokenKey, gcm: GcmParameters, plain: Uint8Array): Promise<Uint8Array>;
  /** Rejects with MayflyError `key_unavailable` for what was altered. */
  decrypt(key: TokenKey, gcm: GcmParameters, sealed: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface GcmParameters {
  nonce: Uint8Array;
  associated: Uint8Array;
}

export interface Pkcs11Place {
  /** Absolute path of the shared library. */
  module: string;
  /** The token's label. */
  token: string;
  pin: string;
}

/** A network module takes tens of milliseconds; this is for one that doesn't come back. */
const answerMs = 10_000;
const keysMax = 1_000;
const tagBytes = 16;

/** One initialisation a module and process, whoever uses it. */
const modules = new Map<string, { module: Pkcs11Js.PKCS11; users: number }>();

/** @throws MayflyError `key_unavailable` */
export async function openPkcs11Token(place: Pkcs11Place): Promise<Pkcs11Token> {
  const js = await loadAddon();
  const module = initialise(js, place.module);
  try {
    return await withSession(js, module, place);
  } catch (error) {
    finalise(place.module);
    throw error;
  }
}

async function withSession(js: typeof Pkcs11Js, module: Pkcs11Js.PKCS11, place: Pkcs11Place): Promise<Pkcs11Token> {
  const asking = <T>(what: string, ask: () => T | Promise<T>) => answered(place, what, ask);
  const slot = await asking("list its tokens", () => slotOf(module, place));
  const openSession = () => module.C_OpenSession(slot, js.CKF_SERIAL_SESSION | js.CKF_RW_SESSION);
  // The token is logged in to for as long as it has a session (PKCS#11, 5.6): this one.
  const lasting = await asking("open a session", openSession);
  await asking("log in", () => login(js, module, lasting, place.pin));

  let last: Promise<unknown> = Promise.resolve();
  /** In a session of its own: one that failed half-way may still have its operation, and refuse the next. */
  function inTurn<T>(what: string, ask: (session: Pkcs11Js.Handle) => T | Promise<T>): Promise<T> {
    const turn = last.then(() =>
      asking(what, async () => {
        const session = openSession();
        try {
          return await ask(session);
        } finally {
          module.C_CloseSession(session);
        }
      }),
    );
    last = turn.catch(() => undefined);
    return turn;
  }

  const gcm = ({ nonce, associated }: GcmParameters): Pkcs11Js.Mechanism => ({
    mechanism: js.CKM_AES_GCM,
    parameter: {
      type: js.CK_PARAMS_AES_GCM,
      iv: Buffer.from(nonce),
      ivBits: nonce.length * 8,
      aad: Buffer.from(associated),
      tagBits: tagBytes * 8,
    } as Pkcs11Js.AesGCM,
  });

  function find(session: Pkcs11Js.Handle, label: string): TokenKey[] {
    module.C_FindObjectsInit(session, [
      { type: js.CKA_CLASS, value: js.CKO_SECRET_KEY },
      { type: js.CKA_KEY_TYPE, value: js.CKK_AES },
      { type: js.CKA_LABEL, value: label },
    ]);
    try {
      return module.C_FindObjects(session, keysMax).map((handle) => {
        const asked = [js.CKA_ID, js.CKA_SENSITIVE, js.CKA_EXTRACTABLE].map((type) => ({ type }));
        const [id, sensitive, extractable] = module.C_GetAttributeValue(session, handle, asked);
        if (!isTrue(sensitive?.value) || isTrue(extractable?.value)) throw leaves(place, label);
        return { id: new Uint8Array(id?.value as Buffer), handle };
      });
    } finally {
      module.C_FindObjectsFinal(session);
    }
  }

  return {
    keys: (label) => inTurn("find keys", (session) => find(session, label)),
    make: (label, id) =>
      inTurn("make a key", async (session) => {
        await module.C_GenerateKeyAsync(session, { mechanism: js.CKM_AES_KEY_GEN }, [
          { type: js.CKA_CLASS, value: js.CKO_SECRET_KEY },
          { type: js.CKA_KEY_TYPE, value: js.CKK_AES },
          { type: js.CKA_VALUE_LEN, value: 32 },
          { type: js.CKA_LABEL, value: label },
          { type: js.CKA_ID, value: Buffer.from(id) },
          ...[js.CKA_TOKEN, js.CKA_PRIVATE, js.CKA_SENSITIVE, js.CKA_ENCRYPT, js.CKA_DECRYPT].map((type) => ({
            ...{ type, value: true },
          })),
          ...[js.CKA_EXTRACTABLE, js.CKA_WRAP, js.CKA_UNWRAP].map((type) => ({ type, value: false })),
        ]);
      }),
    encrypt: (key, parameters, plain) =>
      inTurn("encrypt", async (session) => {
        module.C_EncryptInit(session, gcm(parameters), key.handle);
        const room = Buffer.alloc(plain.length + tagBytes);
        return new Uint8Array(await module.C_EncryptAsync(session, Buffer.from(plain), room));
      }),
    decrypt: (key, parameters, sealed) =>
      inTurn("decrypt", async (session) => {
        module.C_DecryptInit(session, gcm(parameters), key.handle);
        const room = Buffer.alloc(sealed.length);
        return new Uint8Array(await module.C_DecryptAsync(session, Buffer.from(sealed), room));
      }),
    close: async () => {
      await last;
      try {
        module.C_CloseSession(lasting);
      } catch {
        // The token was taken out, and its sessions with it.
      }
      finalise(place.module);
    },
  };
}

async function loadAddon(): Promise<typeof Pkcs11Js> {
  try {
    const loaded = (await import("pkcs11js")) as typeof Pkcs11Js & { default?: typeof Pkcs11Js };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new MayflyError({
      code: "key_unavailable",
      message: "keys are in a PKCS#11 token, and the addon that speaks to it isn't there",
      found: "the package pkcs11js missing, or not compiled",
      needed: "pkcs11js 2.1.7, compiled on this machine (a C++ compiler, make and Python 3)",
      next: "npm rebuild --ignore-scripts=false pkcs11js",
      cause,
    });
  }
}

function initialise(js: typeof Pkcs11Js, path: string): Pkcs11Js.PKCS11 {
  const known = modules.get(path);
  if (known !== undefined) {
    known.users += 1;
    return known.module;
  }
  const module = new js.PKCS11();
  try {
    module.load(path);
    module.C_Initialize({ flags: js.CKF_OS_LOCKING_OK } as Pkcs11Js.InitializationOptions);
  } catch (error) {
    throw unavailable(
      `the PKCS#11 module ${quote(path)} can't be loaded`,
      reasonOf(error),
      "a module for this machine",
    );
  }
  modules.set(path, { module, users: 1 });
  return module;
}

function finalise(path: string): void {
  const known = modules.get(path);
  if (known === undefined) return;
  known.users -= 1;
  if (known.users > 0) return;
  modules.delete(path);
  try {
    known.module.C_Finalize();
  } finally {
    known.module.close();
  }
}

function slotOf(module: Pkcs11Js.PKCS11, { token }: Pkcs11Place): Pkcs11Js.Handle {
  const labels = new Map(module.C_GetSlotList(true).map((slot) => [slot, module.C_GetTokenInfo(slot).label.trimEnd()]));
  const slots = [...labels].filter(([, label]) => label === token).map(([slot]) => slot);
  const [slot] = slots;
  if (slot !== undefined && slots.length === 1) return slot;
  const named = [...labels.values()].filter((label) => label !== "").map((label) => quote(label));
  throw unavailable(
    `${slots.length === 0 ? "no token" : "more than one token"} is called ${quote(token)}`,
    named.length === 0 ? "no token at all" : named.join(", "),
    "one token of that label: `token` in the config",
  );
}

function login(js: typeof Pkcs11Js, module: Pkcs11Js.PKCS11, session: Pkcs11Js.Handle, pin: string): void {
  try {
    module.C_Login(session, js.CKU_USER, pin);
  } catch (error) {
    if (messageOf(error) !== "CKR_USER_ALREADY_LOGGED_IN") throw error;
  }
}

function isTrue(value: unknown): boolean {
  return value === true || (value instanceof Uint8Array && value[0] === 1);
}

async function answered<T>({ token }: Pkcs11Place, what: string, ask: () => T | Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${answerMs} ms`)), answerMs);
  try {
    return await Promise.race([(async () => ask())(), late]);
  } catch (error) {
    if (error instanceof MayflyError) throw error;
    throw unavailable(`the token ${quote(token)} could not ${what}`, reasonOf(error), "a token that answers");
  } finally {
    clearTimeout(timer);
  }
}

/** Cryptoki's own word, such as CKR_PIN_INCORRECT: its messages hold nothing of ours. */
function reasonOf(error: unknown): string {
  return quote(messageOf(error), 200);
}

function leaves({ token }: Pkcs11Place, label: string): MayflyError {
  return unavailable(
    `the key ${quote(label)} of token ${quote(token)} can leave it`,
    "a key that is extractable, or not sensitive",
    "CKA_EXTRACTABLE false and CKA_SENSITIVE true, as Mayfly makes them",
  );
}

function unavailable(message: string, found: string, needed: string): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    ...{ message, found, needed },
    next: "see docs/keys.md; nothing that is sealed can be opened until then",
  });
}
