// The log capability: what a job prints becomes escaped lines, up to a quota. Beyond it one marker stands for all that
// is dropped; a job that goes on flooding is ended, since each dropped call still costs the supervisor time.
import { escapeLine } from "../../model/error.ts";
import { isoTime } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LogLine } from "../../ports/run-archive.ts";
import type { Arguments } from "../../protocol/bridge.ts";

/** Lines of one call: a text with more is cut. */
const linesPerCallMax = 1_000;
/** Calls after the quota is used up, before the run is ended. */
const droppedCallsMax = 10_000;
const lineCharsMax = 16_500;
/** What a line counts at least, bytes: its time, level and quotes take about 80 on disk, however short its text. */
const lineBytesMin = 64;

export interface LogParts {
  logBytes: number;
  clock: Clock;
  write(line: LogLine): void;
  /** The quota is used up many times over. Called once. */
  onFlood(): void;
}

export interface LogCapability {
  write(args: Arguments<"log.write">): void;
}

export function makeLog({ logBytes, clock, write, onFlood }: LogParts): LogCapability {
  let bytesLeft = logBytes;
  let isUsedUp = false; // a line was dropped, and the marker stands
  let droppedCalls = 0;

  function writeLine(level: LogLine["level"], raw: string): void {
    const text = escapeLine(raw, lineCharsMax);
    const bytes = Math.max(lineBytesMin, Buffer.byteLength(text) + 1);
    if (bytes > bytesLeft) {
      isUsedUp = true;
      write({
        at: isoTime(clock.nowMs()),
        level: "warn",
        text: `[log quota of ${logBytes} bytes is used up: the rest is dropped; raise limits.logs]`,
      });
      return;
    }
    bytesLeft -= bytes;
    write({ at: isoTime(clock.nowMs()), level, text });
  }

  return {
    write({ level, text }) {
      if (isUsedUp) {
        droppedCalls += 1;
        if (droppedCalls === droppedCallsMax) onFlood();
        return;
      }
      for (const line of text.split("\n", linesPerCallMax)) {
        if (isUsedUp) return;
        writeLine(level, line);
      }
    },
  };
}
