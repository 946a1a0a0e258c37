// How far the audit log has come, noted beside the ledger, so that a ledger which is put back from an older copy shows. The
// note is the log's head, sealed with the audit key as the head itself is. It is a moment behind, and never ahead.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { AuditHead } from "../../model/audit-event.ts";

export interface AuditMark {
  /** The last one that was noted; undefined without one, and for one that can't be read. */
  read(): AuditHead | undefined;
  /** Notes it, if it isn't the one that is noted. @throws Error of the file system */
  write(head: AuditHead): void;
}

export function makeAuditMark(path: string): AuditMark {
  let noted = -1;
  return {
    read() {
      try {
        const { seq, mac, seal } = JSON.parse(readFileSync(path, "utf8"));
        const isHead = Number.isSafeInteger(seq) && typeof mac === "string" && typeof seal === "string";
        return isHead ? { seq, mac, seal } : undefined;
      } catch {
        return undefined; // not there yet, or lost with the power: it was never synced
      }
    },
    write(head) {
      if (head.seq === noted) return;
      const unfinished = `${path}.${process.pid}`;
      try {
        writeFileSync(unfinished, JSON.stringify(head), { mode: 0o600 });
        renameSync(unfinished, path);
      } catch (error) {
        rmSync(unfinished, { force: true });
        throw error;
      }
      noted = head.seq;
    },
  };
}
