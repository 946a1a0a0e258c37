// The ledger with what belongs to it: keys, and the files of runs. Opening it reads no key, so that a command which only
// looks needs none, nor the module or service that keeps it; appending to it needs the audit key, and is refused without.
import { join } from "node:path";
import { openSqliteStore, type SqliteStore } from "../adapters/stores/sqlite.ts";
import { makeAuditMark } from "../adapters/system/audit-mark.ts";
import { systemClock } from "../adapters/system/clock.ts";
import { systemRandom } from "../adapters/system/random.ts";
import { makeRecordings } from "../adapters/system/recordings.ts";
import { makeRunArchive } from "../adapters/system/run-archive.ts";
import { openStateDirectory, type StateDirectory } from "../adapters/system/state-directory.ts";
import type { Config } from "../config.ts";
import { makeSeals, rolledBack, type Seals } from "../core/audit/chain.ts";
import { MayflyError } from "../model/error.ts";
import { fileQuotaCeiling } from "../model/limits.ts";
import type { Recordings } from "../ports/recordings.ts";
import type { RunArchive } from "../ports/run-archive.ts";
import { type Keys, openKeys } from "./keys.ts";

export interface Ledger {
  store: SqliteStore;
  state: StateDirectory;
  keys: Keys;
  archive: RunArchive;
  recordings: Recordings;
  /**
   * Fetches the audit key: from then on the store takes entries. A ledger that was put back from an older copy is noted in the
   * log, and told. Rejects with MayflyError.
   */
  audited(onAlert?: (message: string) => void): Promise<Seals>;
  /** Notes how far the log has come; for a timer, too. */
  mark(): void;
  close(): Promise<void>;
}

/** @throws MayflyError */
export function openLedgerWith(config: Config, env: Readonly<Record<string, string | undefined>>): Ledger {
  const state = openStateDirectory(config.stateDirectory);
  const keys = openKeys({ state, config: config.keys, env });
  let fetched: Seals | undefined;
  const seals = (): Seals => {
    if (fetched === undefined) throw new Error("the audit key was not fetched: this ledger is for reading");
    return fetched;
  };
  const store = openSqliteStore({
    ...{ path: state.ledger, clock: systemClock, random: systemRandom },
    seals: {
      entry: (previousMac, seq, at, event) => seals().entry(previousMac, seq, at, event),
      head: (seq, mac) => seals().head(seq, mac),
    },
  });
  try {
    state.requireInstallation(store.installation);
  } catch (error) {
    void store.close();
    throw error;
  }
  const mark = makeAuditMark(join(state.path, "audit-mark.json"));
  const noteMark = () => {
    const head = store.auditHead();
    if (fetched === undefined || head === undefined) return;
    try {
      mark.write(head);
    } catch {
      // A full disk: the next one is noted, and until then an older copy would show a little less.
    }
  };
  const noteRollback = async (onAlert: (message: string) => void): Promise<void> => {
    const noted = mark.read();
    const entryAt = noted === undefined ? undefined : store.auditEntries(noted.seq, 1)[0];
    const message = rolledBack(noted, { head: store.auditHead(), entryAt, seals: seals() });
    if (message === undefined) return;
    await store.commit([{ audit: { type: "ledger.restored", detail: message } }]);
    onAlert(
      `${message}. Leases that it has as open are ended anew, and issuers are asked for those that it doesn't know`,
    );
  };
  const fileBytesMax = fileQuotaCeiling.bytes;
  return {
    ...{ store, state, keys },
    archive: makeRunArchive({ stateDirectory: state.path, fileBytesMax, box: keys.box }),
    recordings: makeRecordings({ stateDirectory: state.path, box: keys.box }),
    async audited(onAlert = () => {}) {
      const key = await keys.audit({ make: store.auditHead() === undefined });
      if (key === undefined) throw auditKeyMissing();
      fetched = makeSeals(key);
      await noteRollback(onAlert);
      noteMark();
      return fetched;
    },
    mark: noteMark,
    async close() {
      noteMark();
      await keys.close();
      await store.close();
    },
  };
}

// A new one would go on where the old one ended, and every later check would call the next entry altered.
function auditKeyMissing(): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message: "the audit log has entries, and its key is gone",
    found: "no key named audit in the state directory",
    needed: "the key that the entries were made with",
    next: "restore the state directory as a whole, keys included, from one backup",
  });
}
