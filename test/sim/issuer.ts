// Issuers as they are to a supervisor: servers of their own, behind a wire that loses, delays and doubles, with a clock that
// is off and times when they are down. What is live there is known to the simulation, whatever anybody was answered.
import { hex, type RunId } from "../../runtime/model/ids.ts";
import { skewMsMax } from "../../runtime/model/lease.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  IssuerFailure,
  type LeaseRef,
  type Proof,
  type QueryResult,
} from "../../runtime/ports/credential-issuer.ts";
import { type Machine, wallTime } from "./clockwork.ts";
import { fault, type Simulation, violate } from "./world.ts";

interface Credential {
  runId: RunId;
  secret: string;
  handle: string | undefined;
  expiresAt: number;
  revoked: boolean;
  /** True time. */
  madeAtMs: number;
}

export interface ModelIssuer {
  readonly name: string;
  /** A handle is noted before each issue, and its credentials are ended by it. */
  readonly byHandle: boolean;
  readonly skewMs: number;
  down: "no" | "refuses" | "silent";
  readonly credentials: Credential[];
  /** Whether a resource takes it. */
  accepts(credential: Credential): boolean;
  /** As a resource sees it: whoever has that text. */
  takes(secret: string): boolean;
  portFor(machine: Machine): CredentialIssuer;
}

export function makeModelIssuer(sim: () => Simulation, name: "alpha" | "beta", skewMs: number): ModelIssuer {
  const credentials: Credential[] = [];
  let serial = 0;

  const issuer: ModelIssuer = {
    name,
    byHandle: name === "beta",
    skewMs: Math.max(-skewMsMax, Math.min(skewMsMax, skewMs)),
    down: "no",
    credentials,
    accepts: ({ revoked, expiresAt }) => !revoked && wallTime(sim().work, issuer.skewMs) < expiresAt,
    takes: (secret) => credentials.some((each) => each.secret === secret && issuer.accepts(each)),
    portFor: (machine) => portFor(sim(), issuer, machine, apply),
  };

  const apply = {
    issue(runId: RunId, handle: string | undefined, expiresAt: number): IssuedCredential {
      serial += 1;
      const secret = `canary-${name}-${serial}-${hex(sim().work.randomOf().bytes(12))}`;
      for (const each of credentials) if (each.runId === runId) each.revoked = true; // the last secret is the valid one
      credentials.push({ runId, secret, handle, expiresAt, revoked: false, madeAtMs: sim().work.now() });
      sim().secrets.add(secret);
      return { secret, expiresAt };
    },
    revoke({ runId, handle }: LeaseRef): void {
      for (const each of credentials) {
        const isMeant = issuer.byHandle && handle !== undefined ? each.handle === handle : each.runId === runId;
        if (isMeant) each.revoked = true;
      }
    },
    prove({ runId }: LeaseRef, secret: string | undefined): Proof {
      const lives = credentials.some((each) => each.runId === runId && issuer.accepts(each));
      if (lives || (secret !== undefined && issuer.takes(secret))) return { verdict: "alive", how: "resource: taken" };
      return { verdict: "dead", how: "resource: refused" };
    },
    sweep: (): LeaseRef[] => credentials.filter(issuer.accepts).map(({ runId }) => ({ runId })),
    query(secret: string): QueryResult {
      if (!issuer.takes(secret)) throw new IssuerFailure("query_failed", "permission denied");
      return { columns: ["one"], rows: [[1]] };
    },
  };
  return issuer;
}

type Apply = {
  issue(runId: RunId, handle: string | undefined, expiresAt: number): IssuedCredential;
  revoke(lease: LeaseRef): void;
  prove(lease: LeaseRef, secret: string | undefined): Proof;
  sweep(): LeaseRef[];
  query(secret: string): QueryResult;
};

function portFor(sim: Simulation, issuer: ModelIssuer, machine: Machine, apply: Apply): CredentialIssuer {
  const { work } = sim;

  /** A question over the wire, and what becomes of it and of its answer. */
  function ask<T>(what: string, signal: AbortSignal, act: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    const later = (ms: number, call: () => void) => void work.after(ms, machine, call);
    const fail = (text: string, retryAfterMs?: number) =>
      later(work.between(1, 50), () => reject(new IssuerFailure("issuer_unavailable", text, undefined, retryAfterMs)));
    const carryOut = (answers: boolean) => {
      try {
        const value = act();
        if (answers) later(work.between(1, 30), () => resolve(value));
      } catch (error) {
        later(work.between(1, 30), () => reject(error));
      }
    };
    const { faults } = sim;
    if (issuer.down !== "no") {
      fault(sim, `${issuer.name} is down: ${what}`);
      if (issuer.down === "refuses") fail("connection refused");
    } else if (work.chance(faults.lostQuestion)) {
      fault(sim, `${issuer.name}: ${what} is lost`);
      if (work.chance(0.5)) fail("ECONNRESET");
    } else if (work.chance(faults.lostAnswer)) {
      fault(sim, `${issuer.name}: the answer to ${what} is lost`);
      work.after(work.between(1, 30), null, () => carryOut(false));
      if (work.chance(0.5)) fail("ECONNRESET");
    } else if (work.chance(faults.busy)) {
      fault(sim, `${issuer.name}: busy at ${what}`);
      fail("429", work.pick([1_000, 30_000, 600_000]));
    } else {
      const isSlow = work.chance(faults.slow);
      const delayMs = isSlow ? work.between(500, 12_000) : work.between(1, 40);
      if (isSlow) fault(sim, `${issuer.name}: ${what} takes ${delayMs} ms`);
      work.after(delayMs, null, () => carryOut(true));
      if (work.chance(faults.twice)) {
        const againMs = delayMs + work.between(1, 9_000);
        fault(sim, `${issuer.name}: ${what} arrives twice, the second time after ${againMs} ms`);
        work.after(againMs, null, () => {
          fault(sim, `${issuer.name}: ${what} arrives again`);
          carryOut(false);
        });
      }
    }
    return promise;
  }

  return {
    kind: "model",
    checkScope: () => undefined,
    async issue({ lease: { runId }, expiresAt }, signal, note) {
      const handle = issuer.byHandle ? `handle ${runId} ${work.between(0, 1_000_000)}` : undefined;
      if (handle !== undefined) await note?.(handle);
      const row = sim.observer.lease(runId);
      if (row === undefined) violate(sim, "I3 every credential has its record", `${issuer.name} is asked for ${runId}`);
      else if (handle !== undefined && row.handle === null)
        violate(
          sim,
          "I3 every credential has its record",
          `${issuer.name} is asked for ${runId}, its handle not noted`,
        );
      return ask(`issue ${runId.slice(4, 12)}`, signal, () => apply.issue(runId, handle, expiresAt));
    },
    revoke: (lease, signal) => ask(`revoke ${lease.runId.slice(4, 12)}`, signal, () => apply.revoke(lease)),
    prove: (lease, secret, signal) =>
      ask(`prove ${lease.runId.slice(4, 12)}`, signal, () => apply.prove(lease, secret)),
    sweep: (signal) => ask("sweep", signal, () => apply.sweep()),
    query: (_lease, secret, _request, signal) => ask("query", signal, () => apply.query(secret)),
    close: async () => undefined,
  };
}
