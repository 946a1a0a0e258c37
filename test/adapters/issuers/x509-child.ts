// Another process of the installation: `revoke` issues and ends certificates one after the other and tells the serial numbers
// that it missed on the list, right after each end; `hold` takes the lock and keeps it.
import { join } from "node:path";
import { makeX509Issuer } from "../../../runtime/adapters/issuers/x509.ts";
import { openAuthority } from "../../../runtime/adapters/issuers/x509-authority.ts";
import { openPublication } from "../../../runtime/adapters/issuers/x509-publication.ts";
import { withProcessLock } from "../../../runtime/adapters/stores/process-lock.ts";
import { openSqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemClock as clock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { openStateDirectory } from "../../../runtime/adapters/system/state-directory.ts";
import { openKeys } from "../../../runtime/compose/keys.ts";
import { makeSeals } from "../../../runtime/core/audit/chain.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";

export interface ChildFound {
  serials: string[];
  /** That were not on the list, though they had been ended by then. */
  missed: string[];
}

const signal = new AbortController().signal;

async function revoke(directory: string, count: number): Promise<ChildFound> {
  const state = openStateDirectory(join(directory, "state"));
  const keys = openKeys({ state, config: { provider: "file", rotationMs: 86_400_000 }, env: {} });
  const store = openSqliteStore({ path: state.ledger, clock, random, seals: makeSeals(new Uint8Array(32)) });
  const { installation, tokens: registry } = store;
  const parts = {
    ...{ name: "partner", installation, trustDomain: "a.test", keys: keys.store, clock, random, registry },
    ...{ directory: join(directory, "published"), listLifeMs: 3_600_000, probe: null },
  };
  const issuer = await makeX509Issuer(parts);
  const reader = await openPublication({ ...parts, authority: await openAuthority(parts) });
  const found: ChildFound = { serials: [], missed: [] };
  for (let done = 0; done < count; done += 1) {
    const lease = newLease();
    const asked = { lease, job: "j", tenant: "t", scope: ["a"], purpose: "p", expiresAt: clock.nowMs() + 60_000 };
    await issuer.issue(asked, signal);
    const row = registry.active("partner", clock.nowMs()).find(({ runId }) => runId === lease.runId);
    await issuer.revoke(lease, signal);
    found.serials.push(row?.jti ?? "none");
    const list = await reader.read();
    found.missed.push(...found.serials.filter((serial) => list?.entries.has(serial) !== true));
  }
  reader.close();
  await issuer.close();
  await store.close();
  await keys.close();
  return found;
}

const [, , how, directory = "", count = "0"] = process.argv;
if (how === "revoke") {
  process.send?.(await revoke(directory, Number(count)), () => process.disconnect?.());
} else {
  await withProcessLock(join(directory, "x.lock"), () => {
    process.send?.("held");
    return new Promise((resolve) => process.once("message", resolve));
  });
  process.disconnect?.();
}
