// The ledger's tables. Records are JSON; columns are what is searched by.

const first = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY,
  job TEXT NOT NULL,
  state TEXT NOT NULL,
  accepted_at TEXT NOT NULL,
  unique_key TEXT,            -- idempotency key or schedule slot
  owner TEXT NOT NULL,
  input TEXT,                 -- JSON; gone when the run has ended
  pid INTEGER,
  start_ticks INTEGER,
  torn_down INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS runs_unique_key ON runs (job, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_accepted_at ON runs (accepted_at);
CREATE INDEX IF NOT EXISTS runs_unfinished ON runs (accepted_at) WHERE torn_down = 0;

CREATE TABLE IF NOT EXISTS leases (
  run_id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  intended_at INTEGER NOT NULL,
  lease TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS leases_open ON leases (intended_at) WHERE state <> 'revoked';

CREATE TABLE IF NOT EXISTS owners (id TEXT PRIMARY KEY, owner TEXT NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS tokens (
  jti TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  run_id TEXT NOT NULL,
  expires_at INTEGER NOT NULL, -- ms since the epoch
  revoked INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS tokens_run ON tokens (issuer, run_id);
CREATE INDEX IF NOT EXISTS tokens_expiry ON tokens (expires_at);

CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, event TEXT NOT NULL, mac TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, mac TEXT NOT NULL, seal TEXT NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
`;

/**
 * One step a version, each in the transaction that raises SQLite's user_version: a step that was interrupted has not
 * happened. Steps only add, so that a process of the version before goes on beside them. Never change one; add one.
 */
export const steps: readonly string[] = [first, "ALTER TABLE owners ADD COLUMN fence INTEGER NOT NULL DEFAULT 0"];

export const schemaVersion = steps.length;
