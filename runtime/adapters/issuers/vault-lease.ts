// One dynamic credential of Vault's and the lease it hangs on: asked for, unwrapped where it was wrapped, read strictly, made
// no longer than asked, revoked and looked for. What has no lease (a static secret) can't be ended, and is refused.
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type VaultAnswer, type VaultApi, VaultRefusal } from "./vault-api.ts";

/** What a path answers, and what of it the job gets. */
export interface CredentialPath {
  /** Fields that give the credential away by themselves. */
  secret: readonly string[];
  /** Fields that go with it: a user's name. */
  with: readonly string[];
}

export interface VaultLease {
  id: string;
  leaseS: number;
  isRenewable: boolean;
  data: Readonly<Record<string, unknown>>;
}

export interface LeaseOrder {
  path: string;
  token: string;
  /** Seconds for which the answer is wrapped; null: not. */
  wrapS: number | null;
}

const fieldCharsMax = 65_536;

/** Rejects with VaultRefusal and IssuerFailure. */
export async function readLease(
  api: VaultApi,
  { path, token, wrapS }: LeaseOrder,
  signal: AbortSignal,
): Promise<VaultLease> {
  const wrapping = wrapS === null ? {} : { wrapS };
  const answer = await api.ask({ method: "GET", path, token, ...wrapping }, signal);
  const { leaseId: id, leaseS, isRenewable, data } = wrapS === null ? answer : await unwrap(api, path, answer, signal);
  if (id === "")
    throw new IssuerFailure(
      "issuer_refused",
      `${quote(path)} gives no lease: what it gives can't be ended. Needed: a dynamic secrets engine`,
    );
  if (!/^[\x21-\x7e]{1,1024}$/.test(id) || !id.startsWith(`${path}/`) || !(leaseS > 0))
    throw new IssuerFailure("issuer_garbage", `${quote(path)} answered a lease of another path, or one without a time`);
  return { id, leaseS, isRenewable, data };
}

/** A wrapped answer that was opened on the way can't be opened again; one from elsewhere is none of ours. */
async function unwrap(api: VaultApi, path: string, { wrap }: VaultAnswer, signal: AbortSignal): Promise<VaultAnswer> {
  const { token, creation_path: from } = wrap ?? {};
  if (typeof token !== "string" || !/^[\x21-\x7e]{8,8192}$/.test(token) || from !== path)
    throw new IssuerFailure(
      "issuer_garbage",
      `${quote(path)} was asked for a wrapped answer, and gave none of its own`,
    );
  try {
    return await api.ask({ method: "POST", path: "sys/wrapping/unwrap", token, body: {} }, signal);
  } catch (error) {
    if (!(error instanceof VaultRefusal)) throw error;
    throw new IssuerFailure(
      "issuer_garbage",
      `what ${quote(path)} wrapped can't be unwrapped: too late, or somebody else did`,
    );
  }
}

/** Made no longer than `leftS`. Rejects with IssuerFailure. @returns what it has then, s. */
export async function shortenLease(
  api: VaultApi,
  token: string,
  { id, leaseS, isRenewable }: VaultLease,
  leftS: number,
  signal: AbortSignal,
): Promise<number> {
  if (leaseS <= leftS) return leaseS;
  const longer = `a lease of ${leaseS} s, and at most ${leftS} were asked; needed: a shorter default_ttl, or leases that can be renewed`;
  if (!isRenewable) throw new IssuerFailure("issuer_garbage", longer);
  const body = { lease_id: id, increment: leftS };
  const answer = await api
    .ask({ method: "POST", path: "sys/leases/renew", token, body }, signal)
    .catch((error: unknown) => {
      throw error instanceof VaultRefusal ? new IssuerFailure("issuer_garbage", longer) : error;
    });
  if (answer.leaseS > 0 && answer.leaseS <= leftS) return answer.leaseS;
  throw new IssuerFailure("issuer_garbage", longer);
}

/** Revoked when it resolves, not queued. Unknown is success. */
export async function revokeLease(api: VaultApi, token: string, id: string, signal: AbortSignal): Promise<void> {
  const body = { lease_id: id, sync: true };
  await api.ask({ method: "POST", path: "sys/leases/revoke", token, body }, signal).catch((error: unknown) => {
    if (!isUnknownLease(error)) throw error;
  });
}

export async function knowsLease(api: VaultApi, token: string, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    await api.ask({ method: "POST", path: "sys/leases/lookup", token, body: { lease_id: id } }, signal);
    return true;
  } catch (error) {
    if (isUnknownLease(error)) return false;
    throw error;
  }
}

function isUnknownLease(error: unknown): boolean {
  return error instanceof VaultRefusal && (error.says("invalid lease") || error.says("lease not found"));
}

/** One secret alone is its text; several, or with a name, are JSON of the fields. @throws IssuerFailure. */
export function secretOf(
  path: string,
  fields: CredentialPath,
  data: VaultLease["data"],
): { secret: string; parts: string[] } {
  const textOf = (name: string): string => {
    const value = Object.hasOwn(data, name) ? data[name] : undefined;
    if (typeof value === "string" && value !== "" && value.length <= fieldCharsMax) return value;
    throw new IssuerFailure("issuer_garbage", `${quote(path)} answered no text in its field ${quote(name)}`);
  };
  const parts = fields.secret.map(textOf);
  const [only] = parts;
  if (only !== undefined && parts.length === 1 && fields.with.length === 0) return { secret: only, parts };
  const names = [...fields.with, ...fields.secret];
  return { secret: JSON.stringify(Object.fromEntries(names.map((name) => [name, textOf(name)]))), parts };
}
