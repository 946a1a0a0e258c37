// setTimeout and its kin. The waiting is done outside the isolate (by the executor, or in the test kit by the
// supervisor's manual clock); what is due comes back through `fireTimer`.
import { call, post, tell } from "./mailbox.ts";
import { reportThrown } from "./report-error.ts";

type Callback = (...args: unknown[]) => void;

interface Timer {
  callback: Callback;
  args: unknown[];
  /** ms; undefined for a timeout. */
  repeatMs: number | undefined;
}

/** Timers at once: an array of them is a way to exhaust memory outside the isolate. */
export const timersMax = 10_000;

const delayMsMax = 2_147_483_647;
const timers = new Map<number, Timer>();
let nextId = 1;
let hostTimers = false;

export function useHostTimers(): void {
  hostTimers = true;
}

export function setTimeout(callback: unknown, delay?: unknown, ...args: unknown[]): number {
  return add(callback, toDelayMs(delay), undefined, args);
}

export function setInterval(callback: unknown, delay?: unknown, ...args: unknown[]): number {
  const delayMs = Math.max(1, toDelayMs(delay));
  return add(callback, delayMs, delayMs, args);
}

export function clearTimeout(id?: unknown): void {
  if (typeof id !== "number" || !timers.delete(id)) return;
  if (hostTimers) post("timer.clear", { timer: id });
  else tell("timer.clear", String(id));
}

/** Called by the executor when the timer is due. */
export function fireTimer(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  if (timer.repeatMs === undefined) timers.delete(id);
  else wait(id, timer.repeatMs);
  run(timer);
}

// What a callback throws is reported, and the next ones come all the same if nobody minds.
function run({ callback, args }: Timer): void {
  try {
    callback(...args);
  } catch (thrown) {
    reportThrown(thrown);
  }
}

/** A turn of its own for something that the guest itself has to do: nobody can clear it, and no limit refuses it. */
export function queueTask(task: () => void): void {
  const id = nextId;
  nextId += 1;
  timers.set(id, { callback: task, args: [], repeatMs: undefined });
  wait(id, 0);
}

function add(callback: unknown, delayMs: number, repeatMs: number | undefined, args: unknown[]): number {
  if (typeof callback !== "function") throw new TypeError("a timer needs a function: code as text is not evaluated");
  if (timers.size >= timersMax)
    throw Object.assign(new RangeError(`more than ${timersMax} timers at once: clear some first`), { code: "timers" });
  const id = nextId;
  nextId += 1;
  timers.set(id, { callback: callback as Callback, args, repeatMs });
  wait(id, delayMs);
  return id;
}

function wait(id: number, delayMs: number): void {
  if (!hostTimers) tell("timer.set", `${id} ${delayMs}`);
  else call("timer.set", { timer: id, delayMs }).then(() => fireTimer(id));
}

// As HTML has it: not a number, negative or beyond 31 bits is 0.
function toDelayMs(delay: unknown): number {
  const number = Math.trunc(Number(delay));
  return number > 0 && number <= delayMsMax ? number : 0;
}
