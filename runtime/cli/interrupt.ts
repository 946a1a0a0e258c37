// What a signal means to a command that runs jobs here: the first one ends what goes on, in order; a second one ends this
// process at once, and the next start recovers.
import { exitCodes } from "../model/error.ts";

/** Aborted by the first signal; its reason is text for the record. */
export function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted);
      controller.abort(`interrupted by ${signal}`);
    });
  }
  return controller.signal;
}
