// What the audit says of a lease.
import type { AuditEvent, AuditType } from "../../model/audit-event.ts";
import { leaseIdOf, type RunId } from "../../model/ids.ts";

export type LeaseAudit = Extract<AuditType, `lease.${string}`>;

export function leaseEvent(
  type: LeaseAudit,
  { runId, job, issuer }: { runId: RunId; job: string; issuer: string },
  detail: string,
): AuditEvent {
  return { type, runId, job, leaseId: leaseIdOf(runId), target: issuer, detail };
}
