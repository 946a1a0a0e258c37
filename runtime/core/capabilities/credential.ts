// The one capability for one scoped credential. `fetch` leases it once and answers with the value (revealed) or with a
// placeholder that egress will replace (sealed); `query`, `command` and `exec` do something with the lease without showing
// it. After the end of the run there is nothing to fetch.

import { escapeLine } from "../../model/error.ts";
import {
  type CredentialGrant,
  type OperationDelivery,
  operationDeliveries,
  type SealedGrant,
} from "../../model/grant.ts";
import { hex } from "../../model/ids.ts";
import { formatDuration } from "../../model/units.ts";
import { type EgressKey, IssuerFailure } from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import type { Arguments } from "../../protocol/bridge.ts";
import type { LiveLease } from "../leases/broker.ts";
import type { Standing } from "../leases/live-lease.ts";
import { type CallContext, Denied, Failed, type Operation } from "./capability.ts";

/** What egress needs to put a sealed credential in. */
export interface SealedCredential extends SealedGrant {
  placeholder: string;
  /** undefined before the first fetch and once the lease has ended. */
  reveal(): string | undefined;
  /** The same, for places that take no text. */
  key(): EgressKey | undefined;
  /** The job has asked for it, and was given it. */
  wasFetched(): boolean;
  /** Whether it is over because its time was: else its lease was ended. */
  isExpired(): boolean;
  /** Counts one request. @throws Denied `uses`, `ended`, `expired`. */
  use(): void;
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
    "credential.query": Operation<Arguments<"credential.query">, Plan<"credential.query">>;
    "credential.command": Operation<Arguments<"credential.command">, Plan<"credential.command">>;
    "credential.exec": Operation<Arguments<"credential.exec">, Plan<"credential.exec">>;
  };
  /** null unless the grant says sealed. */
  sealed: SealedCredential | null;
}

interface Plan<Name extends "credential.query" | "credential.command" | "credential.exec"> {
  grant: CredentialGrant;
  args: Arguments<Name>;
}

/** How a job writes what its delivery offers. */
const callOf: Record<OperationDelivery, string> = {
  query: "credential.query(sql, params)",
  command: "credential.command(name, …args)",
  exec: "credential.exec(input)",
};

export function makeCredential({ job, grant, random, acquire }: CredentialParts): CredentialCapability {
  let live: LiveLease | undefined;
  let uses = 0;
  // Looks like no credential of any kind, and can't be guessed: the job proves by it that it was given one.
  const placeholder = `mayfly-sealed-${hex(random.bytes(16))}`;

  function granted(operation: "fetch" | OperationDelivery): CredentialGrant {
    const target = grant?.issuer ?? "";
    if (grant === null) {
      throw new Denied("grant", `job ${job} has no credential`, target, {
        remedy: `credential: { issuer: …, scope: […], ttl: "5m", purpose: … } in jobs.${job}`,
      });
    }
    const { delivery } = grant;
    const nearest = `credential.delivery: "${delivery}"`;
    if (operation === "fetch" && isOperation(delivery)) {
      const use = `this credential is delivered as operations: use ${callOf[delivery]}`;
      throw new Denied("grant", use, target, { nearest });
    }
    if (operation !== "fetch" && operation !== delivery) {
      const text = `job ${job}'s credential is not delivered by ${callOf[operation]}`;
      throw new Denied("grant", text, target, { nearest, remedy: `credential.delivery: "${operation}"` });
    }
    return grant;
  }

  function countUse({ usesMax, issuer }: CredentialGrant): void {
    if (usesMax !== null && uses >= usesMax) {
      const text = `the credential was to be used ${usesMax} times`;
      throw new Denied("uses", text, issuer, { nearest: `credential.uses: ${usesMax}` });
    }
    uses += 1;
  }

  async function lease(from: CredentialGrant, context: CallContext): Promise<LiveLease> {
    live ??= await acquire(from).catch((error: unknown) => {
      throw asFailed(error);
    });
    const standing = context.signal.aborted ? "ended" : live.use();
    if (standing !== "live") throw over(standing, from.issuer);
    return live;
  }

  /** One operation with the lease, within its bounds. */
  async function operate<Bounds extends { timeMs: number }, Result>(
    from: CredentialGrant,
    bounds: Bounds | undefined,
    context: CallContext,
    work: (live: LiveLease, bounds: Bounds) => Promise<Result>,
  ): Promise<Result> {
    if (bounds === undefined) throw new Denied("grant", "this credential grants no operations", from.issuer);
    countUse(from);
    const leased = await lease(from, context);
    return work(leased, bounds).catch((error: unknown) => {
      const standing = leased.standing();
      throw standing === "live" ? asFailed(error, bounds.timeMs) : over(standing, from.issuer);
    });
  }

  return {
    sealed:
      grant?.sealed === undefined
        ? null
        : {
            placeholder,
            ...grant.sealed,
            reveal: () => live?.secret(),
            key: () => live?.egress(),
            wasFetched: () => live !== undefined,
            isExpired: () => live?.standing() === "expired",
            use() {
              const standing = live?.use() ?? "ended";
              if (standing !== "live") throw over(standing, grant.issuer);
              countUse(grant);
            },
          },
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
          const result = await operate(from, from.query, context, (leased, bounds) =>
            leased.query({ ...args, ...bounds }, context.signal),
          );
          return { body: Buffer.from(JSON.stringify(result)) };
        },
      },
      "credential.command": {
        authorize: (args) => ({ grant: granted("command"), args }),
        target: ({ grant: from, args }) => `${from.issuer} ${escapeLine(args.args[0] ?? "", 64)}`,
        async act({ grant: from, args }, _body, context) {
          const result = await operate(from, from.operation, context, (leased, bounds) =>
            leased.command({ ...args, ...bounds }, context.signal),
          );
          return { body: Buffer.from(JSON.stringify(result.value)) };
        },
      },
      "credential.exec": {
        authorize: (args) => ({ grant: granted("exec"), args }),
        target: (plan) => plan.grant.issuer,
        async act({ grant: from }, input, context) {
          const { exitCode, stdout, stderr } = await operate(from, from.operation, context, (leased, bounds) =>
            leased.exec({ input, ...bounds }, context.signal),
          );
          return { value: { exitCode, stdoutBytes: stdout.length }, body: Buffer.concat([stdout, stderr]) };
        },
      },
    },
  };
}

/** What a job hears at each use of a credential that is over, however it came to be. */
function over(standing: Exclude<Standing, "live">, issuer: string): Denied {
  if (standing === "expired") return new Denied("expired", "the credential's time is over", issuer);
  return new Denied("ended", "the credential's lease has ended", issuer);
}

function isOperation(delivery: CredentialGrant["delivery"]): delivery is OperationDelivery {
  return (operationDeliveries as readonly string[]).includes(delivery);
}

function asFailed(error: unknown, timeMs?: number): Failed {
  if (error instanceof IssuerFailure) {
    const isLimit = error.code === "query_limit" || error.code === "operation_limit";
    const hint = isLimit && timeMs !== undefined ? ` (time limit ${formatDuration(timeMs)})` : "";
    return new Failed(error.code, `${error.message}${hint}`, error);
  }
  return new Failed("issuer_unavailable", "the credential can't be had now", error);
}
