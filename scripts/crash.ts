// Kills the supervisor as often as you like: test/crash with more kills, or with a seed to see a failure again.
import { parseArgs } from "node:util";
import { crashCampaign } from "../test/crash/campaign.ts";

const help = `Kills \`mayfly start\` with SIGKILL at random points of runs that hold real credentials, starts it again, and looks for
what must not be: a live token, a database role, a process, a directory, a run without an end.

  npm run crash -- [--kills 100] [--seed <number>]
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "100" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  if (!Number.isInteger(kills) || kills < 1) throw new Error("--kills: needed a whole number from 1");
  if (!Number.isInteger(seed)) throw new Error("--seed: needed a whole number");
  const undo: (() => unknown)[] = [];
  process.stderr.write(`seed ${seed}\n`);
  try {
    const scope = { teardown: (call: () => unknown) => void undo.unshift(call) };
    const found = await crashCampaign(scope, { kills, seed, say: (line) => process.stderr.write(`${line}\n`) });
    process.stdout.write(`${JSON.stringify({ seed, ...found }, null, 2)}\n`);
    if (found.violations.length > 0 || found.auditVerify.code !== 0) process.exitCode = 1;
  } finally {
    for (const call of undo) await call();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`crash: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
