// The named points between a job's asking for a credential and the record of its death, and what reaches them: a ledger and
// an issuer with a call before and after each step. Nothing of it is in the product.
import { appendFileSync, closeSync, fsyncSync, openSync } from "node:fs";
import type { SqliteStore } from "../../runtime/adapters/stores/sqlite.ts";
import type { CredentialIssuer } from "../../runtime/ports/credential-issuer.ts";
import type { Change } from "../../runtime/ports/store.ts";

const steps = [
  "the record of the launch",
  "the intent",
  "the issue",
  "the record of the issue",
  "the record of the revocation",
  "the revocation",
  "the proof",
  "the record of the death",
  "the record of the end",
] as const;

/** Of issuers that note one. */
const handleStep = "the record of a handle";

type Step = (typeof steps)[number] | typeof handleStep;
export type Point = `${"before" | "after"} ${Step}` | "in use";

const around = (step: Step): Point[] => [`before ${step}`, `after ${step}`];

/** In the order in which a run comes to them. */
export const points: readonly Point[] = [...steps.flatMap(around), "in use"];
export const handlePoints: readonly Point[] = around(handleStep);

export type Reach = (point: Point) => void;

function stepOf(changes: readonly Change[]): Step | undefined {
  for (const change of changes) {
    if (!("put" in change)) continue;
    if (change.put === "run") {
      if (change.row.record.endedAt !== null) return "the record of the end";
      if (change.row.record.state === "running") return "the record of the launch";
    } else {
      const { state, handle } = change.lease;
      if (state === "intended") return handle === null ? "the intent" : handleStep;
      if (state === "issued") return "the record of the issue";
      if (state === "revoking") return "the record of the revocation";
      if (state === "revoked") return "the record of the death";
    }
  }
  return undefined;
}

export function storeWithPoints(store: SqliteStore, reach: Reach): SqliteStore {
  return {
    ...store,
    tokens: store.tokens,
    installation: store.installation,
    async commit(changes) {
      const step = stepOf(changes);
      if (step !== undefined) reach(`before ${step}`);
      await store.commit(changes);
      if (step !== undefined) reach(`after ${step}`);
    },
  };
}

/** @param log the issuer's own: every credential that it gave, before anybody else has it. */
export function issuerWithPoints(issuer: CredentialIssuer, reach: Reach, log: string): CredentialIssuer {
  const within = async <T>(step: Step, work: () => Promise<T>): Promise<T> => {
    reach(`before ${step}`);
    const done = await work();
    reach(`after ${step}`);
    return done;
  };
  return Object.create(issuer, {
    issue: {
      value: ((request, signal, note) =>
        within("the issue", async () => {
          const issued = await issuer.issue(request, signal, note);
          const { secret, egress } = issued;
          const line = JSON.stringify({
            runId: request.lease.runId,
            secret,
            ...(egress === undefined ? {} : { egress }),
          });
          appendFileSync(log, `${line}\n`);
          const file = openSync(log, "r");
          fsyncSync(file);
          closeSync(file);
          return issued;
        })) satisfies CredentialIssuer["issue"],
    },
    revoke: {
      value: ((lease, signal) =>
        within("the revocation", () => issuer.revoke(lease, signal))) satisfies CredentialIssuer["revoke"],
    },
    prove: {
      value: ((lease, secret, signal) =>
        within("the proof", () => issuer.prove(lease, secret, signal))) satisfies CredentialIssuer["prove"],
    },
  });
}
