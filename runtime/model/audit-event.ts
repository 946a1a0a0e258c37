// What the audit log records: one flat object an event, free of secrets and of file paths of the host.

export interface AuditEvent {
  /** What happened or is about to: `run.accepted`, `lease.intended`, `deny`, … */
  type: AuditType;
  runId?: string;
  job?: string;
  /** Of a launch: what the run is called towards others. */
  spiffeId?: string;
  leaseId?: string;
  capability?: string;
  /** A stable code: a denial's, an error's. */
  code?: string;
  /** What it was about, escaped and cut: a URL without its query, a path in the run's own tree, an issuer's name. */
  target?: string;
  detail?: string;
  /** Of a denial: the grant that came nearest, and what to write into the config to allow it. */
  nearest?: string;
  remedy?: string;
}

export type AuditType =
  | "start"
  | "stop"
  /** The ledger is older than the log once was. What it says of leases is tried again, at their issuers. */
  | "ledger.restored"
  | "run.accepted"
  | "run.refused"
  | "run.skipped"
  | "run.launched"
  | "run.ended"
  | "run.lost"
  | "lease.intended"
  | "lease.issued"
  | "lease.failed"
  | "lease.revoking"
  | "lease.revoked"
  | "lease.unconfirmed"
  /** A revealed credential went into a request, to a server that the network's rules allow. */
  | "credential.sent"
  /** A server sent the credential back; the job was given the placeholder. */
  | "credential.echoed"
  | "allow"
  | "deny"
  | "alert"
  | "keys.rotating"
  | "keys.rotated"
  | "keys.importing"
  /** Somebody reads what a run was given: to replay it, to export it, or as the network of a test. */
  | "recording.opened";

/** An event in its place in the chain. */
export interface AuditEntry {
  /** From 1, without gaps. */
  seq: number;
  /** ISO 8601, UTC. */
  at: string;
  event: AuditEvent;
  /** Keyed digest over the previous entry's and this one's, hex. */
  mac: string;
}

/** The last entry as it was when it was written, kept apart from the entries, so that a cut tail shows. */
export interface AuditHead {
  seq: number;
  mac: string;
  /** Keyed digest over the two above, hex: without the key an older entry can't be made the head. */
  seal: string;
}
