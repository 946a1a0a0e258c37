// What `mayfly start` tries before it opens its socket: versions, the layers of a real executor, and a handful of attacks
// on the very pool that it is going to serve from. Bounded by the jobs' own limits; a second or so.
import { systemClock } from "../../adapters/system/clock.ts";
import { withTrialDirectory } from "../../adapters/system/trial-directory.ts";
import type { Runtime } from "../../compose.ts";
import { MayflyError } from "../../model/error.ts";
import type { Row } from "./attack.ts";
import { quickAttacks } from "./attacks/all.ts";
import { type Conclusion, conclude, namesOf } from "./conclusion.ts";
import { openLab } from "./lab.ts";
import { layerRows, versionRows } from "./layers.ts";
import { runAttacks } from "./run-attacks.ts";

const attacksAtOnce = 4;

export interface ServingParts {
  /** Its pool is attacked; its state and its issuers are not. */
  runtime: Runtime;
  osSandbox: "required" | "preferred";
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * Returns one line: `27 defences tried, all held, 0.9 s`. A missing layer is waived where the sandbox is only preferred;
 * a broken defence never is.
 * @throws MayflyError `sandbox_required`, `defence_broken`; the second is also in the audit log then.
 */
export async function tryBeforeServing(parts: ServingParts): Promise<string> {
  const { runtime, osSandbox } = parts;
  const startedMs = systemClock.monotonicMs();
  const layers = await layerRows(runtime.pool, systemClock);
  const attacks = await withTrialDirectory(runtime.state.path, (directory) => attack(parts, directory));
  const conclusion = conclude([...versionRows(), ...layers, ...attacks], osSandbox);
  const line = `${conclusion.line}, ${((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1)} s`;
  if (conclusion.broken.length > 0) {
    await runtime.store.commit([{ audit: { type: "alert", code: "defence_broken", detail: line } }]);
    throw broken(conclusion);
  }
  if (conclusion.missing.length > 0 && osSandbox === "required") throw missing(conclusion);
  return line;
}

async function attack({ runtime, env }: ServingParts, directory: string): Promise<Row[]> {
  const { config, pool } = runtime;
  const onWarning = () => {}; // whatever it is, the runtime that is going to serve has said it
  const lab = await openLab({ executor: config.executor, directory, attacks: quickAttacks, onWarning, env, pool });
  try {
    return await runAttacks({ lab, clock: systemClock, atOnce: attacksAtOnce });
  } finally {
    await lab.close();
  }
}

function broken({ broken: rows }: Conclusion): MayflyError {
  return new MayflyError({
    code: "defence_broken",
    message: `a defence of this installation doesn't hold: ${namesOf(rows)}`,
    found: rows.map(({ tries, saw }) => `tried ${tries}; saw ${saw}`).join("; "),
    needed: rows.map(({ name, expects }) => `${name}: ${expects}`).join("; "),
    next: "run `mayfly doctor --attack` for all of them, and serve nobody until they hold",
  });
}

function missing({ missing: rows }: Conclusion): MayflyError {
  return new MayflyError({
    code: "sandbox_required",
    message: `the operating system's sandbox is incomplete: ${namesOf(rows)}`,
    found: rows.map(({ name, saw }) => `${name}: ${saw}`).join("; "),
    needed: 'every layer, since executor.osSandbox is "required"',
    next: rows.map(({ hint }) => hint).find((hint) => hint !== undefined) ?? "run `mayfly doctor`",
  });
}
