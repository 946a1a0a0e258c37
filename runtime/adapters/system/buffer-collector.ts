// What guests send and get passes through this process in buffers outside V8's heap. V8 knows of them, and lets some
// 64 MiB of dead ones lie before it looks, since its heap hardly grows. A run that streams, or that floods, would have
// the supervisor's memory grow by that. So the bytes that pass are counted, and V8 is made to look earlier.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Dead buffers that may lie, bytes. */
const deadBytesMax = 12 * 1_048_576;
/** Buffers that are still there after the young were collected, bytes: then some dead ones have grown old. */
const oldBytesMax = 24 * 1_048_576;

type Collect = (options: { type: "minor" | "major"; execution: "sync" }) => void;

/** The returned function is told of bytes that have passed. Collecting the young takes about a millisecond, all about 20. */
export function makeBufferCollector(): (bytes: number) => void {
  let collect: Collect | undefined;
  let passedBytes = 0;
  let heldBytes = 0;
  return (bytes) => {
    passedBytes += bytes;
    if (passedBytes < deadBytesMax) return;
    passedBytes = 0;
    collect ??= collector();
    collect({ type: "minor", execution: "sync" });
    const { arrayBuffers } = process.memoryUsage();
    if (arrayBuffers < heldBytes + oldBytesMax) return;
    collect({ type: "major", execution: "sync" });
    heldBytes = process.memoryUsage().arrayBuffers; // what is still there is in use
  };
}

// V8 gives its collector to contexts that are made while the flag is set, and to none that there is already.
function collector(): Collect {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  return collect;
}
