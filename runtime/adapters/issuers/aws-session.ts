// A session of STS: asked for, and read strictly from the answer. It answers for what came being what was asked for: keys
// of the form that STS gives, of the role and session that were named, with a life that isn't longer than asked.

import { messageOf } from "../../model/error.ts";
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type AwsKeys, type AwsQuery, AwsRefusal, type AwsService } from "./aws-query.ts";
import { type Element, textAt } from "./aws-xml.ts";

export interface SessionOrder {
  roleArn: string;
  /** 2 to 64 characters of `[\w+=,.@-]`. */
  sessionName: string;
  /** Session policy; null: the role's own policies alone. */
  policy: string | null;
  nowMs: EpochMs;
  expiresAt: EpochMs;
  /** Root keys, or a token that says who asks. */
  by: { keys: AwsKeys } | { webIdentityToken: string };
}

export interface AwsSession {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

/** STS knows no shorter session, s; what ends it sooner is the policy's date. */
const durationMinS = 900;
/** Nor a longer one, s. */
export const durationMaxS = 43_200;
/** Clocks of STS and ours may be so far apart, ms, before a life counts as longer than asked. */
const skewMs = 300_000;

/** Rejects with AwsRefusal and IssuerFailure. */
export async function assumeRole(
  query: AwsQuery,
  sts: AwsService,
  { roleArn, sessionName, policy, nowMs, expiresAt, by }: SessionOrder,
  signal: AbortSignal,
): Promise<AwsSession> {
  const durationS = Math.min(durationMaxS, Math.max(durationMinS, Math.ceil((expiresAt - nowMs) / 1_000)));
  const asked = {
    ...{ RoleArn: roleArn, RoleSessionName: sessionName, DurationSeconds: String(durationS) },
    ...(policy === null ? {} : { Policy: policy }),
  };
  const { action, roots } =
    "keys" in by
      ? { action: "AssumeRole", roots: await query.call(sts, by.keys, "AssumeRole", asked, signal) }
      : await withWebIdentity(query, sts, asked, by.webIdentityToken, signal);
  return readSession(action, roots, roleArn, sessionName, nowMs + durationS * 1_000 + skewMs);
}

async function withWebIdentity(
  query: AwsQuery,
  sts: AwsService,
  asked: Record<string, string>,
  token: string,
  signal: AbortSignal,
) {
  const action = "AssumeRoleWithWebIdentity";
  const roots = await query.call(sts, null, action, { ...asked, WebIdentityToken: token }, signal);
  return { action, roots };
}

function readSession(
  action: string,
  roots: Element[],
  roleArn: string,
  sessionName: string,
  latest: EpochMs,
): AwsSession {
  const result = (...way: string[]) => textAt(roots, `${action}Response`, `${action}Result`, ...way) ?? "";
  const accessKeyId = result("Credentials", "AccessKeyId");
  const secretAccessKey = result("Credentials", "SecretAccessKey");
  const sessionToken = result("Credentials", "SessionToken");
  if (
    !/^\w{16,128}$/.test(accessKeyId) ||
    !/^[\x21-\x7e]{16,256}$/.test(secretAccessKey) ||
    !/^[\x21-\x7e]{16,65536}$/.test(sessionToken)
  )
    throw garbage(action, "no session's three values");
  const role = roleArn.slice(roleArn.lastIndexOf("/") + 1);
  if (!result("AssumedRoleUser", "Arn").endsWith(`/${role}/${sessionName}`))
    throw garbage(action, "a session of another role or name than was asked for");
  const until = Date.parse(result("Credentials", "Expiration"));
  if (Number.isNaN(until)) throw garbage(action, "a session without an expiration");
  if (until > latest) throw garbage(action, "a session of a longer life than was asked for");
  return { accessKeyId, secretAccessKey, sessionToken };
}

function garbage(action: string, found: string): IssuerFailure {
  return new IssuerFailure("issuer_garbage", `${action} answered ${found}`);
}

/** What the job gets, or egress: JSON of the three, as AWS's SDKs for JavaScript name them. */
export function secretOf({ accessKeyId, secretAccessKey, sessionToken }: AwsSession): string {
  return JSON.stringify({ accessKeyId, secretAccessKey, sessionToken });
}

export function sessionOf(secret: string): AwsSession {
  return JSON.parse(secret) as AwsSession;
}

/** Nobody's: no bucket of this name is made by anything here. */
const noBucket = "/mayfly-no-such-bucket";

/**
 * What became of the session's own call, in words: "accepted", "refused InvalidClientTokenId", "not tried: …". STS says of
 * any live session who it is. RadosGW's can't; but it says 404 to a live session that asks for a bucket which isn't there,
 * and 403 to one that it doesn't know.
 */
export async function trySession(query: AwsQuery, sts: AwsService, session: AwsSession, signal: AbortSignal) {
  try {
    await query.call(sts, session, "GetCallerIdentity", {}, signal);
    return "accepted";
  } catch (error) {
    if (!(error instanceof AwsRefusal)) return `not tried: ${messageOf(error)}`;
    if (error.status === 401 || error.status === 403) return `refused ${error.code}`;
  }
  const status = await query.get(sts, session, noBucket, signal).catch(() => 0);
  return status === 404
    ? "accepted"
    : status === 403
      ? "refused 403"
      : "not tried: the server has no GetCallerIdentity";
}
