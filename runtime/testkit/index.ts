// `mayfly/testkit`: what an author's tests import. Re-exports only.
export { type ManualClock, manualClock } from "./manual-clock.ts";
export type { HandledRequest, HandlerAnswer, NetworkHandlers } from "./network-handlers.ts";
export { type RecordedNetwork, recording } from "./recorded-network.ts";
export { type TestRunOptions, type TestRunResult, testRun } from "./test-run.ts";
