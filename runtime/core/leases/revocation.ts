// One try to end a lease: revoke, prove, record. `revoked` is written on proof only. The record that a lease's end has
// begun is written beside the question, not before it: a revocation must not wait for a disk, and an intent or a lease on
// disk is enough for recovery to find. Each try leaves one entry of its outcome in the audit.
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";
import { type Lease, nextLease, openLeaseStates } from "../../model/lease.ts";
import type { Clock } from "../../ports/clock.ts";
import { type CredentialIssuer, IssuerFailure, type Proof } from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import type { Change, Store } from "../../ports/store.ts";
import { withTimeout } from "./ask.ts";
import { pauseMs } from "./back-off.ts";
import { leaseEvent } from "./events.ts";
import type { Handles } from "./handles.ts";

export interface RevocationParts {
  store: Store;
  clock: Clock;
  random: Random;
  handles: Handles;
  /** By name in the config. Rejects when it can't be had. */
  issuer: (name: string) => Promise<CredentialIssuer>;
}

export interface Try {
  /** Why it ends, for the audit. */
  reason: string;
  /** Still known in this process: tried at the resource. */
  secret: string | undefined;
  /** Something is there that an earlier proof has not seen. */
  found: boolean;
}

export interface Tried {
  lease: Lease;
  /** The issuer gave no answer at all: others of its leases would fare no better. */
  silent: boolean;
  /** How long it asked to be left alone, ms. */
  retryAfterMs: number | undefined;
}

export interface Revocation {
  /** Rejects with MayflyError when the outcome can't be written; the issuer has been asked all the same. */
  attempt(lease: Lease, how: Try): Promise<Tried>;
  /** Asks only, and writes nothing. */
  look(lease: Lease): Promise<Proof>;
}

type Answer = Pick<Tried, "silent" | "retryAfterMs"> & { proof: Proof };

export function makeRevocation({ store, clock, random, handles, issuer }: RevocationParts): Revocation {
  async function ask(lease: Lease, secret: string | undefined): Promise<Answer> {
    try {
      const [at, ref] = await Promise.all([issuer(lease.issuer), handles.refOf(lease)]);
      const proof = await withTimeout(clock, async (signal) => {
        await at.revoke(ref, signal);
        return at.prove(ref, secret, signal);
      });
      return {
        proof: isProof(proof) ? proof : unknowable("its answer is no proof"),
        silent: false,
        retryAfterMs: undefined,
      };
    } catch (error) {
      const failure = error instanceof IssuerFailure ? error : undefined;
      const silent = failure === undefined || failure.code === "issuer_unavailable";
      return { proof: unknowable(messageOf(error)), silent, retryAfterMs: failure?.retryAfterMs };
    }
  }

  /** As written; or as another process has it, when that one was first to prove it dead. */
  async function write(after: Lease, change: Change, audit: Change): Promise<Lease> {
    try {
      await store.commit([change, audit]);
      return after;
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "lease_moved") throw error;
      await store.commit([audit]);
      return store.lease(after.runId) ?? after;
    }
  }

  return {
    async attempt(lease, { reason, secret, found }) {
      const askedAt = clock.nowMs();
      const ending = nextLease(lease, { type: found ? "found" : "ending" }) ?? lease;
      // What was found is news of a lease that was proven dead; anything else must not take such a proof back.
      const put = (to: Lease): Change => ({ put: "lease", lease: to, ...(found ? {} : { from: openLeaseStates }) });
      const recorded =
        ending.state === lease.state
          ? undefined
          : store.commit([put(ending), { audit: leaseEvent("lease.revoking", ending, reason) }]).catch(() => undefined);
      const { proof, silent, retryAfterMs } = await ask(lease, secret);
      await recorded;
      const now = clock.nowMs();
      const attempts = lease.attempts + 1;
      const pause = pauseMs({ ...lease, attempts }, { askedAt, now, retryAfterMs }, random);
      const error = proof.verdict === "alive" ? `still alive: ${proof.how}` : proof.how;
      const after = nextLease(
        ending,
        proof.verdict === "dead"
          ? { type: "proven", at: now, how: escapeLine(proof.how, 500) }
          : { type: "failed", askedAt, error: escapeLine(error, 500), nextAttemptAt: now + pause },
      );
      if (after === undefined) return { lease, silent, retryAfterMs }; // it was dead before, and nothing new was found
      const type = after.state === "revoked" ? "lease.revoked" : "lease.unconfirmed";
      const audit = { audit: leaseEvent(type, after, after.proof ?? after.lastError ?? "") };
      return { lease: await write(after, put(after), audit), silent, retryAfterMs };
    },
    async look(lease) {
      try {
        const [at, ref] = await Promise.all([issuer(lease.issuer), handles.refOf(lease)]);
        return await withTimeout(clock, (signal) => at.prove(ref, undefined, signal));
      } catch (error) {
        return unknowable(messageOf(error));
      }
    },
  };
}

function unknowable(how: string): Proof {
  return { verdict: "unknowable", how };
}

// An issuer is an adapter to somebody else's server: what it says counts as a proof only when it is one.
function isProof(proof: Proof | undefined): proof is Proof {
  return typeof proof?.how === "string" && ["dead", "alive", "unknowable"].includes(proof.verdict);
}
