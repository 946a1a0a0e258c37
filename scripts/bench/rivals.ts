// Who Mayfly is measured beside: each a way to run the trivial job in an environment that no job was in before. What each
// isolates by is a claim of its own documentation; "process" counts only if no two jobs share one.
import { type Child, startChild } from "./child.ts";

/** In a process of its own (rival-host.ts). */
export interface Rival {
  /** From nothing to the job's result, ms; resolves when all that was made for it is gone. */
  run(): Promise<number>;
  close(): Promise<void>;
}

/** What a rival may need to begin. */
export interface RivalParts {
  /** A directory that it can write to. */
  scratch: string;
  /** Where the peers are installed; empty for those that need none of them. */
  modules: string;
}

/** With what comes with Node, and with isolated-vm, which Mayfly itself stands on. */
export const plainRivals = ["isolate", "fork", "worker"] as const;
/** From npm, when they are installed. */
export const peerRivals = [
  "workerd",
  "workerd process",
  "deno run",
  "deno worker",
  "secure-exec",
  "quickjs",
  "quickjs module",
] as const;
export type RivalName = (typeof plainRivals)[number] | (typeof peerRivals)[number];

export const rivalWords: Record<RivalName, { name: string; isolation: string; byProcess: boolean }> = {
  isolate: { name: "raw isolated-vm", isolation: "V8 isolate in the host's process", byProcess: false },
  fork: { name: "child_process.fork", isolation: "process, with all that its user may", byProcess: true },
  worker: { name: "worker_threads.Worker", isolation: "none: a thread with all that the host may", byProcess: false },
  workerd: {
    name: "workerd, worker loader",
    isolation: "V8 isolate, in one process for all jobs",
    byProcess: false,
  },
  "workerd process": { name: "workerd, a process a job", isolation: "process + V8 isolate", byProcess: true },
  "deno run": { name: "deno run", isolation: "process + Deno's permissions", byProcess: true },
  "deno worker": {
    name: "Deno Worker, no permissions",
    isolation: "V8 isolate, in one process for all jobs",
    byProcess: false,
  },
  "secure-exec": { name: "secure-exec", isolation: "V8 isolate, in one process for all jobs", byProcess: false },
  quickjs: {
    name: "quickjs-emscripten, a context",
    isolation: "interpreter in the host's process, WebAssembly memory shared by all jobs",
    byProcess: false,
  },
  "quickjs module": {
    name: "quickjs-emscripten, a module",
    isolation: "interpreter in the host's process, WebAssembly memory of its own",
    byProcess: false,
  },
};

export interface RivalHost {
  /** One run, ms. */
  ms(kind: RivalName): Promise<number>;
  /** Runs a second over that time, so many at once. */
  perSecond(kind: RivalName, lanes: number, forMs: number): Promise<number>;
  stop(): Promise<void>;
}

export type RivalOrder = { parts: RivalParts } & (
  | { kind: RivalName; lanes?: undefined }
  | { kind: RivalName; lanes: number; forMs: number }
  | { kind: "close"; lanes?: undefined }
);
export type RivalAnswer = { ms: number } | { perSecond: number } | { error: string } | { closed: true };

export function startRivals(parts: RivalParts): RivalHost {
  const host = startChild("rival-host.ts");
  return {
    ms: async (kind) => ((await ask(host, { parts, kind })) as { ms: number }).ms,
    perSecond: async (kind, lanes, forMs) =>
      ((await ask(host, { parts, kind, lanes, forMs })) as { perSecond: number }).perSecond,
    async stop() {
      await ask(host, { parts, kind: "close" }).catch(() => {}); // it has ended: its own children went with it
      await host.stop();
    },
  };
}

async function ask(host: Child, order: RivalOrder): Promise<RivalAnswer> {
  host.tell(order);
  const answer = await host.hear<RivalAnswer>();
  if ("error" in answer) throw new Error(answer.error);
  return answer;
}
