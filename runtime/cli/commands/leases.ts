// `mayfly leases`: every credential that was leased, and how its death was proven.
import { openLedger } from "../../compose.ts";
import { isIrrevocable } from "../../model/lease.ts";
import { isoTime } from "../../model/units.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, printResult, say, table } from "../print.ts";
import { countOf } from "./runs.ts";

/** Of unconfirmed leases behind the newest ones. */
const openMax = 10_000;

export async function leases(options: ConfigOption & { limit: string; json?: boolean }): Promise<void> {
  const { store } = openLedger(await loadConfig(options));
  try {
    const count = countOf(options.limit);
    // What may live is shown however old it is.
    const open = store.openLeases().filter(({ state }) => state === "unconfirmed");
    const newest = store.leases(count);
    const shown = new Set(newest.map(({ id }) => id));
    const all = [...newest, ...open.filter(({ id }) => !shown.has(id)).slice(0, openMax)];
    if (options.json) {
      // What ends it at its issuer is sealed, and the broker's alone.
      await printJson(all.map((lease) => ({ ...lease, handle: undefined, irrevocable: isIrrevocable(lease) })));
      return;
    }
    const rows = all.map((lease) => [
      lease.id,
      lease.job,
      lease.issuer,
      isIrrevocable(lease) ? "irrevocable" : lease.state,
      isoTime(lease.expiresAt),
      lease.nextAttemptAt === null ? "" : isoTime(lease.nextAttemptAt),
      lease.proof ?? lease.lastError ?? "",
    ]);
    await printResult(table([["ID", "JOB", "ISSUER", "STATE", "EXPIRES", "NEXT TRY", "PROOF"], ...rows]));
    const lasting = open.filter(isIrrevocable).length;
    if (open.length > 0)
      say(`${open.length} not proven dead, ${lasting} of them past their expiry: mayfly revoke <lease>`);
  } finally {
    await store.close();
  }
}
