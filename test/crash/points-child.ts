// A supervisor that dies when it is told to: opens the real runtime for one issuer, recovers, runs one job at a time, and
// kills itself, or the executor, at a named point. Its parent reads what it left.
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import { openRuntime } from "../../runtime/compose.ts";
import { parseConfig, type SandboxConfig } from "../../runtime/config.ts";
import type { RunRecord } from "../../runtime/model/run.ts";
import { scriptBundle } from "../support/runs.ts";
import { issuerWithPoints, type Point, storeWithPoints } from "./points.ts";

export interface ChildOptions {
  directory: string;
  words: SandboxConfig;
  env: Record<string, string>;
  /** PEM: authorities that egress trusts beside Node's own. */
  authorities: readonly string[];
  body: string;
  /** File of what was issued. */
  log: string;
}

export interface Order {
  point: Point;
  /** Reached so many times before, and let pass. */
  after: number;
  victim: "supervisor" | "executor";
}

export type ChildSays =
  | { type: "ready"; installation: string }
  /** `reached`: somebody was killed in it. */
  | { type: "ended"; record: RunRecord; reached: boolean };

const tickEveryMs = 250;

async function main({ directory, words, env, authorities, body, log }: ChildOptions): Promise<void> {
  let armed: (Order & { left: number }) | undefined;
  let executorPid: number | undefined;

  function reach(point: Point): void {
    if (armed?.point !== point) return;
    const { victim } = armed;
    if (victim === "executor" && executorPid === undefined) return; // none has been launched yet
    armed.left -= 1;
    if (armed.left >= 0) return;
    armed = undefined;
    if (victim === "supervisor" || executorPid === undefined) {
      process.kill(process.pid, "SIGKILL");
      return;
    }
    try {
      process.kill(executorPid, "SIGKILL");
    } catch {
      // it has gone by itself: the run had ended
    }
  }

  const runtime = await openRuntime({
    config: parseConfig(words, { directory, path: `${directory}/sandbox.config.ts` }),
    role: "start",
    osSandbox: "preferred",
    env: { ...process.env, ...env },
    onEvent: (event) => {
      if (event.type === "launched") executorPid = event.pid;
      if (event.type === "log" && event.text === "in use") reach("in use");
    },
    onWarning: () => {},
    world: {
      bundle: async () => scriptBundle(body),
      openHttpClient: makeUndiciClients({ extraCaForTests: authorities }),
      around: {
        store: (store) => storeWithPoints(store, reach),
        issuer: (_name, issuer) => issuerWithPoints(issuer, reach, log),
      },
    },
  });
  await runtime.reaper.recover();
  const tick = () => systemClock.setTimer(tickEveryMs, () => void runtime.reaper.tick().finally(tick));
  tick();
  process.on("message", async (order: Order) => {
    armed = { ...order, left: order.after };
    executorPid = undefined;
    const { done } = await runtime.scheduler.submit({ job: "held", input: "null", trigger: { kind: "submit" } });
    const record = await done;
    say({ type: "ended", record, reached: armed === undefined });
    armed = undefined;
  });
  say({ type: "ready", installation: runtime.store.installation });
}

function say(message: ChildSays): void {
  process.send?.(message);
}

process.once("message", (options: ChildOptions) => {
  main(options).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(3);
  });
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
