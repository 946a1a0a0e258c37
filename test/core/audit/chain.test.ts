// Somebody with write access to the ledger's file, and without the key, changes the audit log: whatever they do, the
// verification says so and says where.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import t, { type Test } from "tap";
import { openSqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeSeals, verifyChain } from "../../../runtime/core/audit/chain.ts";
import { handClock } from "../leases/world.ts";

const key = new Uint8Array(32).fill(7);
const entries = 12;

async function writeLog(t: Test, count = entries): Promise<string> {
  const path = join(t.testdir(), "ledger.db");
  const clock = handClock();
  const store = openSqliteStore({ path, clock, random: systemRandom, seals: makeSeals(key) });
  for (let n = 1; n <= count; n += 1) {
    await store.commit([
      { audit: { type: "allow", runId: `run ${n}`, capability: "files.read", target: `/data/${n}` } },
    ]);
    await clock.advance(1_000);
  }
  await store.close();
  return path;
}

/** With the triggers out of the way, as anyone can who has the file. */
function tamper(path: string, statements: string): void {
  const db = new DatabaseSync(path);
  db.exec("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;");
  db.exec(statements);
  db.close();
}

async function verify(path: string, withKey = key, pageEntries = 5) {
  const seals = makeSeals(withKey);
  const store = openSqliteStore({ path, clock: handClock(), random: systemRandom, seals });
  try {
    return verifyChain((from) => store.auditEntries(from, pageEntries), store.auditHead(), seals);
  } finally {
    await store.close();
  }
}

const copyHead = (seq: number) =>
  `UPDATE audit_head SET seq = ${seq}, mac = (SELECT mac FROM audit WHERE seq = ${seq});`;
const move = (from: number, to: number) => `UPDATE audit SET seq = ${to} WHERE seq = ${from};`;

const attacks: Record<string, { sql: string; seq: number; reason: RegExp }> = {
  "an event's text was altered": {
    sql: `UPDATE audit SET event = replace(event, '/data/4', '/data/5') WHERE seq = 4`,
    seq: 4,
    reason: /entry 4 was altered/,
  },
  "an event was replaced by no JSON": { sql: `UPDATE audit SET event = 'x' WHERE seq = 4`, seq: 4, reason: /entry 4/ },
  "an event got a field more": {
    sql: `UPDATE audit SET event = json_set(event, '$.detail', 'approved') WHERE seq = 4`,
    seq: 4,
    reason: /entry 4 was altered/,
  },
  "an event lost a field": {
    sql: `UPDATE audit SET event = json_remove(event, '$.target') WHERE seq = 4`,
    seq: 4,
    reason: /entry 4 was altered/,
  },
  "a time was altered": {
    sql: `UPDATE audit SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 4`,
    seq: 4,
    reason: /entry 4 was altered/,
  },
  "a digest was altered": { sql: `UPDATE audit SET mac = upper(mac) WHERE seq = 4`, seq: 4, reason: /entry 4/ },
  "a digest was cut": { sql: `UPDATE audit SET mac = substr(mac, 1, 8) WHERE seq = 4`, seq: 4, reason: /entry 4/ },
  "a digest was copied from its neighbour": {
    sql: `UPDATE audit SET mac = (SELECT mac FROM audit WHERE seq = 3) WHERE seq = 4`,
    seq: 4,
    reason: /entry 4/,
  },
  "the first entry was removed": { sql: `DELETE FROM audit WHERE seq = 1`, seq: 1, reason: /entry 1 is missing/ },
  "an entry was removed": { sql: `DELETE FROM audit WHERE seq = 6`, seq: 6, reason: /entry 6 is missing/ },
  "an entry was removed, and the rest moved up": {
    sql: `DELETE FROM audit WHERE seq = 6; ${[7, 8, 9, 10, 11, 12].map((n) => move(n, n - 1)).join("")} ${copyHead(11)}`,
    seq: 6,
    reason: /entry 6 was altered, moved or inserted/,
  },
  "two entries changed places": {
    sql: `${move(5, 99)}${move(6, 5)}${move(99, 6)}`,
    seq: 5,
    reason: /entry 5 was altered, moved or inserted/,
  },
  "an entry was inserted": {
    sql: `${[12, 11, 10, 9, 8].map((n) => move(n, n + 1)).join("")}
      INSERT INTO audit SELECT 8, at, event, mac FROM audit WHERE seq = 7; ${copyHead(13)}`,
    seq: 8,
    reason: /entry 8 was altered, moved or inserted/,
  },
  "an entry was put at the end": {
    sql: `INSERT INTO audit SELECT 13, at, event, mac FROM audit WHERE seq = 12`,
    seq: 13,
    reason: /entry 13 was altered, moved or inserted/,
  },
  "the last entry was cut off": {
    sql: `DELETE FROM audit WHERE seq = 12`,
    seq: 12,
    reason: /the last 1 entries are missing/,
  },
  "the last five were cut off": {
    sql: `DELETE FROM audit WHERE seq > 7`,
    seq: 8,
    reason: /the last 5 entries are missing/,
  },
  "all were cut off": { sql: `DELETE FROM audit`, seq: 1, reason: /the last 12 entries are missing/ },
  "the last entry was cut off, and the head moved back to it": {
    sql: `DELETE FROM audit WHERE seq = 12; ${copyHead(11)}`,
    seq: 11,
    reason: /head does not match/,
  },
  "all were cut off, and the head with them moved to none": {
    sql: `DELETE FROM audit; UPDATE audit_head SET seq = 0, mac = ''`,
    seq: 0,
    reason: /head does not match/,
  },
  "the head was removed": { sql: `DELETE FROM audit_head`, seq: 12, reason: /head does not match/ },
  "the head's digest was replaced": { sql: `UPDATE audit_head SET mac = seal`, seq: 12, reason: /head does not match/ },
  "the head's seal was replaced": { sql: `UPDATE audit_head SET seal = mac`, seq: 12, reason: /head does not match/ },
  "the head was moved forward": {
    sql: `UPDATE audit_head SET seq = 20`,
    seq: 13,
    reason: /the last 8 entries are missing/,
  },
};

for (const [what, { sql, seq, reason }] of Object.entries(attacks)) {
  t.test(`${what}: found, and named`, async (t) => {
    const path = await writeLog(t);
    tamper(path, sql);
    t.match(await verify(path), { ok: false, seq, reason });
  });
}

t.test("an untouched log holds, whatever the size of the pages in which it is read", async (t) => {
  const path = await writeLog(t);
  for (const page of [1, 5, 11, 12, 13, 1_000]) t.same(await verify(path, key, page), { ok: true, entries });
});

t.test("a log that was never written to holds", async (t) => {
  t.same(await verify(await writeLog(t, 0)), { ok: true, entries: 0 });
});

t.test("a log that somebody rewrote from the start with a key of their own", async (t) => {
  const path = await writeLog(t);
  const theirs = new Uint8Array(32).fill(8);
  t.match(await verify(path, theirs), { ok: false, seq: 1 });
});
