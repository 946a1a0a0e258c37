// The one capability for one scoped credential. `fetch` leases it once and answers with the value (revealed) or with a
// placeholder that egress will replace (sealed); `query` runs SQL over the lease without showing it. After the end of
// the run there is nothing to fetch.

import type { CredentialGrant, SealedPlace } from "../../model/grant.ts";
import { hex } from "../../model/ids.ts";
import { formatDuration } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import type { Arguments } from "../../protocol/bridge.ts";
import type { LiveLease } from "../leases/broker.ts";
import { type CallContext, Denied, Failed, type Operation } from "./capability.ts";

/** What egress needs to put a sealed credential in. */
export interface SealedCredential {
  placeholder: string;
  place: SealedPlace;
  hosts: readonly string[];
  /** undefined before the first fetch and once the lease has ended. */
  reveal(): string | undefined;
}

export interface CredentialParts {
  job: string;
  grant: CredentialGrant | null;
  random: Random;
  /** Makes the run's lease at the first call; the same lease at every later one. */
  acquire(grant: CredentialGrant): Promise<LiveLease>;
}

export interface CredentialCapability {
  operations: {
    "credential.fetch": Operation<Arguments<"credential.fetch">, CredentialGrant>;
    "credential.query": Operation<Arguments<"credential.query">, QueryPlan>;
  };
  /** null unless the grant says sealed. */
  sealed: SealedCredential | null;
}

interface QueryPlan {
  grant: CredentialGrant;
  args: Arguments<"credential.query">;
}

export function makeCredential({ job, grant, random, acquire }: CredentialParts): CredentialCapability {
  let live: LiveLease | undefined;
  // Looks like no credential of any kind, and can't be guessed: the job proves by it that it was given one.
  const placeholder = `mayfly-sealed-${hex(random.bytes(16))}`;

  function granted(operation: "fetch" | "query"): CredentialGrant {
    const target = grant?.issuer ?? "";
    if (grant === null) {
      throw new Denied("grant", `job ${job} has no credential`, target, {
        remedy: `credential: { issuer: …, scope: […], ttl: "5m", purpose: … } in jobs.${job}`,
      });
    }
    if (operation === "fetch" && grant.delivery === "query") {
      throw new Denied(
        "grant",
        `this credential is delivered as operations: use credential.query(sql, params)`,
        target,
        { nearest: `credential.delivery: "query"` },
      );
    }
    if (operation === "query" && grant.delivery !== "query") {
      throw new Denied(
        "grant",
        `job ${job}'s credential is not delivered as operations, and queries need a postgres issuer`,
        target,
        { nearest: `credential.delivery: "${grant.delivery}"`, remedy: `credential.delivery: "query"` },
      );
    }
    return grant;
  }

  async function lease(from: CredentialGrant, context: CallContext): Promise<LiveLease> {
    live ??= await acquire(from).catch((error: unknown) => {
      throw asFailed(error);
    });
    if (context.signal.aborted || live.secret() === undefined)
      throw new Denied("ended", "the credential's lease has ended", from.issuer);
    return live;
  }

  return {
    sealed:
      grant?.delivery === "sealed" && grant.place !== undefined
        ? { placeholder, place: grant.place, hosts: grant.hosts ?? [], reveal: () => live?.secret() }
        : null,
    operations: {
      "credential.fetch": {
        authorize: () => granted("fetch"),
        target: (plan) => plan.issuer,
        async act(plan, _body, context) {
          const { lease: made, secret } = await lease(plan, context);
          return { value: { value: plan.delivery === "sealed" ? placeholder : secret(), expiresAt: made.expiresAt } };
        },
      },
      "credential.query": {
        authorize: (args) => ({ grant: granted("query"), args }),
        target: (plan) => plan.grant.issuer,
        async act({ grant: from, args }, _body, context) {
          const bounds = from.query;
          if (bounds === undefined) throw new Denied("grant", "this credential grants no queries", from.issuer);
          const { query } = await lease(from, context);
          const result = await query({ ...args, ...bounds }, context.signal).catch((error: unknown) => {
            throw asFailed(error, bounds.timeMs);
          });
          return { body: Buffer.from(JSON.stringify(result)) };
        },
      },
    },
  };
}

function asFailed(error: unknown, timeMs?: number): Failed {
  if (error instanceof IssuerFailure) {
    const hint = error.code === "query_limit" && timeMs !== undefined ? ` (time limit ${formatDuration(timeMs)})` : "";
    return new Failed(error.code, `${error.message}${hint}`, error);
  }
  return new Failed("issuer_unavailable", "the credential can't be had now", error);
}
