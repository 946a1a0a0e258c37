// `mayfly leases`: every credential that was leased, and how its death was proven.
import { openLedger } from "../../compose.ts";
import { isoTime } from "../../model/units.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, printResult, table } from "../print.ts";
import { countOf } from "./runs.ts";

export async function leases(options: ConfigOption & { limit: string; json?: boolean }): Promise<void> {
  const { store } = openLedger(await loadConfig(options));
  try {
    const all = store.leases(countOf(options.limit));
    if (options.json) {
      await printJson(all);
      return;
    }
    const rows = all.map((lease) => [
      lease.id,
      lease.job,
      lease.issuer,
      lease.state,
      isoTime(lease.expiresAt),
      lease.proof ?? lease.lastError ?? "",
    ]);
    await printResult(table([["ID", "JOB", "ISSUER", "STATE", "EXPIRES", "PROOF"], ...rows]));
  } finally {
    await store.close();
  }
}
