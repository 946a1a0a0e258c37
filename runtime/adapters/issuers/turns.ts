// One issue of a run after the other, where names or tokens are the run's and a second issue has to end the first. Runs among
// themselves don't wait. Within this process only: between processes the server's own names, or the ledger, keep the order.
import type { RunId } from "../../model/ids.ts";

export type InTurn = <T>(run: RunId, work: () => Promise<T>) => Promise<T>;

export function makeTurns(): InTurn {
  const last = new Map<RunId, Promise<unknown>>();
  return async (run, work) => {
    const turn = (last.get(run) ?? Promise.resolve()).then(work, work);
    last.set(run, turn);
    try {
      return await turn;
    } finally {
      if (last.get(run) === turn) last.delete(run);
    }
  };
}
