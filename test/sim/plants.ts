// Faults that are planted into the product, each where a port passes by: what the simulation must find. A simulation that
// finds nothing in these would find nothing in us.
import type { SqliteStore } from "../../runtime/adapters/stores/sqlite.ts";
import type { Leases } from "../../runtime/compose/leases.ts";
import type { CredentialIssuer } from "../../runtime/ports/credential-issuer.ts";
import type { Change } from "../../runtime/ports/store.ts";
import type { Machine } from "./clockwork.ts";
import type { Simulation } from "./world.ts";

export interface Plant {
  store?: (store: SqliteStore, sim: Simulation, machine: Machine) => SqliteStore;
  issuer?: (issuer: CredentialIssuer, sim: Simulation) => CredentialIssuer;
  leases?: (leases: Leases, sim: Simulation) => Leases;
  issuerNames?: readonly string[];
}

const putsLease = (state: string) => (change: Change) =>
  "put" in change && change.put === "lease" && change.lease.state === state;

/** Says that it is written, and writes it a second later. */
function written(later: (change: Change) => boolean): NonNullable<Plant["store"]> {
  return (store, sim, machine) => ({
    ...store,
    async commit(changes) {
      if (!changes.some(later)) return store.commit(changes);
      sim.work.after(1_000, machine, () => void store.commit(changes).catch(() => undefined));
    },
  });
}

export const plants: Readonly<Record<string, Plant>> = {
  "revoke-only-marks": {
    issuer: (issuer) => ({
      ...issuer,
      revoke: async () => undefined,
      prove: async () => ({ verdict: "dead", how: "it was told to" }),
    }),
  },
  "proof-is-not-asked-for": {
    issuer: (issuer) => ({
      ...issuer,
      revoke: (lease, signal) => issuer.revoke(lease, signal).catch(() => undefined),
      prove: async () => ({ verdict: "dead", how: "surely" }),
    }),
  },
  "intent-after-issue": { store: written(putsLease("intended")) },
  "issue-is-not-in-the-audit": {
    store: (store) => ({
      ...store,
      commit: (changes) =>
        store.commit(changes.filter((each) => !("audit" in each && each.audit.type === "lease.issued"))),
    }),
  },
  "recovery-skips-an-issuer": {
    store: (store) => ({ ...store, openLeases: () => store.openLeases().filter(({ issuer }) => issuer !== "beta") }),
    leases: ({ broker, revoker }) => ({
      broker,
      revoker: {
        ...revoker,
        end: async (lease, order) =>
          order.reason === "its process died" && lease.issuer === "beta" ? lease : revoker.end(lease, order),
      },
    }),
    issuerNames: ["alpha"],
  },
  "end-of-a-run-forgets-its-lease": {
    leases: ({ broker, revoker }) => ({ broker: { ...broker, end: async () => undefined }, revoker }),
  },
  "handle-is-not-noted": {
    issuer: (issuer) => ({
      ...issuer,
      issue: (request, signal) => issuer.issue(request, signal, async () => undefined),
    }),
  },
  "no-fence": {
    store: (store) => ({ ...store, fenceOff: async () => undefined, fence: () => undefined }),
  },
  "slots-without-a-key": {
    store: (store) => ({ ...store, accept: (row, _key, changes) => store.accept(row, null, changes) }),
  },
  "secret-in-the-audit": {
    store: (store, sim) => ({
      ...store,
      commit: (changes) =>
        store.commit(
          changes.map((change) =>
            "audit" in change && change.audit.type === "lease.issued"
              ? { audit: { ...change.audit, detail: [...sim.secrets].at(-1) ?? "" } }
              : change,
          ),
        ),
    }),
  },
  "dead-owners-are-never-forgotten": {
    store: (store, _sim, machine) => ({
      ...store,
      unregister: (id) => (id === machine.id ? store.unregister(id) : Promise.resolve()),
    }),
  },
};
