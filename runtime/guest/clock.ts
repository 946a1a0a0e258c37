// The guest's time, in steps of a millisecond: V8's `Date` has no finer ones, its `Temporal.Now` has (a microsecond was
// seen), and a fine clock is what timing attacks are made of. In the test kit, and in runs that can be repeated, time stands
// still until the host moves it: `Date` is then replaced by one that asks `clock`, which `Temporal.Now` asks always, and
// Intl's formats take that time for the one that nobody gives.

let hostNowMs: number | undefined;
let originMs = 0;
let latestMs = 0;
const RealDate = Date;
const realNow = Date.now;

export const clock = {
  /** Its time is the host's. */
  get isHosts(): boolean {
    return hostNowMs !== undefined;
  },
  moveTo(nowMs: number): void {
    hostNowMs = nowMs;
  },
  /** Whole milliseconds since the epoch. */
  nowMs(): number {
    return hostNowMs ?? realNow();
  },
  /** The run begins now, a millisecond after its origin: packages take a time of 0 for none. */
  begin(): void {
    originMs = clock.nowMs() - 1;
  },
  originMs(): number {
    return originMs;
  },
  /** Whole milliseconds since the run began; never less than the last time, though a wall clock can be set back. */
  sinceOriginMs(): number {
    latestMs = Math.max(latestMs, clock.nowMs() - originMs);
    return latestMs;
  },
};

export function installClock(nowMs: number): void {
  clock.moveTo(nowMs);
  const HostDate = new Proxy(RealDate, {
    construct(target, args, newTarget) {
      return Reflect.construct(target, args.length === 0 ? [clock.nowMs()] : args, newTarget);
    },
    apply: () => new RealDate(clock.nowMs()).toString(),
  });
  Object.defineProperty(RealDate, "now", { value: () => clock.nowMs(), writable: true, configurable: true });
  Object.defineProperty(RealDate.prototype, "constructor", { value: HostDate, writable: true, configurable: true });
  Object.defineProperty(globalThis, "Date", { value: HostDate, writable: true, configurable: true });
  installFormats();
}

/** Without a date they format V8's own time. */
function installFormats(): void {
  const { prototype } = Intl.DateTimeFormat;
  const { formatToParts } = prototype;
  const { get } = Object.getOwnPropertyDescriptor(prototype, "format") as { get(): Intl.DateTimeFormat["format"] };
  const bound = new WeakMap<object, Intl.DateTimeFormat["format"]>();
  const formatOf = (format: Intl.DateTimeFormat) => {
    const native = Reflect.apply(get, format, []) as Intl.DateTimeFormat["format"];
    const known = bound.get(format) ?? ((date?: Date | number) => native(date ?? clock.nowMs()));
    bound.set(format, known);
    return known;
  };
  Object.defineProperty(prototype, "format", {
    configurable: true,
    get(this: Intl.DateTimeFormat) {
      return formatOf(this);
    },
  });
  Object.defineProperty(prototype, "formatToParts", {
    configurable: true,
    writable: true,
    value: {
      formatToParts(this: Intl.DateTimeFormat, date?: Date | number) {
        return Reflect.apply(formatToParts, this, [date ?? clock.nowMs()]);
      },
    }.formatToParts,
  });
}

/** Where V8 has Temporal: the functions of `Temporal.Now` give way to such as ask `clock`; V8's own are then gone. */
export function installCoarseTemporal(): void {
  const { Temporal } = globalThis as { Temporal?: TemporalNamespace };
  if (Temporal === undefined) return;
  const { Instant, Now } = Temporal;
  const { timeZoneId } = Now;
  const fromEpochMilliseconds = Instant.fromEpochMilliseconds.bind(Instant);
  const instant = () => fromEpochMilliseconds(clock.nowMs());
  const zoned = (zone: unknown = timeZoneId()) => instant().toZonedDateTimeISO(zone);
  const coarse = {
    instant,
    zonedDateTimeISO: (zone?: unknown) => zoned(zone),
    plainDateTimeISO: (zone?: unknown) => zoned(zone).toPlainDateTime(),
    plainDateISO: (zone?: unknown) => zoned(zone).toPlainDate(),
    plainTimeISO: (zone?: unknown) => zoned(zone).toPlainTime(),
  };
  // Whatever else tells the time in there, in this V8 or the next, goes.
  for (const name of Object.getOwnPropertyNames(Now)) if (name !== "timeZoneId") Reflect.deleteProperty(Now, name);
  for (const [name, value] of Object.entries(coarse))
    Object.defineProperty(Now, name, { value, writable: true, configurable: true });
}

/** What is used of it: TypeScript's library doesn't know it yet. */
interface TemporalNamespace {
  Now: { timeZoneId(): string };
  Instant: {
    fromEpochMilliseconds(ms: number): {
      toZonedDateTimeISO(zone: unknown): {
        toPlainDateTime(): unknown;
        toPlainDate(): unknown;
        toPlainTime(): unknown;
      };
    };
  };
}
