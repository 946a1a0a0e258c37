// The ledger when its file is shared, damaged, too new, read-only, or on a disk that is full. Each fault is a real one.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { openSqliteStore, type SqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { schemaVersion, steps } from "../../../runtime/adapters/stores/sqlite-schema.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeLeases } from "../../../runtime/compose/leases.ts";
import { makeSeals, verifyChain } from "../../../runtime/core/audit/chain.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { RunId } from "../../../runtime/model/ids.ts";
import { openBox } from "../../../runtime/testkit/open-box.ts";
import { handClock, leaseOf, newRunId, owner, requestFor, rowOf, scriptedIssuer } from "../../core/leases/world.ts";
import { smallDisk } from "../../support/small-disk.ts";

const seals = makeSeals(new Uint8Array(32));
const open = (path: string) => openSqliteStore({ path, clock: handClock(), random: systemRandom, seals });
const verdictOf = (store: SqliteStore) =>
  verifyChain((from) => store.auditEntries(from, 100), store.auditHead(), seals);

/** A child process with a store `store` at `path`, and `body` to run. */
function childAt(path: string, body: string): string[] {
  const part = (file: string) => JSON.stringify(new URL(`../../../runtime/${file}`, import.meta.url).href);
  const script = `
    import { openSqliteStore } from ${part("adapters/stores/sqlite.ts")};
    import { makeSeals } from ${part("core/audit/chain.ts")};
    import { systemClock as clock } from ${part("adapters/system/clock.ts")};
    import { systemRandom as random } from ${part("adapters/system/random.ts")};
    const store = openSqliteStore({ path: ${JSON.stringify(path)}, clock, random, seals: makeSeals(new Uint8Array(32)) });
    ${body}
    await store.close();`;
  return ["--input-type=module", "-e", script];
}

const cwd = fileURLToPath(new URL("../../..", import.meta.url));

t.test("two processes on one file: the chain stays one chain, and each one's order holds", async (t) => {
  const path = join(t.testdir(), "ledger.db");
  open(path).close();
  const body = `for (let n = 0; n < 100; n += 1) await store.commit([{ audit: { type: "alert", job: process.argv[1], detail: String(n) } }]);`;
  const children = ["a", "b"].map((name) =>
    spawn(process.execPath, [...childAt(path, body), name], { cwd, stdio: "inherit" }),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  t.same(codes, [0, 0]);
  const store = open(path);
  t.teardown(() => store.close());
  t.same(verdictOf(store), { ok: true, entries: 200 });
  const entries = store.auditEntries(1, 1_000);
  for (const name of ["a", "b"]) {
    const details = entries.filter(({ event }) => event.job === name).map(({ event }) => Number(event.detail));
    t.same(
      details,
      Array.from({ length: 100 }, (_, n) => n),
    );
  }
});

t.test("two processes with the same key: one run", async (t) => {
  const path = join(t.testdir(), "ledger.db");
  open(path).close();
  const row = JSON.stringify(rowOf(newRunId(), "x", "accepted"));
  const body = `
    const row = ${row}; const seen = [];
    for (let n = 0; n < 50; n += 1) {
      row.record = { ...row.record, id: "run_" + Buffer.from(random.bytes(16)).toString("hex") };
      seen.push((await store.accept(row, "key " + n, [])).outcome);
    }
    console.log(seen.filter((outcome) => outcome === "accepted").length);`;
  const children = ["a", "b"].map(() =>
    spawn(process.execPath, childAt(path, body), { cwd, stdio: ["ignore", "pipe", "inherit"] }),
  );
  const counts = await Promise.all(children.map(async ({ stdout }) => Number(Buffer.concat(await stdout.toArray()))));
  t.equal((counts[0] ?? 0) + (counts[1] ?? 0), 50);
  const store = open(path);
  t.equal(store.runs(1_000).length, 50);
  await store.close();
});

async function writtenLedger(t: Test): Promise<string> {
  const path = join(t.testdir(), "ledger.db");
  const store = open(path);
  for (let n = 0; n < 60; n += 1) {
    const row = rowOf(newRunId(), "me", "running", { input: JSON.stringify("x".repeat(3_000)) });
    await store.commit([{ put: "run", row }, { audit: { type: "alert", detail: "y".repeat(500) } }]);
  }
  await store.close(); // the last one to close writes the WAL into the file
  return path;
}

t.test("a file that is no ledger is refused, kept, and never overwritten", async (t) => {
  const path = join(t.testdir(), "ledger.db");
  writeFileSync(path, "this was a shopping list\n".repeat(500));
  const before = readFileSync(path);
  t.throws(() => open(path), { code: "store_corrupt", found: /ledger\.db/, next: /never start from an empty one/ });
  t.ok(readFileSync(path).equals(before));
});

t.test("a ledger whose first page is damaged is refused", async (t) => {
  const path = await writtenLedger(t);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, 0);
  closeSync(file);
  t.throws(() => open(path), { code: "store_corrupt" });
});

t.test("a ledger that was cut off is found corrupt, at the latest when it is read", async (t) => {
  const path = await writtenLedger(t);
  truncateSync(path, Math.floor(statSync(path).size / 8_192) * 4_096);
  t.throws(
    () => {
      const store = open(path);
      store.runs(1_000);
      store.auditEntries(1, 1_000);
    },
    { code: "store_corrupt" },
  );
});

t.test("damaged pages in the middle are found when they are read, and never passed off as data", async (t) => {
  const whole = await writtenLedger(t);
  const size = statSync(whole).size;
  let found = 0;
  for (let page = 20; page * 4_096 < size; page += 10) {
    const path = `${whole}.damaged`;
    for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
    copyFileSync(whole, path);
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, page * 4_096);
    closeSync(file);
    try {
      const store = open(path);
      const verdict = verdictOf(store);
      const { length } = store.runs(1_000);
      if (!verdict.ok) found += 1;
      else t.equal(length, 60, "what could be read is whole");
      await store.close();
    } catch (error) {
      t.match(error, { code: "store_corrupt" });
      found += 1;
    }
  }
  t.ok(found > 0);
});

t.test("a record that is no JSON is a corrupt ledger", async (t) => {
  const path = await writtenLedger(t);
  const db = new DatabaseSync(path);
  db.exec("UPDATE runs SET record = '{' WHERE rowid = 3");
  db.close();
  const store = open(path);
  t.throws(() => store.runs(1_000), { code: "store_corrupt" });
  await store.close();
});

t.test("[CRASH-08] a ledger of a newer version is refused: we would not know its leases", async (t) => {
  const path = await writtenLedger(t);
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA user_version = ${schemaVersion + 1}`);
  db.close();
  t.throws(() => open(path), { code: "store_corrupt", found: `schema ${schemaVersion + 1}`, next: /newer Mayfly/ });
});

/** A ledger as the first version of its tables had it, with an owner and an open lease of that time. */
function ledgerOfVersionOne(path: string): RunId {
  const runId = newRunId();
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; ${steps[0]}; PRAGMA user_version = 1`);
  db.prepare("INSERT INTO meta (key, value) VALUES ('installation', '0badcafe')").run();
  db.prepare("INSERT INTO owners (id, owner) VALUES ('old', ?)").run(JSON.stringify(owner("old")));
  const lease = leaseOf(runId, "issued");
  const row = db.prepare("INSERT INTO leases (run_id, state, intended_at, lease) VALUES (?, 'issued', 1, ?)");
  row.run(runId, JSON.stringify(lease));
  db.close();
  return runId;
}

t.test(
  "[CRASH-15] a ledger of version 1 is brought on: its leases are there, and its owners can be fenced off",
  async (t) => {
    const path = join(t.testdir(), "ledger.db");
    const runId = ledgerOfVersionOne(path);
    const store = open(path);
    t.teardown(() => store.close());
    t.equal(store.installation, "0badcafe");
    t.match(store.openLeases(), [{ runId, state: "issued" }]);
    t.match(store.owners(), [{ id: "old", fence: 0 }], "of a process that knows no numbers");
    await store.register(owner("new", "run"), () => true);
    t.equal(store.owners().find(({ id }) => id === "new")?.fence, 1);
    store.fence();
  },
);

t.test("a process of version 1 that is still there registers and commits as before", async (t) => {
  const path = join(t.testdir(), "ledger.db");
  ledgerOfVersionOne(path);
  const old = new DatabaseSync(path);
  const register = old.prepare("INSERT INTO owners (id, owner) VALUES (?, ?)");
  await open(path).close();
  register.run("older", JSON.stringify(owner("older")));
  old.close();
  const store = open(path);
  t.same(
    store
      .owners()
      .map(({ id }) => id)
      .sort(),
    ["old", "older"],
  );
  await store.close();
});

t.test("[CRASH-15] a step that is interrupted has not happened: the next process takes it", async (t) => {
  const path = join(t.testdir(), "ledger.db");
  ledgerOfVersionOne(path);
  const script = `
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(${JSON.stringify(path)});
    db.exec("BEGIN IMMEDIATE; " + ${JSON.stringify(steps[1])});
    process.kill(process.pid, "SIGKILL");`;
  const killed = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  t.equal(killed.signal, "SIGKILL", killed.stderr);
  const store = open(path);
  t.match(store.owners(), [{ id: "old", fence: 0 }]);
  await store.close();
});

t.test("two processes that bring on the same ledger at once: one does it, and both go on", async (t) => {
  const path = join(t.testdir(), "ledger.db");
  ledgerOfVersionOne(path);
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, childAt(path, "store.owners();"), { cwd, stdio: "inherit" }),
  );
  t.same(await Promise.all(children.map(async (child) => (await once(child, "exit"))[0])), [0, 0, 0]);
});

t.test("a directory that isn't there, or is no place for a file: store_unavailable with the path", (t) => {
  t.throws(() => open(join(t.testdir(), "nowhere", "ledger.db")), { code: "store_unavailable", found: /nowhere/ });
  t.throws(() => open(t.testdir()), { code: "store_unavailable" });
  t.end();
});

t.test("a commit after the ledger was closed is refused, and takes the process nowhere", async (t) => {
  const store = open(join(t.testdir(), "ledger.db"));
  await store.close();
  await t.rejects(store.commit([{ audit: { type: "alert" } }]), { code: "store_unavailable" });
  await store.close();
});

t.test("[CRASH-08] a ledger on a read-only disk is refused, and not as an empty one", async (t) => {
  const disk = smallDisk(t, 4_194_304);
  if (disk === undefined) return t.plan(0, "no tmpfs can be mounted");
  const path = join(disk.directory, "ledger.db");
  const store = open(path);
  await store.commit([{ audit: { type: "alert" } }]);
  await store.close();
  t.equal(spawnSync("mount", ["-o", "remount,ro", disk.directory]).status, 0);
  await t.rejects(
    async () => {
      const readOnly = open(path);
      await readOnly.commit([{ audit: { type: "alert" } }]).finally(() => readOnly.close());
    },
    { code: "store_unavailable" },
  );
});

t.test("[CRASH-08] a ledger that another process holds locked is not waited for without end", async (t) => {
  const path = await writtenLedger(t);
  const store = open(path);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  await t.rejects(store.commit([{ audit: { type: "alert" } }]), { code: "store_unavailable", found: /locked/ });
  other.exec("ROLLBACK");
  await store.commit([{ audit: { type: "alert" } }]);
  t.same(verdictOf(store), { ok: true, entries: 61 });
  await store.close();
  other.close();
});

t.test(
  "a full disk: no credential is issued without its record, nothing is lost, and it goes on once there is space",
  async (t) => {
    const disk = smallDisk(t, 2_097_152);
    if (disk === undefined) return t.plan(0, "no tmpfs can be mounted");
    const path = join(disk.directory, "ledger.db");
    const clock = handClock();
    const store = openSqliteStore({ path, clock, random: systemRandom, seals });
    t.teardown(() => store.close().catch(() => undefined));
    const issuer = scriptedIssuer();
    const leases = { store, clock, random: systemRandom, box: openBox, onAlert: () => undefined };
    const { broker } = makeLeases({ ...leases, issuer: async () => issuer });
    const running = newRunId();
    await broker.acquire(requestFor(running, clock));

    disk.fill();
    const kept: string[] = [];
    const full = await untilItFails(async (detail) => {
      await store.commit([{ audit: { type: "alert", detail } }]);
      kept.push(detail);
    });
    t.match(full, { code: "store_unavailable", next: /free space/ });
    await t.rejects(broker.acquire(requestFor(newRunId(), clock)), { code: "issuer_unavailable" });
    t.equal(issuer.asked.filter((what) => what === "issue").length, 1, "the issuer was not asked");
    await t.rejects(store.accept(rowOf(newRunId(), "me", "accepted"), "key", []), { code: "store_unavailable" });
    await t.rejects(broker.end(running), { code: "store_unavailable" });
    t.equal(issuer.live.size, 0, "what was live is revoked without a disk");

    disk.free();
    await store.commit([{ audit: { type: "alert", detail: "space again" } }]);
    const details = store.auditEntries(1, 100_000).map(({ event }) => event.detail);
    for (const detail of kept) if (!details.includes(detail)) t.fail(`${detail} was said to be kept`);
    t.equal(details.at(-1), "space again");
    t.equal(verdictOf(store).ok, true);
    // The same minute, second by second: the disk is a real one, and what waits for it is answered before the clock goes on.
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1_000);
      await store.commit([{ audit: { type: "alert", detail: `second ${second}` } }]);
    }
    t.match(store.lease(running), { state: "revoked" }, "and is proven dead in the ledger too");
  },
);

t.test("[CRASH-10] a write error in the middle of a commit loses nothing that was kept (file size limit)", (t) => {
  const path = join(t.testdir(), "ledger.db");
  const body = `
    let kept = 0, code = "";
    try {
      for (;;) {
        await store.commit([{ audit: { type: "alert", detail: "z".repeat(2_000) } }]);
        kept += 1;
      }
    } catch (error) { code = error.code; }
    console.log(JSON.stringify({ kept, code, readable: store.auditEntries(1, 100_000).length }));`;
  const prlimit = spawnSync("prlimit", ["--fsize=300000", process.execPath, ...childAt(path, body)], {
    cwd,
    encoding: "utf8",
  });
  if (prlimit.error !== undefined) return t.plan(0, "no prlimit on this machine");
  const { kept, code, readable } = JSON.parse(prlimit.stdout) as { kept: number; code: string; readable: number };
  t.equal(code, "store_unavailable", prlimit.stderr);
  t.equal(readable, kept);
  const store = open(path);
  t.same(verdictOf(store), { ok: true, entries: kept });
  void store.close();
  t.end();
});

async function untilItFails(act: (detail: string) => Promise<void>): Promise<MayflyError> {
  for (let n = 0; n < 10_000; n += 1) {
    try {
      await act(`entry ${n} ${"z".repeat(1_000)}`);
    } catch (error) {
      if (error instanceof MayflyError) return error;
      throw error;
    }
  }
  throw new Error("the disk never got full");
}
