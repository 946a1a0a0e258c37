// Runs hostile jobs by the thousand beside a good one, and says whether anything gave way. The kinds of jobs, the bounds
// and the judgement are test/hostile's.
import { parseArgs } from "node:util";
import { hostileCampaign } from "../test/hostile/campaign.ts";
import { bounds, type Findings, failuresOf } from "../test/hostile/judge.ts";

const help = `Runs hostile jobs of many kinds through the real runtime, beside a good job that is submitted four times a second.

  npm run hostile -- [--runs 10000] [--seed <number>] [--at-once 32] [--only <kind> …] [--json]

  --seed     of kinds, their order and their parameters; the same seed gives the same runs
  --at-once  hostile runs that are submitted and not over, at any time
  --only     only these kinds

  It fails when the good job's start (accepted to launched) is ever delayed by more than ${bounds.neighbourDelayMs} ms, the supervisor ends
  or its event loop stalls for more than ${bounds.heartbeatMs} ms while an idle process beside it does not, its memory grows, a run's
  record is untrue or leaves something unconfirmed, or anything is left behind.

  exit code 0   nothing gave way       2   it could not be run, or the supervisor ended by itself
            1   something did          130 interrupted; what had been found by then is printed
`;

const MiB = 1_048_576;

function tableOf(found: Findings): string {
  const { neighbour, heartbeat, rss } = found;
  const kinds = Object.entries(found.endings).sort(([a], [b]) => a.localeCompare(b));
  const failures = failuresOf(found);
  return [
    ...kinds.map(([kind, endings]) => {
      const counts = Object.entries(endings).map(([ending, count]) => `${ending} ${count}`);
      return `${kind.padEnd(24)}${counts.join(", ")}`;
    }),
    "",
    `${found.runs} hostile runs of ${kinds.length} kinds in ${Math.round(found.tookMs / 1_000)} s, seed ${found.seed}`,
    `neighbour  ${neighbour.count} runs, accepted to launched: median ${neighbour.p50Ms} ms, p99 ${neighbour.p99Ms} ms, longest ${neighbour.maxMs} ms`,
    `heartbeat  longest gap ${heartbeat.longestMs} ms (running ${heartbeat.cpuMs} ms of it, ${heartbeat.gcMs} of these collecting; ${heartbeat.queuedMs} ms in the run queue), the control ${heartbeat.machineMs} ms; of its own at most ${heartbeat.ownMs} ms`,
    rss === null
      ? "memory     too few runs to tell"
      : `memory     ${(rss.firstBytes / MiB).toFixed(1)} MiB in the first tenth, ${(rss.settledBytes / MiB).toFixed(1)} in the fourth, ${(rss.lastBytes / MiB).toFixed(1)} MiB in the last`,
    `left       ${found.residue.length === 0 ? "nothing" : `${found.residue.length} things`}`,
    "",
    ...(failures.length === 0 ? ["nothing gave way"] : ["FAILED:", ...failures.map((each) => `  ${each}`)]),
    "",
  ].join("\n");
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name}: needed a whole number from 1`);
  return value;
}

async function main(stop: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "10000" },
      seed: { type: "string", default: String(1 + (Date.now() % 1_000_000)) },
      "at-once": { type: "string", default: "32" },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const [runs, seed] = [whole("runs", values.runs), whole("seed", values.seed)];
  process.stderr.write(`seed ${seed}\n`);
  const found = await hostileCampaign({
    runs,
    seed,
    atOnce: whole("at-once", values["at-once"]),
    only: values.only,
    stop,
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  const failures = failuresOf(found);
  process.stdout.write(values.json ? `${JSON.stringify({ ...found, failures }, null, 2)}\n` : tableOf(found));
  if (stop.aborted) process.exitCode = 130;
  else process.exitCode = failures.length === 0 ? 0 : 1;
}

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());

main(interrupt.signal).catch((error: unknown) => {
  process.stderr.write(`hostile: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
