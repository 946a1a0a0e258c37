// Who this run is, said to others: a token for an audience that the config names. It is no credential of ours to end at
// their place; it lives for minutes, and at our introspection it is dead with the run.
import { quote } from "../../model/error.ts";
import type { IdentityGrant } from "../../model/grant.ts";
import type { RunId } from "../../model/ids.ts";
import type { EpochMs } from "../../model/units.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import type { Arguments } from "../../protocol/bridge.ts";
import { Denied, Failed, type Operation } from "./capability.ts";

/** Not counted as a use of the credential, and yet each is a signature of ours: far more than a job has audiences. */
const tokensMax = 100;

export interface IdentityParts {
  run: { runId: RunId; job: string; tenant: string };
  grant: IdentityGrant | null;
  /** The run's deadline: no identity outlives it. */
  deadlineAt: EpochMs;
  issuer: Pick<IdentityIssuer, "token">;
}

export function makeIdentity({
  run,
  grant,
  deadlineAt,
  issuer,
}: IdentityParts): Operation<Arguments<"identity.token">, string> {
  let tokens = 0;
  return {
    authorize({ audience }) {
      if (grant === null || !grant.audiences.includes(audience)) {
        const audiences = [...(grant?.audiences ?? []), audience];
        throw new Denied("grant", `no identity for audience ${quote(audience)}`, quote(audience), {
          ...(grant === null ? {} : { nearest: `identity.audiences: ${JSON.stringify(grant.audiences)}` }),
          remedy: `identity.audiences: ${JSON.stringify(audiences)} in jobs.${run.job}`,
        });
      }
      if (tokens >= tokensMax) throw new Denied("uses", `more than ${tokensMax} identity tokens`, quote(audience));
      tokens += 1;
      return audience;
    },
    target: (audience) => audience,
    async act(audience, _body, { signal }) {
      try {
        return { value: await issuer.token({ ...run, audience, expiresAt: deadlineAt }, signal) };
      } catch (error) {
        throw new Failed("issuer_unavailable", "an identity can't be had now", error);
      }
    },
  };
}
