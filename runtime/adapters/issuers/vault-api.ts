// Vault's HTTP API, and OpenBao's: JSON over issuer-http.ts. It answers for telling what the server refused (VaultRefusal, with
// its own words) from what it can't do now (sealed, a standby, too many requests) and from what is no answer of its. A redirect
// is never followed: a token would go with it to whoever was named.
// https://developer.hashicorp.com/vault/api-docs
import { escapeLine, quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import type { IssuerAnswer, IssuerHttp } from "./issuer-http.ts";

/** The server understood, and said no. */
export class VaultRefusal extends Error {
  override readonly name = "VaultRefusal";
  readonly status: number;
  constructor(status: number, errors: readonly string[]) {
    super(errors.join("; "));
    this.status = status;
  }

  /** Whether these are among its words. */
  says(words: string): boolean {
    return this.message.includes(words);
  }
}

export interface VaultAsk {
  method: "GET" | "POST";
  /** Below /v1/. */
  path: string;
  /** undefined: the call needs none. */
  token?: string;
  body?: Readonly<Record<string, unknown>>;
  /** The answer wrapped, for so many seconds. */
  wrapS?: number;
}

/** An answer, as much of it as is used here. */
export interface VaultAnswer {
  data: Readonly<Record<string, unknown>>;
  auth: Readonly<Record<string, unknown>> | null;
  wrap: Readonly<Record<string, unknown>> | null;
  leaseId: string;
  leaseS: number;
  isRenewable: boolean;
}

export interface VaultApi {
  /** Rejects with VaultRefusal and IssuerFailure. */
  ask(ask: VaultAsk, signal: AbortSignal): Promise<VaultAnswer>;
}

export interface VaultApiParts {
  http: IssuerHttp;
  url: URL;
  /** null: none. */
  namespace: string | null;
}

export function makeVaultApi({ http, url, namespace }: VaultApiParts): VaultApi {
  return {
    async ask({ method, path, token, body, wrapS }, signal) {
      const headers = {
        "x-vault-request": "true", // against requests that somebody else's server was talked into
        ...(namespace === null ? {} : { "x-vault-namespace": namespace }),
        ...(token === undefined ? {} : { "x-vault-token": token }),
        ...(wrapS === undefined ? {} : { "x-vault-wrap-ttl": `${wrapS}s` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      };
      const at = new URL(`/v1/${path}`, url);
      const text = body === undefined ? {} : { body: JSON.stringify(body) };
      return read(path, await http.ask({ method, url: at, headers, ...text }, signal));
    },
  };
}

function read(path: string, answer: IssuerAnswer): VaultAnswer {
  const { status, retryAfterMs } = answer;
  const cannot = cannotNow(status);
  if (cannot !== undefined)
    throw new IssuerFailure("issuer_unavailable", `${path}: ${cannot} (${status})`, undefined, retryAfterMs);
  if (status === 204) return readBody({});
  const json = answer.json();
  const errors = json?.errors;
  if (status >= 400 && Array.isArray(errors)) throw new VaultRefusal(status, errors.map(oneLine));
  if ((status !== 200 && status !== 202) || json === undefined || errors !== undefined)
    throw new IssuerFailure(
      "issuer_garbage",
      `${path}: found ${status} and no answer of Vault's; needed: 200 and JSON`,
    );
  return readBody(json);
}

/** What the status says of a server that may well do it later; undefined for a status that is an answer. */
function cannotNow(status: number): string | undefined {
  if (status >= 300 && status < 400)
    return "the server sends us elsewhere, and a token isn't sent after it; name the active node, or what stands before it";
  if (status === 429) return "too many requests";
  if (status === 412) return "the server hasn't caught up with its primary";
  if (status === 472 || status === 473)
    return "the server is a standby; name the active node, or what stands before it";
  if (status === 503) return "the server is sealed or in maintenance";
  return status >= 500 ? "the server failed" : undefined;
}

function oneLine(text: unknown): string {
  return escapeLine(String(text).replace(/\s+/g, " ").trim(), 200);
}

function readBody(json: Readonly<Record<string, unknown>>): VaultAnswer {
  const { data, auth, wrap_info: wrap, lease_id: leaseId, lease_duration: leaseS, renewable } = json;
  return {
    ...{ data: recordOf(data) ?? {}, auth: recordOf(auth), wrap: recordOf(wrap) },
    leaseId: typeof leaseId === "string" ? leaseId : "",
    leaseS: seconds(leaseS),
    isRenewable: renewable === true,
  };
}

/** A whole number of seconds; NaN for anything else, which is neither more nor less than what was asked. */
export function seconds(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as Record<string, unknown>) : null;
}

/** What Vault refused, as an issuer's failure. */
export function vaultFailure(doing: string, error: unknown): unknown {
  if (!(error instanceof VaultRefusal)) return error;
  return new IssuerFailure(
    "issuer_refused",
    `Vault would not ${doing}: ${quote(error.message, 300)} (${error.status})`,
  );
}
