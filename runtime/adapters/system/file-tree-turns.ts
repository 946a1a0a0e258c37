// How many of a run's file operations are under way at once, and that none is when its descriptors are closed. It knows
// nothing of files. Its states: open → ended, by `end`.
import { FileFailure } from "../../ports/file-tree.ts";
import { asFileFailure } from "./file-tree-walk.ts";

/**
 * Operations of one run at once; further ones wait. Node has four threads for files: more would only hold descriptors
 * (three each) and buffers (a file each), and let one run crowd out the others.
 */
export const operationsAtOnceMax = 4;

export interface Turns {
  /** Does the work when its turn has come, in the order of asking. Rejects with FileFailure only. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Lets what is under way finish; what waits, or comes later, fails. */
  end(): Promise<void>;
}

export function makeTurns(): Turns {
  const waiting: (() => void)[] = [];
  const underWay = new Set<Promise<unknown>>();
  let turnsTaken = 0;
  let ended = false;

  async function run<T>(work: () => Promise<T>): Promise<T> {
    // A turn that is handed on stays taken: nobody who comes in between gets it.
    if (turnsTaken < operationsAtOnceMax) turnsTaken += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      if (ended) throw new FileFailure("io", "the run's files are closed");
      return await known(work());
    } catch (error) {
      throw asFileFailure(error);
    } finally {
      const next = waiting.shift();
      if (next === undefined) turnsTaken -= 1;
      else next();
    }
  }

  async function known<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    try {
      return await work;
    } finally {
      underWay.delete(work);
    }
  }

  async function end(): Promise<void> {
    ended = true;
    await Promise.allSettled(underWay);
  }

  return { run, end };
}
