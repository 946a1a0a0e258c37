// The AWS issuer of installations that may not make roles: sessions of one role that is there, each narrowed by a session
// policy, in exchange for a root key or for the run's identity. STS has no way to end such a session, and what ends all
// sessions of the role (a deny on `aws:TokenIssueTime`) would end other runs' too. So it ends by itself and no sooner: the
// session policy allows until the lease's end. Until AWS's own clock is past that, a lease is alive, whoever revokes it,
// and is reported `unconfirmed`. The config has to say so: `ends: "at-expiry"`.
import { messageOf } from "../../model/error.ts";
import { runIdDigits } from "../../model/ids.ts";
import { isoTime } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { type CredentialIssuer, type IssueRequest, IssuerFailure, type Proof } from "../../ports/credential-issuer.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import { credentialOf, endOf } from "./aws.ts";
import { type AwsKeys, type AwsService, awsFailure, makeAwsQuery } from "./aws-query.ts";
import { parseAwsScope, policyOf, sessionPolicyCharsMax } from "./aws-scope.ts";
import { assumeRole, type SessionOrder } from "./aws-session.ts";
import type { IssuerHttp } from "./issuer-http.ts";

export interface AwsFixedIssuerParts {
  clock: Clock;
  http: IssuerHttp;
  sts: AwsService;
  /** ARN. */
  role: string;
  by: { keys: AwsKeys } | { identity: IdentityIssuer; audience: string };
}

/** Services of a region may differ by so much in their clocks, ms, before an end counts as over. */
const skewMs = 5_000;

/** Asks nothing until it is asked. */
export function makeAwsFixedIssuer({ clock, http, sts, role, by }: AwsFixedIssuerParts): CredentialIssuer {
  const query = makeAwsQuery({ http, nowMs: clock.nowMs });

  async function authority(request: IssueRequest, signal: AbortSignal): Promise<SessionOrder["by"]> {
    if ("keys" in by) return by;
    const { job, tenant, expiresAt, lease } = request;
    const { identity } = by;
    const asked = { runId: lease.runId, job, tenant, audience: by.audience, expiresAt };
    return { webIdentityToken: (await identity.token(asked, signal)).token };
  }

  return {
    kind: "aws",

    checkScope(scope) {
      policyOf(parseAwsScope(scope), 0, sessionPolicyCharsMax);
    },

    async issue(request, signal, note) {
      const nowMs = clock.nowMs();
      const expiresAt = endOf(request.expiresAt, nowMs);
      const policy = policyOf(parseAwsScope(request.scope), expiresAt, sessionPolicyCharsMax);
      if (note === undefined)
        throw new IssuerFailure("issuer_refused", "a session's end must be noted before it is asked for");
      if (request.lease.handle !== undefined)
        throw new IssuerFailure("issuer_refused", "the run has a session already, which can't be ended for another");
      if (signal.aborted) throw new IssuerFailure("issuer_unavailable", "out of time");
      try {
        const authorised = await authority(request, signal);
        await note(String(expiresAt));
        const sessionName = `mayfly-${runIdDigits(request.lease.runId)}`;
        const order = { roleArn: role, sessionName, policy, nowMs, expiresAt, by: authorised };
        return credentialOf(await assumeRole(query, sts, order, signal), expiresAt);
      } catch (error) {
        throw awsFailure("give a session of the role", error);
      }
    },

    async revoke() {
      // there is nothing to be done but wait; `prove` says until when
    },

    async prove({ handle }, _secret, signal): Promise<Proof> {
      if (handle === undefined) return { verdict: "dead", how: "no session was asked for" };
      const end = Number(handle);
      try {
        const now = await query.serverMs(sts, signal);
        if (now > end + skewMs) return { verdict: "dead", how: `expired ${isoTime(end)}, by AWS's clock` };
        return { verdict: "alive", how: `the session can't be ended: it may act until ${isoTime(end)}` };
      } catch (error) {
        return { verdict: "unknowable", how: `AWS can't be asked: ${messageOf(error)}` };
      }
    },

    sweep: async () => [],
    close: () => http.close(),
  };
}
