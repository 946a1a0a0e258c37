// Where the attacks are tried: a runtime of its own, in a directory of its own, with real executors, a real JWT issuer and
// listeners on loopback. Nothing of the installation is touched but its choice of sandbox, and, in `start`, the pool of
// executors that it is going to serve from. Its life: opened → attacks → closed, or stopped and then closed.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { layBait } from "../../adapters/system/bait.ts";
import type { SandboxedPool } from "../../adapters/system/executor-pool.ts";
import { openRecorder } from "../../adapters/system/recorder.ts";
import { openRuntime, type Runtime } from "../../compose.ts";
import { type Config, issuers, parseConfig } from "../../config.ts";
import type { RunEvent } from "../../model/run-event.ts";
import type { Attack, AttackJob, Bench, Place } from "./attack.ts";
import { countSignals, makeBench, makeEvents } from "./bench.ts";
import { jobName, specOf } from "./jobs.ts";

/** Longer than any limit of the attacks, ms: what goes on then has not been ended by what should have ended it. */
const runMsMax = 45_000;
const harmless: AttackJob = { body: 'await c.files.write("/a", "a"); return await c.files.readText("/a");' };

export interface LabParts {
  /** The installation's: its choice of sandbox counts. */
  executor: Config["executor"];
  /** Absolute; empty, and the caller's to remove. */
  directory: string;
  /** Made for the place, since their jobs name its ports. */
  attacks(place: Place): readonly Attack[];
  onWarning(message: string): void;
  /** PATH for the sandbox's tools. */
  env: Readonly<Record<string, string | undefined>>;
  /** Executors to attack; its own when absent. */
  pool?: SandboxedPool;
  /** No run goes on for longer, ms. */
  runMsMax?: number;
}

export interface Lab {
  readonly attacks: readonly Attack[];
  readonly runtime: Runtime;
  benchFor(attack: Attack): Bench;
  /** Ends what runs; every attack from now on fails at once. */
  stop(): void;
  /** Leaves nothing behind but the directory. */
  close(): Promise<void>;
}

/** @throws MayflyError as `openRuntime` does; nothing is then left open. */
export async function openLab(parts: LabParts): Promise<Lab> {
  const { directory } = parts;
  const [recorder, forbidden] = await Promise.all([openRecorder(), openRecorder()]);
  const place: Place = {
    directory,
    recorder,
    forbidden,
    bait: layBait(directory),
    loopbackName: "loopback.doctor.example",
  };
  const closeListeners = () => Promise.all([recorder.close(), forbidden.close()]);
  try {
    const attacks = parts.attacks(place);
    const events = makeEvents();
    const runtime = await openTrialRuntime(parts, place, attacks, events.tell);
    const signals = countSignals();
    const bench = makeBench({
      place,
      runtime,
      events,
      signals: signals.count,
      path: parts.env.PATH ?? "",
      runMsMax: parts.runMsMax ?? runMsMax,
    });
    return {
      attacks,
      runtime,
      benchFor: bench.of,
      stop: bench.stop,
      async close() {
        bench.stop();
        await runtime.scheduler.drain(0);
        signals.end();
        await Promise.all([runtime.close(), closeListeners()]);
      },
    };
  } catch (error) {
    await closeListeners();
    throw error;
  }
}

function openTrialRuntime(
  { executor, directory, env, onWarning, pool }: LabParts,
  place: Place,
  attacks: readonly Attack[],
  onEvent: (event: RunEvent) => void,
): Promise<Runtime> {
  const jobs = new Map<string, AttackJob>([["harmless", harmless]]);
  for (const attack of attacks) {
    for (const [key, job] of Object.entries(attack.jobs)) jobs.set(jobName(attack, key), job);
  }
  const words = {
    issuers: { doctor: issuers.jwt({ audience: "https://doctor.example", listen: "127.0.0.1:0" }) },
    jobs: {},
  };
  const config = parseConfig(words, { directory, path: join(directory, "sandbox.config.ts") });
  const specs = [...jobs].map(([name, job]) => [name, specOf(name, job, place)] as const);
  return openRuntime({
    config: { ...config, executor, jobs: Object.fromEntries(specs) },
    role: "test",
    osSandbox: "preferred",
    env,
    onEvent,
    onWarning,
    warm: false,
    world: {
      resolver: { resolve: async (host) => (host === place.loopbackName ? ["127.0.0.1"] : []) },
      bundle: async ({ name }) => bundleOf(jobs.get(name)?.body ?? ""),
      ...(pool === undefined ? {} : { pool }),
    },
  });
}

// A script as the bundler would make it.
function bundleOf(body: string) {
  const code = Buffer.from(`__mayflyRegister({ kind: "mayfly.job", run: async (c) => { ${body} } });`);
  const digest = `sha256:${createHash("sha256").update(code).digest("hex")}` as const;
  return { code, digest, sourceMap: "{}", inputs: [] };
}
