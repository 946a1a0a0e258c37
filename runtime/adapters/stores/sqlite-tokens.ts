// The registry of the embedded JWT issuer, in the ledger: the tokens that it issued, and which of them were ended.
import type { DatabaseSync } from "node:sqlite";
import type { RunId } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import type { TokenRegistry, TokenRow } from "../../ports/token-registry.ts";
import type { Writer } from "./sqlite-writer.ts";

export function makeTokenRegistry(db: DatabaseSync, writer: Writer, clock: Clock): TokenRegistry {
  const end = db.prepare("UPDATE tokens SET revoked = 1 WHERE issuer = ? AND run_id = ?");
  const put = db.prepare("INSERT INTO tokens (jti, issuer, run_id, expires_at, revoked) VALUES (?, ?, ?, ?, 0)");
  const prune = db.prepare("DELETE FROM tokens WHERE expires_at < ?"); // what is not there is not active
  const find = db.prepare("SELECT * FROM tokens WHERE issuer = ? AND jti = ?");
  const active = db.prepare("SELECT * FROM tokens WHERE issuer = ? AND revoked = 0 AND expires_at > ?");
  const revoked = db.prepare("SELECT * FROM tokens WHERE issuer = ? AND revoked = 1 AND expires_at > ?");
  const keepExpiredMs = 3_600_000;
  const add = (row: Omit<TokenRow, "revoked">) => {
    prune.run(clock.nowMs() - keepExpiredMs);
    put.run(row.jti, row.issuer, row.runId, row.expiresAt);
  };
  return {
    put: (row) =>
      writer.write(() => {
        end.run(row.issuer, row.runId);
        add(row);
      }),
    add: (row) => writer.write(() => add(row)),
    revoke: (issuer, runId) => writer.write(() => void end.run(issuer, runId), { evenFenced: true }),
    find: (issuer, jti) => toTokenRow(find.get(issuer, jti)),
    active: (issuer, now) => active.all(issuer, now).map((row) => toTokenRow(row) as TokenRow),
    revoked: (issuer, after) => revoked.all(issuer, after).map((row) => toTokenRow(row) as TokenRow),
  };
}

interface TokenColumns {
  jti: string;
  issuer: string;
  run_id: string;
  expires_at: number;
  revoked: number;
}

function toTokenRow(row: unknown): TokenRow | undefined {
  if (row === undefined) return undefined;
  const { jti, issuer, run_id, expires_at, revoked } = row as TokenColumns;
  return { jti, issuer, runId: run_id as RunId, expiresAt: expires_at, revoked: revoked === 1 };
}
