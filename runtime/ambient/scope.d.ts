// The rest of the global object: itself, time, copies, the console.

declare var self: typeof globalThis;

interface Navigator {
  readonly userAgent: string;
}

declare var Navigator: {
  prototype: Navigator;
  new (): Navigator;
};

declare var navigator: Navigator;

// ─── Time (https://w3c.github.io/hr-time/, https://html.spec.whatwg.org/#timers): in whole milliseconds ────────────

interface Performance extends EventTarget {
  /** When the run began, ms since 1970-01-01T00:00:00Z. */
  readonly timeOrigin: number;
  /** ms since then. */
  now(): number;
  toJSON(): any;
}

declare var Performance: {
  prototype: Performance;
  new (): Performance;
};

declare var performance: Performance;

/** What a callback takes of values that a timer hands on: one that takes nothing much (`resolve`) needs none. */
type TimerArguments<Args extends unknown[]> = [void] extends Args ? Partial<Args> : Args;

/** @param delay ms. @throws RangeError beyond 10,000 timers at once. */
declare function setTimeout<Args extends unknown[]>(
  callback: (...args: Args) => void,
  delay?: number,
  ...args: TimerArguments<Args>
): number;
declare function setInterval<Args extends unknown[]>(
  callback: (...args: Args) => void,
  delay?: number,
  ...args: TimerArguments<Args>
): number;
declare function clearTimeout(id?: number | null): void;
declare function clearInterval(id?: number | null): void;
declare function queueMicrotask(callback: () => void): void;

// ─── Copies ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @throws DOMException `DataCloneError` for functions and the like. */
declare function structuredClone<T = any>(value: T, options?: StructuredSerializeOptions): T;

// ─── The console (https://console.spec.whatwg.org/): lines of the run's log ────────────────────────────────────────

interface Console {
  assert(condition?: boolean, ...data: any[]): void;
  clear(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  debug(...data: any[]): void;
  dir(item?: any, options?: any): void;
  dirxml(...data: any[]): void;
  error(...data: any[]): void;
  group(...data: any[]): void;
  groupCollapsed(...data: any[]): void;
  groupEnd(): void;
  info(...data: any[]): void;
  log(...data: any[]): void;
  table(data?: any, properties?: string[]): void;
  time(label?: string): void;
  timeEnd(label?: string): void;
  timeLog(label?: string, ...data: any[]): void;
  trace(...data: any[]): void;
  warn(...data: any[]): void;
}

declare var console: Console;

// ─── Of V8, and in no library of TypeScript's ──────────────────────────────────────────────────────────────────────

interface ErrorConstructor {
  captureStackTrace(target: object, above?: Function): void;
  stackTraceLimit: number;
}
