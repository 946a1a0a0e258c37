// The life of the token that a run logs in with. Every lease hangs on the token that asked for it and dies with it, whether or
// not its id ever reached us; so the token is what is noted before a credential is asked for, and what is made to die in time.
//
//   absent → logged in    with the run's identity; then its accessor is noted, durably
//   logged in → short     renewed to the seconds that are left: an increment counts from now, and so can shorten a life
//   short → revoked       by its accessor, with the management token; or by itself
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { seconds, type VaultAnswer, type VaultApi, VaultRefusal } from "./vault-api.ts";

export interface LoginToken {
  token: string;
  accessor: string;
  /** Of its time to live. */
  leaseS: number;
  isRenewable: boolean;
}

export interface LoginOrder {
  /** Of the JWT auth method. */
  mount: string;
  role: string;
  jwt: string;
}

const tokenText = /^[\x21-\x7e]{8,8192}$/; // batch and entity tokens are long; service tokens have some 95 characters

/** Rejects with VaultRefusal and IssuerFailure; a token that can't be used is revoked again. */
export async function login(api: VaultApi, { mount, role, jwt }: LoginOrder, signal: AbortSignal): Promise<LoginToken> {
  const answer = await api.ask({ method: "POST", path: `auth/${mount}/login`, body: { role, jwt } }, signal);
  const { token, ...read } = readToken(answer, role);
  if (read.unusable === undefined) return { token, ...read };
  await revokeSelf(api, token, signal).catch(() => undefined);
  throw read.unusable;
}

function readToken({ auth }: VaultAnswer, role: string) {
  const token = auth?.client_token;
  if (auth === null || typeof token !== "string" || !tokenText.test(token))
    throw new IssuerFailure("issuer_garbage", "the login answered no token");
  const { accessor, renewable, token_type: type, policies, num_uses: uses } = auth;
  const leaseS = seconds(auth.lease_duration);
  return {
    ...{ token, accessor: typeof accessor === "string" ? accessor : "", leaseS, isRenewable: renewable === true },
    unusable: unusable({ type, accessor, policies, uses, leaseS }, role),
  };
}

interface Claims {
  type: unknown;
  accessor: unknown;
  policies: unknown;
  uses: unknown;
  leaseS: number;
}

/** Why such a token is none to hang a lease on. */
function unusable({ type, accessor, policies, uses, leaseS }: Claims, role: string): IssuerFailure | undefined {
  const of = `tokens of role ${quote(role, 80)}`;
  if (type === "batch")
    return new IssuerFailure(
      "issuer_refused",
      `${of} are batch tokens, which nobody can revoke; needed: token_type=service`,
    );
  if (Array.isArray(policies) && policies.includes("root"))
    return new IssuerFailure("issuer_refused", `${of} have the policy root; needed: a policy of what the job needs`);
  if (uses !== undefined && uses !== 0)
    return new IssuerFailure(
      "issuer_refused",
      `${of} have limited uses, and their leases die with the last; needed: token_num_uses=0`,
    );
  if (type !== "service" || typeof accessor !== "string" || !tokenText.test(accessor) || Number.isNaN(leaseS))
    return new IssuerFailure("issuer_garbage", "the login answered a token without type, accessor or time to live");
  return undefined;
}

/** Its time to live made no longer than `leftS`. Rejects with IssuerFailure and VaultRefusal. @returns what it has then, s. */
export async function shortenToken(
  api: VaultApi,
  { token, leaseS, isRenewable }: LoginToken,
  leftS: number,
  signal: AbortSignal,
): Promise<number> {
  if (leaseS > 0 && leaseS <= leftS) return leaseS; // 0: it never ends
  if (!isRenewable)
    throw new IssuerFailure(
      "issuer_refused",
      `the token lives ${leaseS} s, and at most ${leftS} were asked; needed: a shorter token_ttl, or tokens that can be renewed`,
    );
  const body = { increment: `${leftS}s` };
  const { auth } = await api.ask({ method: "POST", path: "auth/token/renew-self", token, body }, signal);
  const nowS = seconds(auth?.lease_duration);
  if (nowS > 0 && nowS <= leftS) return nowS;
  throw new IssuerFailure("issuer_garbage", "the token's life is longer than was asked for, and didn't become shorter");
}

/** Unknown is success. */
export async function revokeAccessor(
  api: VaultApi,
  management: string,
  accessor: string,
  signal: AbortSignal,
): Promise<void> {
  const ask = { method: "POST", path: "auth/token/revoke-accessor", token: management, body: { accessor } } as const;
  await api.ask(ask, signal).catch((error: unknown) => {
    if (!isUnknownAccessor(error)) throw error;
  });
}

/** A token that is none any more has revoked itself; whether that is so, `lookUp…` says. */
export async function revokeSelf(api: VaultApi, token: string, signal: AbortSignal): Promise<void> {
  await api.ask({ method: "POST", path: "auth/token/revoke-self", token, body: {} }, signal).catch((error: unknown) => {
    if (!(error instanceof VaultRefusal && error.status === 403)) throw error;
  });
}

/** Whether the server knows a token by that accessor. */
export async function knowsAccessor(
  api: VaultApi,
  management: string,
  accessor: string,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = { method: "POST", path: "auth/token/lookup-accessor", token: management, body: { accessor } } as const;
  try {
    await api.ask(ask, signal);
    return true;
  } catch (error) {
    if (isUnknownAccessor(error)) return false;
    throw error; // 403 alone may mean that we may not ask
  }
}

/** Whether it is a token still. That it may look at itself was seen when it was made, so a 403 says that it is none. */
export async function knowsToken(api: VaultApi, token: string, signal: AbortSignal): Promise<boolean> {
  try {
    await api.ask({ method: "GET", path: "auth/token/lookup-self", token }, signal);
    return true;
  } catch (error) {
    if (error instanceof VaultRefusal && error.status === 403) return false;
    throw error;
  }
}

/** Vault says so with 403, 400 or 404, by version; "bad token" where the accessor outlived its token by a moment. */
function isUnknownAccessor(error: unknown): boolean {
  return error instanceof VaultRefusal && (error.says("invalid accessor") || error.says("bad token"));
}

/** @throws IssuerFailure that names each path which the token may not use so. */
export async function requireCapabilities(
  api: VaultApi,
  token: string,
  whose: string,
  needed: Readonly<Record<string, "read" | "update">>,
  signal: AbortSignal,
): Promise<void> {
  const body = { paths: Object.keys(needed) };
  const { data } = await api.ask({ method: "POST", path: "sys/capabilities-self", token, body }, signal);
  const missing = Object.entries(needed).filter(([path, capability]) => {
    const granted = data[path];
    return !Array.isArray(granted) || !(granted.includes(capability) || granted.includes("root"));
  });
  if (missing.length === 0) return;
  const words = missing.map(([path, capability]) => `${capability} on ${path}`).join(", ");
  throw new IssuerFailure("issuer_refused", `${whose} may not: ${words}; add it to a policy of the role`);
}
