// The verdict on each attack. What can't be judged counts as broken: an attack that could not be carried out, and one whose
// control shows that it would have seen nothing.

import { messageOf } from "../../model/error.ts";
import type { Layer } from "../../model/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Attack, Bench, Row, Seen } from "./attack.ts";

export async function judge(attack: Attack, bench: Bench, clock: Clock): Promise<Row> {
  const { group, name, tries, expects } = attack;
  const startedMs = clock.monotonicMs();
  const seen = await attack
    .run(bench)
    .catch(
      (error: unknown): Seen => ({ held: false, saw: "", blind: `it could not be carried out: ${messageOf(error)}` }),
    );
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  return { group, name, tries, expects, durationMs, ...verdictOn(seen, missingFor(attack, bench)) };
}

function missingFor({ needs }: Attack, { runtime }: Bench): Layer | undefined {
  return runtime.pool.layers().find((layer) => layer.name === needs && !layer.armed);
}

function verdictOn({ held, saw, blind }: Seen, missing: Layer | undefined): Pick<Row, "verdict" | "saw" | "hint"> {
  if (blind !== undefined)
    return { verdict: "BROKEN", saw: [saw, `the control failed: ${blind}`].filter(Boolean).join("; ") };
  if (held) return { verdict: "held", saw };
  if (missing === undefined) return { verdict: "BROKEN", saw };
  const hint = missing.hint === undefined ? {} : { hint: missing.hint };
  return { verdict: "not armed", saw: `${saw}; ${missing.name} is not armed: ${missing.detail}`, ...hint };
}
