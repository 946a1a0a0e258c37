// The guest's time. Real time is V8's own. In the test kit time stands still until the host moves it: `Date` is then
// replaced by one that asks `clock`.

let hostNowMs: number | undefined;

export const clock = {
  moveTo(nowMs: number): void {
    hostNowMs = nowMs;
  },
};

export function installClock(nowMs: number): void {
  clock.moveTo(nowMs);
  const RealDate = Date;
  const now = () => hostNowMs ?? RealDate.now();
  const HostDate = new Proxy(RealDate, {
    construct(target, args, newTarget) {
      return Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget);
    },
    apply: () => new RealDate(now()).toString(),
  });
  Object.defineProperty(RealDate, "now", { value: now, writable: true, configurable: true });
  Object.defineProperty(RealDate.prototype, "constructor", { value: HostDate, writable: true, configurable: true });
  Object.defineProperty(globalThis, "Date", { value: HostDate, writable: true, configurable: true });
}
