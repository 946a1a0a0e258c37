// The order of a teardown: whose power goes first, and that nothing which hangs holds the kill back. The parts are
// scripted: what is under test is when each of them is asked.
import t from "tap";
import type { Gate } from "../../../runtime/core/capabilities/gate.ts";
import type { Ending } from "../../../runtime/core/scheduler/endings.ts";
import { type TeardownParts, tearDown } from "../../../runtime/core/scheduler/teardown.ts";
import type { Lease } from "../../../runtime/model/lease.ts";

interface Script {
  ending: Ending["state"];
  /** When the lease's end is known. */
  lease: Promise<Lease | undefined>;
  /** What becomes of the executor where the config lets it serve again; by default it does not. */
  keep?: () => Promise<boolean>;
}

/** What was asked, in order, and the timers that wait. */
function scripted({ ending, lease, keep = async () => false }: Script) {
  const asked: string[] = [];
  const timers: { delayMs: number; call: () => void }[] = [];
  const ask = <T>(name: string, answer?: T): T => {
    asked.push(name);
    return answer as T;
  };
  const parts = {
    order: { id: "run_x", spec: { grants: { credential: {}, identity: null } } },
    parts: {
      clock: { setTimer: (delayMs: number, call: () => void) => timers.push({ delayMs, call }) },
      broker: { end: () => ask("lease", lease) },
      archive: { collect: async () => ask("outputs", []) },
      onEvent: () => {},
    },
    held: {
      executor: { kill: async () => ask("kill", true) },
      tree: { destroy: async () => ask("directory", true) },
    },
    gate: { shut: () => ask("gate") } as unknown as Gate,
    client: { close: async () => ask("sockets") },
    outputs: async () => [],
    ending: { state: ending, result: null, error: null },
    keep: () => ask("keep", keep()),
  } as unknown as TeardownParts;
  return { asked, timers, done: tearDown(parts) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const revoked = { issuer: "p", state: "revoked", proof: "dead" } as Lease;

t.test("a job that has succeeded: its lease goes first, and the kill follows when it is dead", async (t) => {
  const { promise, resolve } = Promise.withResolvers<Lease>();
  const { asked, done } = scripted({ ending: "succeeded", lease: promise });
  await turn();
  t.same(asked, ["gate", "lease"], "the process is still there");
  resolve(revoked);
  const { teardown } = await done;
  t.same(asked, ["gate", "lease", "keep", "kill", "sockets", "outputs", "directory"]);
  t.same(teardown, {
    isolate: "confirmed",
    process: "confirmed",
    directory: "confirmed",
    sockets: "confirmed",
    lease: "confirmed",
  });
});

t.test("an issuer that hangs holds the kill back for 10 ms and no longer", async (t) => {
  const { promise, resolve } = Promise.withResolvers<Lease>();
  const { asked, timers, done } = scripted({ ending: "succeeded", lease: promise });
  await turn();
  t.same(
    timers.map(({ delayMs }) => delayMs),
    [10],
  );
  timers[0]?.call();
  await turn();
  t.same(asked, ["gate", "lease", "keep", "kill", "sockets", "outputs", "directory"], "all but the lease is gone");
  resolve({ ...revoked, state: "unconfirmed" });
  t.equal((await done).teardown.lease, "unconfirmed");
});

for (const ending of ["limit", "failed", "killed"] as const) {
  t.test(`a run that ended as ${ending}: the kill waits for nothing`, async (t) => {
    const { promise, resolve } = Promise.withResolvers<Lease>();
    const { asked, timers, done } = scripted({ ending, lease: promise });
    await turn();
    t.same(asked, ["gate", "lease", "kill", "sockets", "directory"]);
    t.same(timers, []);
    resolve(revoked);
    await done;
  });
}

t.test(
  "an executor that may serve its job's next run: it is given back once the lease is dead, and not killed",
  async (t) => {
    const { asked, done } = scripted({ ending: "succeeded", lease: Promise.resolve(revoked), keep: async () => true });
    const { teardown } = await done;
    t.same(asked, ["gate", "lease", "keep", "sockets", "outputs", "directory"]);
    t.match(teardown, { isolate: "confirmed", process: "none" });
  },
);

t.test("an executor that can't be given back: it is killed as any other", async (t) => {
  const keep = () => Promise.reject(new Error("its isolate doesn't end"));
  const { asked, done } = scripted({ ending: "succeeded", lease: Promise.resolve(revoked), keep });
  const { teardown } = await done;
  t.same(asked, ["gate", "lease", "keep", "kill", "sockets", "outputs", "directory"]);
  t.match(teardown, { isolate: "confirmed", process: "confirmed" });
});
