// The supervisor's heartbeat and memory under floods: whatever a job sends, its event loop stands still for 250 ms at most and
// its memory grows by 32 MiB at most. Each flood has a supervisor of its own process; an idle process measures beside it
// how long this machine itself stalls, which is nobody's fault.
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Test } from "tap";
import { allocatorSettings, youngSpaceFlag } from "../../runtime/adapters/system/own-memory.ts";
import type { Flood } from "./floods.ts";

const gapMsMax = 250;
const grownBytesMax = 32 * 1_048_576;

interface Flooded {
  longestMs: number;
  grownBytes: number;
  ended: string[];
  neighbour: string;
}

async function lastLine(child: ReturnType<typeof spawn>): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) text += chunk;
  return text.trim().split("\n").at(-1) ?? "";
}

/** One flood, by its name. @param more with `blocking`, the twin that stands still on its own. */
export async function flooded(name: string, ...more: string[]): Promise<Flooded & { stallMs: number }> {
  const control = spawn(process.execPath, [join(import.meta.dirname, "gaps.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const stall = lastLine(control);
  const script = join(import.meta.dirname, "flooded.ts");
  const env = { ...process.env, ...allocatorSettings }; // as `mayfly start` has it
  const supervisor = spawn(process.execPath, ["--expose-gc", youngSpaceFlag, script, name, ...more], {
    stdio: ["ignore", "pipe", "inherit"],
    env,
  });
  const seen = await lastLine(supervisor);
  control.stdin?.end();
  const { longestMs: stallMs } = JSON.parse(await stall) as { longestMs: number };
  return { ...(JSON.parse(seen) as Flooded), stallMs };
}

const truth = /^(logs|calls|succeeded|job_threw|crash|memory)$/;

export function proveHeartbeat(t: Test, floods: readonly (readonly [string, Flood])[]): void {
  for (const [name, { onLaunch }] of floods) {
    t.test(`[RES-10] the heartbeat beside ${name}`, async (t) => {
      const { longestMs, grownBytes, ended, neighbour, stallMs } = await flooded(name);
      const said = `${Math.round(longestMs)} ms, this machine's own ${Math.round(stallMs)} ms`;
      t.ok(longestMs <= gapMsMax + stallMs, `the longest gap was ${said}`);
      t.ok(grownBytes <= grownBytesMax, `its memory grew by ${(grownBytes / 1_048_576).toFixed(1)} MiB`);
      for (const how of ended) t.match(how, truth);
      t.equal(neighbour, onLaunch === undefined ? "succeeded" : "none");
    });
  }
}
