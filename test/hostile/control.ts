// An idle process beside the supervisor: the gaps that it sees are the machine's. Says them when asked.
import { makeGapMeter } from "./gaps.ts";

const meter = makeGapMeter();
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit(0));
process.on("message", () => process.send?.(meter.gaps()));
