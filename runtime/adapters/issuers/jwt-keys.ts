// The signing keys of the embedded issuer: a set in the key store, sealed there, shared by all processes of the
// installation. Answers for making it once, for which key signs and which are published, and for rotation. What is signed
// is jwt.ts's and identity.ts's business. A key's life:
//
//   next      published, so that verifiers know it before it signs        → active, when its predecessor is rotated out
//   active    signs                                                        → retired, after the rotation period or when told to
//   retired   published until the last token signed with it has expired   → gone
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { MayflyError } from "../../model/error.ts";
import { limitCeilings } from "../../model/limits.ts";
import type { EpochMs } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { SharedKeyStore } from "../../ports/key-store.ts";
import { isSigningKey, takePlainKey } from "./jwt-plain-key.ts";

export interface SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  /** For the JWKS: no private member. */
  publicJwk: JWK;
}

/** A key of the set as a list shows it. */
export interface SigningKeyState {
  kid: string;
  state: "next" | "active" | "retired";
  madeAt: EpochMs;
  activeAt: EpochMs | null;
  retiredAt: EpochMs | null;
}

export interface SigningKeys {
  /** The one that signs now; rotates first when that is due. Rejects with MayflyError. */
  active(): Promise<SigningKey>;
  /** Those by which a token may be verified: next, active, and retired ones whose tokens may live. */
  published(): Promise<SigningKey[]>;
  /** Now, whether it is due or not. @returns the `kid` that signs from now on. */
  rotate(): Promise<string>;
  states(): Promise<SigningKeyState[]>;
}

/** No token of ours lives longer: the longest run, its grace, and a minute for a clock that steps. */
export const tokenLifeMsMax = limitCeilings.wallMs + 180_000;
/** Rotated more often than this within the life of a token, a set would outgrow what verifiers read. */
const keysMax = 32;

interface Generation {
  /** The private key. */
  jwk: JWK;
  madeAt: EpochMs;
  activeAt: EpochMs | null;
  retiredAt: EpochMs | null;
}

export interface SigningKeysParts {
  store: SharedKeyStore;
  /** In the key store. */
  name: string;
  clock: Clock;
  /** How long a key signs, ms. */
  rotationMs: number;
  /** Where earlier versions kept the one key that they had, in the clear: taken over and destroyed. */
  plainFile: string;
}

export function makeSigningKeys({ store, name, clock, rotationMs, plainFile }: SigningKeysParts): SigningKeys {
  const imported = new Map<string, Promise<SigningKey>>();
  let known: { version: string; generations: Promise<Generation[]> } | undefined;
  let begun: Promise<void> | undefined;

  /** At the first use: a set, made now or of the plain key that there was. */
  function begin(): Promise<void> {
    begun ??= takePlainKey(plainFile, (plain) =>
      store.update(name, async (before) => {
        if (before !== undefined) return undefined;
        const nowMs = clock.nowMs();
        const first = { jwk: plain ?? (await newKey()), madeAt: nowMs, activeAt: nowMs, retiredAt: null };
        return textOf([first, await next(nowMs)]);
      }),
    );
    begun.catch(() => {
      begun = undefined;
    });
    return begun;
  }

  // Another process may have rotated since.
  async function generations(): Promise<Generation[]> {
    await begin();
    const version = await store.version(name);
    if (known?.version !== version) {
      const reading = store.read(name).then((bytes) => parse(name, bytes));
      known = { version, generations: reading };
      reading.catch(() => {
        known = undefined;
      });
    }
    return known.generations;
  }

  async function rotate(isWanted: (active: Generation) => boolean): Promise<void> {
    await begin();
    await store.update(name, async (before) => {
      const kept = parse(name, before);
      const nowMs = clock.nowMs();
      if (!isWanted(activeOf(kept))) return undefined;
      const rotated = kept.filter((key) => isPublished(key, nowMs)).map((key) => promoted(key, nowMs));
      if (rotated.length >= keysMax) throw rotatedTooOften(name);
      return textOf([...rotated, await next(nowMs)]);
    });
  }

  const isDue = ({ activeAt }: Generation) => clock.nowMs() - (activeAt ?? 0) >= rotationMs;

  function keyOf({ jwk }: Generation): Promise<SigningKey> {
    const id = String(jwk.x);
    const key = imported.get(id) ?? importKey(jwk);
    imported.set(id, key);
    return key;
  }

  return {
    async active() {
      if (isDue(activeOf(await generations()))) await rotate(isDue);
      return keyOf(activeOf(await generations()));
    },
    async published() {
      const nowMs = clock.nowMs();
      return Promise.all((await generations()).filter((key) => isPublished(key, nowMs)).map(keyOf));
    },
    async rotate() {
      await rotate(() => true);
      return (await keyOf(activeOf(await generations()))).kid;
    },
    async states() {
      const all = await generations();
      return Promise.all(
        all.map(async (key) => {
          const { madeAt, activeAt, retiredAt } = key;
          const state = retiredAt !== null ? "retired" : activeAt !== null ? "active" : "next";
          return { kid: (await keyOf(key)).kid, state, madeAt, activeAt, retiredAt } as const;
        }),
      );
    },
  };
}

function activeOf(generations: readonly Generation[]): Generation {
  return generations.find(({ activeAt, retiredAt }) => activeAt !== null && retiredAt === null) as Generation;
}

function isPublished({ retiredAt }: Generation, nowMs: EpochMs): boolean {
  return retiredAt === null || nowMs - retiredAt < tokenLifeMsMax;
}

function promoted(key: Generation, nowMs: EpochMs): Generation {
  if (key.retiredAt !== null) return key;
  return key.activeAt === null ? { ...key, activeAt: nowMs } : { ...key, retiredAt: nowMs };
}

async function newKey(): Promise<JWK> {
  return exportJWK((await generateKeyPair("ES256", { extractable: true })).privateKey);
}

async function next(nowMs: EpochMs): Promise<Generation> {
  return { jwk: await newKey(), madeAt: nowMs, activeAt: null, retiredAt: null };
}

function textOf(keys: readonly Generation[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ keys }));
}

function parse(name: string, bytes: Uint8Array | undefined): Generation[] {
  try {
    const { keys } = JSON.parse(new TextDecoder().decode(bytes)) as { keys: Generation[] };
    if (keys.every(({ jwk }) => isSigningKey(jwk)) && activeOf(keys) !== undefined) return keys;
  } catch {
    // What the parser says may quote a key.
  }
  throw new MayflyError({
    code: "key_unavailable",
    message: `the signing keys ${name} can't be used`,
    found: bytes === undefined ? "none: they vanished" : "something else in their place",
    needed: "the set as Mayfly wrote it",
    next: "restore the state directory as a whole, keys included, from one backup",
  });
}

async function importKey({ kty = "", crv = "", x = "", y = "", d = "" }: JWK): Promise<SigningKey> {
  const open = { kty, crv, x, y } as JWK;
  const kid = await calculateJwkThumbprint(open);
  return {
    kid,
    privateKey: (await importJWK({ ...open, d } as JWK, "ES256")) as CryptoKey,
    publicKey: (await importJWK(open, "ES256")) as CryptoKey,
    publicJwk: { ...open, kid, alg: "ES256", use: "sig" },
  };
}

function rotatedTooOften(name: string): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message: `the signing keys ${name} were rotated too often`,
    found: `${keysMax} keys whose tokens may still live`,
    needed: `at most ${keysMax} within ${tokenLifeMsMax / 60_000} minutes, the longest life of a token`,
    next: "wait until the oldest of them are gone: `mayfly keys` lists them",
  });
}
