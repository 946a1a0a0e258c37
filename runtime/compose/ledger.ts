// The ledger with what belongs to it: keys, and the files of runs. Opening it reads no key, so that a command which only
// looks needs none, nor the module or service that keeps it; appending to it needs the audit key, and is refused without.
import { openSqliteStore, type SqliteStore } from "../adapters/stores/sqlite.ts";
import { systemClock } from "../adapters/system/clock.ts";
import { systemRandom } from "../adapters/system/random.ts";
import { makeRunArchive } from "../adapters/system/run-archive.ts";
import { openStateDirectory, type StateDirectory } from "../adapters/system/state-directory.ts";
import type { Config } from "../config.ts";
import { makeSeals, type Seals } from "../core/audit/chain.ts";
import { MayflyError } from "../model/error.ts";
import { fileQuotaCeiling } from "../model/limits.ts";
import type { RunArchive } from "../ports/run-archive.ts";
import { type Keys, openKeys } from "./keys.ts";

export interface Ledger {
  store: SqliteStore;
  state: StateDirectory;
  keys: Keys;
  archive: RunArchive;
  /** Fetches the audit key: from then on the store takes entries. Rejects with MayflyError. */
  audited(): Promise<Seals>;
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
  const fileBytesMax = fileQuotaCeiling.bytes;
  return {
    ...{ store, state, keys },
    archive: makeRunArchive({ stateDirectory: state.path, fileBytesMax, box: keys.box }),
    async audited() {
      const key = await keys.audit({ make: store.auditHead() === undefined });
      if (key === undefined) throw auditKeyMissing();
      fetched = makeSeals(key);
      return fetched;
    },
    async close() {
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
