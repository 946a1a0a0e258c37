// Wrapping keys in a hardware module: AES-256 keys of one label, made in the token and never outside of it. Data keys go in
// and come out wrapped (AES-GCM, our nonce before the ciphertext). A key's id, CKA_ID, is 6 bytes of the time that it was
// made at, ms since the epoch, and 4 random ones: so ids sort by age, and two hosts that rotate at once make two keys. A key
// of the same label that somebody else made is older than all of ours.
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { EpochMs } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KeyProvider } from "../../ports/key-provider.ts";
import type { Random } from "../../ports/random.ts";
import { openPkcs11Token, type Pkcs11Place, type Pkcs11Token, type TokenKey } from "./pkcs11-token.ts";

const nonceBytes = 12;
const timeBytes = 6;
const idBytes = timeBytes + 4;

export interface Pkcs11Parts {
  /** Read when it is first needed. */
  place: () => Omit<Pkcs11Place, "pin"> & { pin: string };
  /** Label of the keys. */
  key: string;
  random: Random;
  clock: Clock;
}

export function makePkcs11Provider({ place, key: label, random, clock }: Pkcs11Parts): KeyProvider {
  let opening: Promise<Pkcs11Token> | undefined;
  let refused: MayflyError | undefined;

  function token(): Promise<Pkcs11Token> {
    // A token locks itself after a few wrong PINs: each is tried once.
    if (refused !== undefined) return Promise.reject(refused);
    opening ??= (async () => openPkcs11Token(place()))();
    opening.catch((error: unknown) => {
      opening = undefined;
      if (error instanceof MayflyError && /CKR_PIN_/.test(error.found ?? "")) refused = error;
    });
    return opening;
  }

  /** Oldest first. */
  async function keys(at: Pkcs11Token): Promise<TokenKey[]> {
    const all = await at.keys(label);
    return all.sort((a, b) => timeOf(a) - timeOf(b) || (hex(a.id) < hex(b.id) ? -1 : 1));
  }

  async function make(at: Pkcs11Token): Promise<string> {
    const newest = (await keys(at)).at(-1);
    const time = Buffer.alloc(timeBytes);
    time.writeUIntBE(Math.max(clock.nowMs(), (newest === undefined ? -1 : timeOf(newest)) + 1), 0, timeBytes);
    const id = Buffer.concat([time, random.bytes(idBytes - timeBytes)]);
    await at.make(label, id);
    return hex(id);
  }

  // A session is gone when its token was taken out, or its module restarted: one more try, on a new one.
  async function using<T>(use: (at: Pkcs11Token) => Promise<T>): Promise<T> {
    const at = await token();
    try {
      return await use(at);
    } catch (error) {
      const isLost = error instanceof MayflyError && lost.some((word) => error.found?.includes(word));
      if (!isLost) throw error;
      opening = undefined;
      await at.close().catch(() => undefined);
      return use(await token());
    }
  }

  return {
    kind: "pkcs11",
    wrap: (key) =>
      using(async (at) => {
        if ((await keys(at)).length === 0) await make(at);
        const newest = (await keys(at)).at(-1) as TokenKey;
        const keyId = hex(newest.id);
        const nonce = random.bytes(nonceBytes);
        const sealed = await at.encrypt(newest, { nonce, associated: associated(keyId) }, key);
        return { keyId, bytes: new Uint8Array(Buffer.concat([nonce, sealed])) };
      }),
    unwrap: ({ keyId, bytes }) =>
      using(async (at) => {
        const by = (await keys(at)).find(({ id }) => hex(id) === keyId);
        if (by === undefined) throw missing(keyId, label);
        const nonce = bytes.slice(0, nonceBytes);
        return at.decrypt(by, { nonce, associated: associated(keyId) }, bytes.slice(nonceBytes));
      }),
    rotate: () => using(make),
    list: () =>
      using(async (at) =>
        (await keys(at)).map((each) => ({ id: hex(each.id), madeAt: timeOf(each) < 0 ? null : timeOf(each) })),
      ),
    async close() {
      await (await opening?.catch(() => undefined))?.close();
      opening = undefined;
    },
  };
}

/** Cryptoki's words for a session that ended without us. */
const lost = [
  "CKR_SESSION_",
  "CKR_DEVICE_REMOVED",
  "CKR_TOKEN_NOT_PRESENT",
  "CKR_USER_NOT_LOGGED_IN",
  "CKR_KEY_HANDLE",
];

/** -1 for an id that isn't one of ours. */
function timeOf({ id }: TokenKey): EpochMs {
  return id.length === idBytes ? Buffer.from(id).readUIntBE(0, timeBytes) : -1;
}

function associated(keyId: string): Uint8Array {
  return new TextEncoder().encode(`mayfly data key ${keyId}`);
}

function missing(keyId: string, label: string): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message: "the wrapping key of a data key isn't in the token",
    found: `no key ${label} of id ${keyId}`,
    needed: "the token that the data keys were wrapped in, or its backup",
    next: "put the key back; what it has wrapped can be opened by nothing else",
  });
}
