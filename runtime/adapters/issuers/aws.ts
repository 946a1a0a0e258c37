// The AWS issuer: a role for one run (aws-role.ts), with the policy of its scope (aws-scope.ts) and nothing else, and one
// session of it (aws-session.ts). It answers for names, which are made from installation and run, so that a role whose
// issue nobody recorded is found; for giving a session only while its role is the run's; and for the proof.
//
// Works with AWS and with what speaks its STS and IAM, such as Ceph's RadosGW. The root key needs to create, look at, list
// and delete roles under the path, put and delete their inline policies, and assume them.
// Installations that may not make roles: aws-fixed.ts.
import { messageOf } from "../../model/error.ts";
import { isRunId, type RunId, runIdDigits, runIdFromDigits } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import { type CredentialIssuer, type IssueRequest, IssuerFailure, type Proof } from "../../ports/credential-issuer.ts";
import { type AwsKeys, AwsRefusal, type AwsService, awsFailure, makeAwsQuery } from "./aws-query.ts";
import { createRole, endRole, grantScope, type Iam, roleExists, rolesUnder } from "./aws-role.ts";
import { parseAwsScope, policyOf, rolePolicyCharsMax } from "./aws-scope.ts";
import { type AwsSession, assumeRole, durationMaxS, secretOf, sessionOf, trySession } from "./aws-session.ts";
import type { IssuerHttp } from "./issuer-http.ts";
import { makeTurns } from "./turns.ts";

export interface AwsIssuerParts {
  /** 8 hex digits. */
  installation: string;
  clock: Clock;
  http: IssuerHttp;
  sts: AwsService;
  iam: AwsService;
  keys: AwsKeys;
  /** "/mayfly/": roles are made below it. */
  path: string;
  /** ARN of who may assume the roles: the root key's own. */
  principal: string;
  boundary: string | null;
  /** How long a new role may take to become assumable, ms: IAM is "eventually consistent". */
  settleMs?: number;
}

const issueTriesMax = 3;
/** Seen to take seconds at AWS; leaves the broker's ten seconds room for the other calls. */
const settleMsDefault = 6_000;
const pauseMs = 250;

/** Asks nothing until it is asked. */
export function makeAwsIssuer(parts: AwsIssuerParts): CredentialIssuer {
  const { installation, clock, http, sts } = parts;
  if (!/^[0-9a-f]{8}$/.test(installation)) throw new RangeError("an installation has 8 hex digits");
  const query = makeAwsQuery({ http, nowMs: clock.nowMs });
  const iam: Iam = { query, service: parts.iam, keys: parts.keys };
  const path = `${parts.path}${installation}/`;
  const prefix = `mayfly-${installation}-`;
  const nameOf = (run: RunId): string => `${prefix}${runIdDigits(run)}`;
  const inTurn = makeTurns();

  async function makeRole(request: IssueRequest, signal: AbortSignal): Promise<{ arn: string; name: string }> {
    const name = nameOf(request.lease.runId);
    const { principal, boundary } = parts;
    const description = describe(request);
    for (let attempt = 1; attempt <= issueTriesMax; attempt += 1) {
      const arn = await createRole(iam, { name, path, principal, boundary, description, durationMaxS }, signal);
      if (arn !== undefined) return { arn, name };
      await endRole(iam, name, signal); // an earlier issue for this run, and its sessions with it
    }
    throw new IssuerFailure("issuer_unavailable", "another process is making the role of the same run");
  }

  async function issue(request: IssueRequest, policy: string, expiresAt: number, signal: AbortSignal) {
    try {
      const { arn, name } = await makeRole(request, signal);
      await grantScope(iam, name, policy, signal);
      const order = { roleArn: arn, sessionName: name, policy: null, expiresAt, by: { keys: parts.keys } };
      const session = await onceSettled(() => assumeRole(query, sts, { ...order, nowMs: clock.nowMs() }, signal));
      return credentialOf(session, expiresAt);
    } catch (error) {
      // Whoever answered lies, or refuses the rest: what was made goes again. Whoever doesn't answer isn't asked more.
      const answers = !(error instanceof IssuerFailure && error.code === "issuer_unavailable");
      if (answers) await endRole(iam, nameOf(request.lease.runId), signal).catch(() => undefined);
      throw error;
    }
  }

  /** A role that was made just now may be unknown to STS for a while, which then says AccessDenied. */
  async function onceSettled<T>(ask: () => Promise<T>): Promise<T> {
    const until = clock.monotonicMs() + (parts.settleMs ?? settleMsDefault);
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const isEarly = error instanceof AwsRefusal && error.code === "AccessDenied";
        if (!isEarly || clock.monotonicMs() + pauseMs > until) throw error;
        await new Promise<void>((resolve) => clock.setTimer(pauseMs, resolve));
      }
    }
  }

  return {
    kind: "aws",

    checkScope(scope) {
      policyOf(parseAwsScope(scope), 0, rolePolicyCharsMax);
    },

    async issue(request, signal) {
      const { runId } = request.lease;
      if (!isRunId(runId)) throw new RangeError("a lease needs a run's id");
      const nowMs = clock.nowMs();
      const expiresAt = endOf(request.expiresAt, nowMs);
      const policy = policyOf(parseAwsScope(request.scope), expiresAt, rolePolicyCharsMax);
      return inTurn(runId, () => issue(request, policy, expiresAt, signal)).catch((error: unknown) => {
        throw awsFailure("make the role's session", error);
      });
    },

    async revoke({ runId }, signal) {
      await endRole(iam, nameOf(runId), signal).catch((error: unknown) => {
        throw awsFailure("end the role", error);
      });
    },

    async prove({ runId }, secret, signal): Promise<Proof> {
      try {
        if (await roleExists(iam, nameOf(runId), signal)) return { verdict: "alive", how: "IAM: the role exists" };
        const tried = secret === undefined ? "" : await trySession(query, sts, sessionOf(secret), signal);
        if (tried === "accepted") return { verdict: "alive", how: "IAM: no such role, but the session is accepted" };
        return { verdict: "dead", how: tried === "" ? "IAM: no such role" : `IAM: no such role; session: ${tried}` };
      } catch (error) {
        return { verdict: "unknowable", how: `AWS can't be asked: ${messageOf(error)}` };
      }
    },

    async sweep(signal) {
      const names = await rolesUnder(iam, path, signal).catch((error: unknown) => {
        throw awsFailure("list the roles", error);
      });
      const ours = names.filter((name) => name.startsWith(prefix));
      const runs = ours.map((name) => runIdFromDigits(name.slice(prefix.length)));
      return runs.filter((run) => run !== undefined).map((runId) => ({ runId }));
    },

    close: () => http.close(),
  };
}

/** The session's end: what was asked for, in whole seconds, and no more than STS gives. @throws IssuerFailure. */
export function endOf(expiresAt: number, nowMs: number): number {
  const end = Math.floor(Math.min(expiresAt, nowMs + durationMaxS * 1_000) / 1_000) * 1_000;
  if (end > nowMs) return end;
  throw new IssuerFailure("issuer_refused", "a session needs time to live: found an expiry that has passed");
}

export function credentialOf(session: AwsSession, expiresAt: number) {
  const { secretAccessKey, sessionToken } = session;
  return {
    secret: secretOf(session),
    parts: [secretAccessKey, sessionToken],
    egress: { kind: "aws" as const, ...session },
    expiresAt,
  };
}

/** IAM takes 1,000 characters of printable Latin-1. */
function describe({ job, purpose }: IssueRequest): string {
  return `${job}: ${purpose}`.replace(/[^\x20-\x7e\xa1-\xff]/g, "?").slice(0, 1_000);
}
