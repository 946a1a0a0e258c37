// What nobody caught (https://html.spec.whatwg.org/#report-the-exception): an `error` event at the global object, and,
// unless a listener called `preventDefault`, the end of the run, as a process of Node's would end. `reportError` is the
// same, called by the job itself.
import { describeThrown } from "./errors.ts";
import { addHandlers, dispatch, EventTarget, useReport } from "./event-target.ts";
import { dispatchingOf, ErrorEvent, PromiseRejectionEvent } from "./events.ts";
import { requireArguments } from "./webidl.ts";

let endRun: (thrown: unknown) => void = () => {};
let reporting = false;

/** @param end takes what nobody caught; the run is over with it. */
export function useRunEnd(end: (thrown: unknown) => void): void {
  endRun = end;
}

export function reportThrown(thrown: unknown): void {
  // A listener of `error` that throws itself is not asked again.
  if (reporting) {
    endRun(thrown);
    return;
  }
  reporting = true;
  try {
    const { message } = describeThrown(thrown);
    const event = new ErrorEvent("error", { cancelable: true, message, error: thrown });
    dispatchingOf(event).isTrusted = true;
    if (dispatch(globalThis as unknown as EventTarget, event)) endRun(thrown);
  } finally {
    reporting = false;
  }
}

export function reportError(thrown: unknown): void {
  requireArguments(arguments.length, 1, "reportError");
  reportThrown(thrown);
}

/**
 * A rejection that nobody handled. V8 tells of it outside the isolate only, and of what was thrown a copy.
 * @returns whether a listener called `preventDefault`: the run then goes on.
 */
export function unhandledRejection(reason: unknown): boolean {
  const promise = Promise.reject(reason);
  promise.catch(() => {});
  const event = new PromiseRejectionEvent("unhandledrejection", { cancelable: true, promise, reason });
  dispatchingOf(event).isTrusted = true;
  return !dispatch(globalThis as unknown as EventTarget, event);
}

/** The global object's side of it: three handlers, and the three methods of an EventTarget. */
export function installErrorEvents(): void {
  useReport(reportThrown);
  addHandlers(globalThis, ["error", "unhandledrejection", "rejectionhandled"]);
  const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype;
  for (const [name, method] of Object.entries({ addEventListener, removeEventListener, dispatchEvent })) {
    Object.defineProperty(globalThis, name, { value: method, writable: true, configurable: true, enumerable: true });
  }
}
