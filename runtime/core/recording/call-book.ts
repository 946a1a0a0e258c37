// Which recorded call a call is: the first of those with the same operation, arguments and body that no call was matched
// with yet. So calls that interleave differently are still told apart, and those of one kind keep their order. A timer is
// told by its delay, since its number shifts with every timer before it; a turn by its own number.
import { timing } from "../capabilities/gate.ts";
import type { RecordedCall, Recording } from "./recording.ts";

export type AskedCall = Omit<RecordedCall, "id">;

export interface CallBook {
  /** Takes it out. `id`: of the call that is made, for a turn. */
  match(call: AskedCall, id: number): RecordedCall | undefined;
  /** The one that was most likely meant: of the same operation, or the next of all. */
  nearest(call: AskedCall): RecordedCall | undefined;
  /** Recorded and not matched, in order. Without timing, which is no capability: there may be more or fewer of it. */
  left(): RecordedCall[];
  readonly matched: number;
}

export function makeCallBook({ calls }: Pick<Recording, "calls">): CallBook {
  const open = new Set(calls);
  const byKey = new Map<string, RecordedCall[]>();
  let matched = 0;
  for (const call of calls) {
    const key = keyOf(call, call.id);
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [call]);
    else same.push(call);
  }

  const left = () => [...open].filter(({ op }) => !timing.includes(op));

  return {
    match(call, id) {
      const found = byKey.get(keyOf(call, id))?.find((each) => open.has(each));
      if (found === undefined) return undefined;
      open.delete(found);
      if (!timing.includes(call.op)) matched += 1;
      return found;
    },
    nearest(call) {
      const all = left();
      return all.find(({ op }) => op === call.op) ?? all[0];
    },
    left,
    get matched() {
      return matched;
    },
  };
}

function keyOf({ op, args, digest }: AskedCall, id: number): string {
  if (op === "turn") return `turn ${id}`;
  if (op === "timer.set") return `timer ${(args as { delayMs?: unknown } | undefined)?.delayMs}`;
  return `${op} ${JSON.stringify(argumentsOf(op, args))} ${digest ?? ""}`;
}

/** Without what follows from the rest: a body's length. */
function argumentsOf(op: string, args: unknown): unknown {
  if (op !== "http.request" || typeof args !== "object" || args === null) return args;
  const { bodyBytes: _, ...others } = args as Record<string, unknown>;
  return others;
}
