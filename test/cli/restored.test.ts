// A backup is put back: yesterday's ledger knows nothing of what was issued since, and takes for open what has long been
// ended. Nothing of that may live again, and the log says what happened.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import t from "tap";
import type { RunId } from "../../runtime/model/ids.ts";
import { ledgerOf, mayfly, type Project } from "../support/cli.ts";
import { holding, holdingProject, vaultProject } from "../support/holding.ts";
import { recordAtEnd, startMayfly } from "../support/start.ts";
import { openPostgresWorld } from "../worlds/postgres.ts";

/** A copy of the ledger as a backup program makes it, while it is used. */
function backUp(here: Project): string {
  const file = join(here.directory, "backup.db");
  const db = new DatabaseSync(join(here.state, "ledger.db"));
  db.exec(`VACUUM INTO '${file}'`);
  db.close();
  return file;
}

function putBack(here: Project, file: string): void {
  for (const end of ["-wal", "-shm"]) rmSync(join(here.state, `ledger.db${end}`), { force: true });
  cpSync(file, join(here.state, "ledger.db"));
}

async function restoredTypes(here: Project): Promise<string[]> {
  const { store } = ledgerOf(here);
  const found = store.auditEntries(1, 10_000).map(({ event }) => event.type);
  await store.close();
  return found.filter((type) => type === "ledger.restored");
}

t.test(
  "[CRASH-16] yesterday's ledger: its lease is ended anew, the one that it doesn't know too, and the log says it",
  async (t) => {
    const world = await openPostgresWorld();
    t.teardown(() => world.stop());
    const here = await holdingProject(t, world);
    const admin = new Client({ connectionString: world.env.WORLD_PG_URL });
    await admin.connect();
    t.teardown(() => admin.end());
    const hasRole = async (runId: string) => {
      const text = "SELECT 1 FROM pg_roles WHERE rolname LIKE 'mayfly\\_%\\_' || $1";
      return (await admin.query(text, [runId.replace("run_", "")])).rows.length === 1;
    };

    const first = await startMayfly(t, here, { env: world.env });
    const known = await holding(t, here);
    const backup = backUp(here);
    await first.client.kill(known);
    await recordAtEnd(first.client, known);
    const unknown = await holding(t, here);
    first.signal("SIGKILL");
    await first.ended;
    t.same([await hasRole(known), await hasRole(unknown)], [false, true]);

    putBack(here, backup);
    const second = await startMayfly(t, here, { env: world.env });
    t.match(
      second.stderr(),
      /warning: the audit log had come to entry \d+, and it ends at entry \d+: the ledger was put back/,
    );
    t.same(
      [await hasRole(known), await hasRole(unknown)],
      [false, false],
      "the old one did not rise again, and the one that no record names was found at its issuer",
    );
    const { store } = ledgerOf(here);
    t.match(store.lease(known as RunId), { state: "revoked" });
    t.match(store.lease(unknown as RunId), { state: "revoked" });
    await store.close();
    t.same(await restoredTypes(here), ["ledger.restored"]);
    t.match(await mayfly(t, here, ["audit", "verify"]), { code: 0, stdout: /unbroken/ });
    const third = await holding(t, here);
    await second.client.kill(third);
    t.match(await recordAtEnd(second.client, third), { lease: { state: "revoked" } });
    second.signal("SIGTERM");
    await second.ended;
    await startMayfly(t, here, { env: world.env });
    t.same(await restoredTypes(here), ["ledger.restored"], "told once");
  },
);

t.test("[CRASH-16] a ledger that nobody put back isn't said to be, however its process ended (twin)", async (t) => {
  const { world, here } = await vaultProject(t);
  for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"] as const) {
    const started = await startMayfly(t, here, { env: world.env });
    await holding(t, here);
    started.signal(signal);
    if (signal === "SIGTERM") started.signal("SIGINT");
    if (signal === "SIGTERM") started.signal("SIGINT");
    await started.ended;
  }
  t.same(await restoredTypes(here), []);
  const { store } = ledgerOf(here);
  t.ok((store.auditHead()?.seq ?? 0) > 10, "and yet there was much to put back");
  await store.close();
});
