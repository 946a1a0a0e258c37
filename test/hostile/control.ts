// A process beside the supervisor that does nothing but write through to the disk now and then, as the ledger does: the
// gaps that it sees are the machine's, its processors' and its disk's. Says them when asked.
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeGapMeter } from "../support/gaps.ts";

const everyMs = 25;
const file = openSync(join(tmpdir(), "control"), "w");
setInterval(() => {
  writeSync(file, "x", 0);
  fsyncSync(file);
}, everyMs);
const meter = makeGapMeter();
process.on("SIGINT", () => {});
process.on("disconnect", () => {
  closeSync(file);
  process.exit(0);
});
process.on("message", () => process.send?.(meter.gaps()));
