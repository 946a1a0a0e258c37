// node:perf_hooks: the web's performance where the guest has it, and its clock alone where not. Nothing of V8 is measured.
import { host } from "./host.ts";
import { refusingAll } from "./refuse.ts";
import { web } from "./web.ts";

const startedMs = host.nowMs();

const clockOnly = {
  timeOrigin: startedMs,
  now: () => host.nowMs() - startedMs,
  mark: () => undefined,
  measure: () => undefined,
  clearMarks() {},
  clearMeasures() {},
  getEntries: () => [],
  getEntriesByName: () => [],
  getEntriesByType: () => [],
  toJSON: () => ({ timeOrigin: startedMs }),
  timerify: <T>(callback: T) => callback,
  eventLoopUtilization: () => ({ idle: 0, active: 0, utilization: 0 }),
};

const instead = "a job measures by performance.now(), in whole milliseconds";

export default {
  ...refusingAll("perf_hooks", instead, ["createHistogram", "monitorEventLoopDelay"]),
  get performance(): unknown {
    return web.performance ?? clockOnly;
  },
  get PerformanceObserver(): unknown {
    return web.PerformanceObserver ?? refusingAll("perf_hooks", instead, ["PerformanceObserver"]).PerformanceObserver;
  },
  get PerformanceEntry(): unknown {
    return web.PerformanceEntry;
  },
  get Performance(): unknown {
    return web.Performance;
  },
  constants: {},
};
