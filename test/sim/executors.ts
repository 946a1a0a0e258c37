// Executors with jobs in them, behind the protocol of the channel: a job asks for its credential, keeps what it gets and
// goes on using it, and ends, fails, hangs, crashes or talks nonsense. They are processes of their own: some outlive the
// supervisor that made them, until they are killed.
import { MayflyError } from "../../runtime/model/error.ts";
import type { ExecutorExit, ExecutorPool, ExecutorProcess } from "../../runtime/ports/executor-process.ts";
import type { Frame } from "../../runtime/protocol/frame.ts";
import type { Machine } from "./clockwork.ts";
import { checkHandOver, checkRefusal } from "./invariants.ts";
import type { Simulation } from "./world.ts";

export interface ModelExecutor {
  readonly pid: number;
  readonly machine: Machine;
  alive: boolean;
  die(signal: string): void;
}

const nothing = new Uint8Array(0);
const endings = ["done", "done", "done", "failed", "crash", "hang", "garbage"] as const;

export function makeModelPool(sim: Simulation, machine: Machine): ExecutorPool {
  const { work } = sim;
  return {
    giveBack: async () => false,
    take: () =>
      new Promise((resolve, reject) => {
        work.after(work.between(1, 60), machine, () => {
          if (!work.chance(0.02)) resolve(makeExecutor(sim, machine));
          else reject(new MayflyError({ code: "executor_unavailable", message: "no executor can be had" }));
        });
      }),
    keepWarm: () => undefined,
    close: async () => undefined,
  };
}

/** For recovery, as adapters/system/process-identity.ts does it. */
export function killModelExecutor(sim: Simulation, machine: Machine, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    sim.work.after(sim.work.between(1, 30), machine, () => {
      sim.executors.get(pid)?.die("SIGKILL");
      resolve(true);
    });
  });
}

function makeExecutor(sim: Simulation, machine: Machine): ExecutorProcess {
  const { work } = sim;
  const pid = sim.executors.size + 1_000;
  const { promise: exited, resolve: exit } = Promise.withResolvers<ExecutorExit>();
  let hear: (frame: Frame) => void = () => undefined;
  let garbage: (reason: string) => void = () => undefined;
  const model: ModelExecutor = {
    pid,
    machine,
    alive: true,
    die(signal) {
      if (!model.alive) return;
      model.alive = false;
      work.after(1, machine, () => exit({ code: null, signal, outOfMemory: false, stderr: "" }));
    },
  };
  sim.executors.set(pid, model);
  const up = (frame: Frame) => void work.after(work.between(0, 2), machine, () => hear(frame));
  const job = makeJob(sim, model, up, (reason) => void work.after(1, machine, () => garbage(reason)));
  return {
    pid,
    startTicks: pid,
    layers: [],
    send: (frame) => void work.after(work.between(0, 2), null, () => model.alive && job.receive(frame)),
    renew: async () => false,
    drained: async () => undefined,
    listen: () => undefined,
    onFrame(listener) {
      hear = listener;
    },
    onGarbage(listener) {
      garbage = listener;
    },
    watch: () => undefined,
    usage: () => ({ cpuMs: 1, rssBytesPeak: 1 }),
    exited,
    kill: () =>
      new Promise((resolve) => {
        work.after(work.between(2, 25), machine, () => {
          model.die("SIGKILL");
          resolve(true);
        });
      }),
  };
}

function makeJob(
  sim: Simulation,
  model: ModelExecutor,
  up: (frame: Frame) => void,
  babble: (reason: string) => void,
): { receive(frame: Frame): void } {
  const { work } = sim;
  const answers = new Map<number, string>();
  let runId = "";
  let calls = 0;
  let callsLeft = work.between(0, 4);
  const ending = work.pick(endings);

  function call(op: string, args: Record<string, unknown>): void {
    calls += 1;
    answers.set(calls, op);
    up({ header: { type: "call", id: calls, op, args }, body: nothing });
  }

  function goOn(): void {
    if (!model.alive) return;
    if (callsLeft > 0) {
      callsLeft -= 1;
      const waitMs = work.pick([1, 20, 500, 4_000, 9_000]);
      work.after(waitMs, null, () => {
        if (!model.alive) return;
        if (work.chance(0.3)) call("credential.query", { sql: "select 1", params: [] });
        else call("credential.fetch", {});
      });
      return;
    }
    work.after(work.pick([1, 300, 3_000]), null, () => model.alive && end());
  }

  function end(): void {
    if (ending === "done") up({ header: { type: "done" }, body: new TextEncoder().encode("1") });
    else if (ending === "failed")
      up({ header: { type: "failed", name: "Error", message: "no", stack: "", kind: "threw" }, body: nothing });
    else if (ending === "crash") model.die("SIGSEGV");
    else if (ending === "garbage") babble("header is no JSON");
  }

  return {
    receive({ header }) {
      if (header.type === "launch") {
        runId = String(header.runId);
        goOn();
      }
      if (header.type !== "reply" || typeof header.id !== "number" || header.id === 0) return;
      const op = answers.get(header.id);
      const value = (header.value as { value?: unknown } | undefined)?.value;
      if (header.ok === true && op === "credential.fetch" && typeof value === "string") checkHandOver(sim, runId);
      if (header.ok !== true) checkRefusal(sim, runId, header.error as { code: string });
      goOn();
    },
  };
}
