// A token registry in memory, for tests: the same words as the stored one, nothing durable. `fail` takes it away.
import type { RunId } from "../model/ids.ts";
import type { EpochMs } from "../model/units.ts";
import type { TokenRegistry, TokenRow } from "../ports/token-registry.ts";

export interface MemoryTokenRegistry extends TokenRegistry {
  /** From now on every call fails as a store does that is gone. */
  fail(): void;
}

export function makeMemoryTokenRegistry(): MemoryTokenRegistry {
  const rows: TokenRow[] = [];
  let failed = false;
  const check = (): void => {
    if (failed) throw new Error("the registry is gone");
  };
  const end = (issuer: string, runId: RunId): void => {
    for (const row of rows) if (row.issuer === issuer && row.runId === runId) row.revoked = true;
  };
  return {
    fail() {
      failed = true;
    },
    async put(row) {
      check();
      end(row.issuer, row.runId);
      rows.push({ ...row, revoked: false });
    },
    async add(row) {
      check();
      rows.push({ ...row, revoked: false });
    },
    async revoke(issuer, runId) {
      check();
      end(issuer, runId);
    },
    find(issuer, jti) {
      check();
      const row = rows.find((candidate) => candidate.issuer === issuer && candidate.jti === jti);
      return row === undefined ? undefined : { ...row };
    },
    active(issuer: string, now: EpochMs) {
      check();
      return rows
        .filter((row) => row.issuer === issuer && !row.revoked && row.expiresAt > now)
        .map((row) => ({ ...row }));
    },
    revoked(issuer: string, after: EpochMs) {
      check();
      return rows
        .filter((row) => row.issuer === issuer && row.revoked && row.expiresAt > after)
        .map((row) => ({ ...row }));
    },
  };
}
