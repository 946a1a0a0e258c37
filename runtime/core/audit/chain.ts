// The keyed chain of the audit log: each entry's digest covers the one before it, so that an entry can't be altered,
// removed or moved without the key, and the head, kept apart, shows a cut tail.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { AuditEntry, AuditEvent, AuditHead } from "../../model/audit-event.ts";

export interface Seals {
  entry(previousMac: string, seq: number, at: string, event: AuditEvent): string;
  head(seq: number, mac: string): string;
}

/** HMAC-SHA-256 with the installation's audit key (32 bytes), hex. */
export function makeSeals(key: Uint8Array): Seals {
  const digest = (fields: readonly unknown[]) => createHmac("sha256", key).update(JSON.stringify(fields)).digest("hex");
  return {
    entry: (previousMac, seq, at, event) => digest(["entry", previousMac, seq, at, event]),
    head: (seq, mac) => digest(["head", seq, mac]),
  };
}

export type AuditVerdict = { ok: true; entries: number } | { ok: false; seq: number; reason: string };

/**
 * Checks every entry and the head. `read` gives entries from a sequence number on, in order, a page at a time.
 * The first entry that doesn't hold is named.
 */
export function verifyChain(
  read: (fromSeq: number) => AuditEntry[],
  head: AuditHead | undefined,
  seals: Seals,
): AuditVerdict {
  let seq = 0;
  let mac = "";
  for (let page = read(1); page.length > 0; page = read(seq + 1)) {
    for (const entry of page) {
      if (entry.seq !== seq + 1) return { ok: false, seq: seq + 1, reason: `entry ${seq + 1} is missing` };
      const expected = seals.entry(mac, entry.seq, entry.at, entry.event);
      if (!sameText(expected, entry.mac))
        return { ok: false, seq: entry.seq, reason: `entry ${entry.seq} was altered, moved or inserted` };
      ({ seq, mac } = entry);
    }
  }
  const headSeq = head?.seq ?? 0;
  if (headSeq > seq) return { ok: false, seq: seq + 1, reason: `the last ${headSeq - seq} entries are missing` };
  const holds = head === undefined ? seq === 0 : sameText(head.mac, mac) && sameText(head.seal, seals.head(seq, mac));
  if (headSeq < seq || !holds) return { ok: false, seq, reason: "the head does not match the last entry" };
  return { ok: true, entries: seq };
}

/**
 * Whether the log once was at `mark` and isn't any more: its ledger was put back from an older copy. In words, or undefined.
 * @param entryAt the log's entry of that number, if it has one.
 */
export function rolledBack(
  mark: AuditHead | undefined,
  { head, entryAt, seals }: { head: AuditHead | undefined; entryAt: AuditEntry | undefined; seals: Seals },
): string | undefined {
  if (mark === undefined || !sameText(mark.seal, seals.head(mark.seq, mark.mac))) return undefined; // nobody's word
  if (entryAt !== undefined && sameText(entryAt.mac, mark.mac)) return undefined;
  const now = entryAt === undefined ? `it ends at entry ${head?.seq ?? 0}` : "that entry is another one";
  const why = "the ledger was put back from an older copy, or its last entries were lost with the power";
  return `the audit log had come to entry ${mark.seq}, and ${now}: ${why}`;
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
