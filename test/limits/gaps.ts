// How long an event loop stood still by itself: what its thread computed or was blocked, without the time in which it
// could have run and the machine was busy with others. Run as a program it is the control: it measures its own gaps, idle,
// until its stdin ends, and prints the longest, so that a machine that stalls isn't taken for a supervisor that does.
import { makeGapMeter } from "../support/gaps.ts";

/** @returns a function that ends the watch and says how long the longest gap was, ms. */
export function watchGaps(): () => number {
  const meter = makeGapMeter();
  return () => {
    meter.stop();
    return Math.max(0, ...meter.gaps().map(({ ms, queuedMs }) => ms - queuedMs));
  };
}

if (process.argv[1] === import.meta.filename) {
  const stop = watchGaps();
  process.stdin.on("end", () => {
    console.log(JSON.stringify({ longestMs: stop() }));
  });
  process.stdin.resume();
  console.log("watching");
}
