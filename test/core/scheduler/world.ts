// A whole runtime on a state directory of its own, with real executors and jobs that wait until they are told: their
// time stands still unless the test moves it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { openRuntime, type Role, type Runtime } from "../../../runtime/compose.ts";
import { parseConfig } from "../../../runtime/config.ts";
import type { RunEvent } from "../../../runtime/model/run-event.ts";
import { type ManualClock, manualClock } from "../../../runtime/testkit/manual-clock.ts";

const jobs: Readonly<Record<string, string>> = {
  /** Ends at once. */
  quick: "return input;",
  /** Ends when its time is moved on by a minute. */
  patient: "await new Promise((resolve) => setTimeout(resolve, 60_000)); return input;",
};

export interface SchedulerWorld {
  runtime: Runtime;
  events: RunEvent[];
  /** The jobs' time. */
  time: ManualClock;
  /** Resolves once `count` runs have been launched since the beginning. */
  launched(count: number): Promise<void>;
}

export interface Installation {
  directory: string;
  /** Opens one more runtime on the same state; closed when the test ends. */
  open(role?: Role): Promise<SchedulerWorld>;
}

export function makeInstallation(t: Test, scheduler: Record<string, unknown> = {}): Installation {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-scheduler-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "jobs"));
  for (const [name, body] of Object.entries(jobs)) {
    const module = `import { defineJob } from "mayfly";\nexport default defineJob(async ({ input }) => { ${body} });\n`;
    writeFileSync(join(directory, "jobs", `${name}.ts`), module);
  }
  const entries = Object.keys(jobs).map((name) => [name, { entry: `./jobs/${name}.ts` }]);
  return {
    directory,
    async open(role = "test") {
      const config = parseConfig(
        { scheduler, jobs: Object.fromEntries(entries) },
        { directory, path: join(directory, "sandbox.config.ts") },
      );
      return openWorld(t, config, role);
    },
  };
}

async function openWorld(t: Test, config: ReturnType<typeof parseConfig>, role: Role): Promise<SchedulerWorld> {
  const time = manualClock("2026-11-01T02:00:00Z", { autoAdvance: false });
  const events: RunEvent[] = [];
  const waiting = new Set<() => void>();
  const runtime = await openRuntime({
    config,
    role,
    osSandbox: "preferred",
    env: process.env,
    warm: false,
    onEvent: (event) => {
      events.push(event);
      for (const look of [...waiting]) look();
    },
    onWarning: () => {},
    world: { guestTime: { nowMs: time.nowMs, timers: time.timers } },
  });
  t.teardown(async () => {
    runtime.scheduler.killAll("the test is over");
    await runtime.scheduler.drain(0);
    await runtime.close();
  });
  const launched = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (events.filter(({ type }) => type === "launched").length < count) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { runtime, events, time, launched };
}
