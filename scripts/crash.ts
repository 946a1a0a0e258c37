// Kills the supervisor and the executor as often as you like: at named points of a credential's life, for every issuer at a
// real server (test/crash/points.ts), and at random moments of the command line's life (test/crash/campaign.ts).
import { parseArgs } from "node:util";
import { crashCampaign } from "../test/crash/campaign.ts";
import { type PointsFound, pointsCampaign } from "../test/crash/points-campaign.ts";
import { issuerWorlds } from "../test/worlds/all.ts";

const kinds = Object.keys(issuerWorlds);

const help = `Kills supervisors and executors with SIGKILL while runs hold real credentials, starts again, and looks for what must
not be: a credential that its resource takes, a process, a directory, a run without an end.

  npm run crash -- [--kills 500] [--seed <number>] [--only random,${kinds.join()}] [--json]

  random    \`mayfly start\` is killed at random moments, with the JWT and PostgreSQL issuers together
  the rest  the supervisor, and in every third round the executor, is killed before and after each step from the intent to
            the record of the end; afterwards every credential that the issuer's own log shows is tried at the resource

  The kills are dealt out evenly.

  exit code 0   nothing lived on       2   it could not be run
            1   something did          130 interrupted; what was started is ended
`;

interface Scope {
  teardown(call: () => unknown): void;
}

interface Found {
  seed: number;
  random?: Awaited<ReturnType<typeof crashCampaign>>;
  points: PointsFound[];
}

async function main(scope: Scope): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "500" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      only: { type: "string", default: ["random", ...kinds].join() },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  const only = values.only.split(",");
  if (!Number.isInteger(kills) || kills < only.length) throw new Error(`--kills: needed at least ${only.length}`);
  if (!Number.isInteger(seed)) throw new Error("--seed: needed a whole number");
  const unknown = only.find((part) => part !== "random" && !kinds.includes(part));
  if (unknown !== undefined) throw new Error(`--only: needed some of random,${kinds.join()}`);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  say(`seed ${seed}`);
  const found: Found = { seed, points: [] };
  const share = Math.ceil(kills / only.length);
  for (const part of only) {
    const open = issuerWorlds[part];
    if (open === undefined) found.random = await crashCampaign(scope, { kills: share, seed, say });
    else found.points.push(await pointsCampaign(open, { kills: share, seed, say }));
  }
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : tableOf(found));
  const violations = [...(found.random?.violations ?? []), ...found.points.flatMap((each) => each.violations)];
  if (violations.length > 0 || (found.random?.auditVerify.code ?? 0) !== 0) process.exitCode = 1;
}

function tableOf({ seed, random, points }: Found): string {
  const row = (cells: readonly (string | number)[]) =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(10) : String(cell).padStart(12))).join("");
  const rows = points.map(({ kind, kills, reached, killsWithLive, issued, slowestMs, violations }) =>
    row([
      ...[kind, kills.supervisor, kills.executor, Object.keys(reached).length],
      ...[issued, killsWithLive, slowestMs, violations.length],
    ]),
  );
  if (random !== undefined) {
    const { kills, submitted, killsWithLiveToken, killsWithLiveRole, slowestMs, violations } = random;
    rows.unshift(
      row(["random", kills, "–", "–", submitted, killsWithLiveToken + killsWithLiveRole, slowestMs, violations.length]),
    );
  }
  const head = row(["", "supervisor", "executor", "points", "issued", "left alive", "slowest ms", "violations"]);
  const said = [...(random?.violations ?? []), ...points.flatMap(({ violations }) => violations)];
  const closing = `seed ${seed}. "left alive": kills after which a credential was taken until the restart, which is the control.`;
  return `${[head, ...rows, "", closing, ...said].join("\n")}\n`;
}

const undo: (() => unknown)[] = [];
const scope: Scope = { teardown: (call) => void undo.unshift(call) };
async function cleanUp(): Promise<void> {
  for (const call of undo.splice(0)) await call();
}
process.once("SIGINT", () => void cleanUp().finally(() => process.exit(130)));

main(scope)
  .catch((error: unknown) => {
    process.stderr.write(`crash: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  })
  .finally(cleanUp);
