// `mayfly audit verify` and `mayfly audit list`: the chain, checked offline, and its entries.
import { openLedger } from "../../compose.ts";
import { verifyChain } from "../../core/audit/chain.ts";
import { MayflyError, quote } from "../../model/error.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, printResult, say } from "../print.ts";

const pageEntries = 1_000;

/** @throws MayflyError `audit_invalid` that names the first entry that doesn't hold. */
export async function verify(options: ConfigOption & { json?: boolean }): Promise<void> {
  const ledger = openLedger(await loadConfig(options));
  const { store } = ledger;
  try {
    const seals = await ledger.audited();
    const verdict = verifyChain((from) => store.auditEntries(from, pageEntries), store.auditHead(), seals);
    if (options.json) await printJson(verdict);
    if (!verdict.ok) {
      throw new MayflyError({
        code: "audit_invalid",
        message: `the audit log does not hold: ${verdict.reason}`,
        needed: "an unbroken chain up to its head",
        next: "keep the ledger as evidence; what comes before that entry holds",
      });
    }
    if (!options.json) await printResult(`${verdict.entries} entries, unbroken`);
  } finally {
    await ledger.close();
  }
}

export async function list(options: ConfigOption & { from: string; json?: boolean }): Promise<void> {
  const from = Number(options.from);
  if (!Number.isInteger(from) || from < 1)
    throw new MayflyError({
      code: "usage",
      message: "--from is no entry's number",
      found: quote(options.from),
      needed: "1 or more",
    });
  const { store } = openLedger(await loadConfig(options));
  try {
    let seq = from;
    for (
      let page = store.auditEntries(seq, pageEntries);
      page.length > 0;
      page = store.auditEntries(seq, pageEntries)
    ) {
      for (const entry of page) {
        const { type, ...rest } = entry.event;
        await printResult(
          options.json ? JSON.stringify(entry) : `${entry.seq} ${entry.at} ${type} ${JSON.stringify(rest)}`,
        );
        seq = entry.seq + 1;
      }
    }
    if (seq === from) say("no entries");
  } finally {
    await store.close();
  }
}
