// How long an event loop stood still. Run as a program it is the control: it measures its own gaps, idle, until its stdin
// ends, and prints the longest, so that a machine that stalls isn't taken for a supervisor that does.

const everyMs = 10;

/** @returns a function that ends the watch and says how long the longest gap was, ms, beyond the interval itself. */
export function watchGaps(): () => number {
  let last = performance.now();
  let longestMs = 0;
  const look = () => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last - everyMs);
    last = now;
  };
  const timer = setInterval(look, everyMs);
  return () => {
    clearInterval(timer);
    look();
    return longestMs;
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
