// (c) From the end of a run (its `result` event) to the first refusal of its credential at the resource, as seen by somebody
// in another process who has it and tries it every millisecond; where the resource has sessions, also until one that was open
// is cut. What the last try took is in the figure.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Issued, IssuerWorld, OpenIssuerWorld, Place } from "../../test/worlds/world.ts";
import { startChild } from "./child.ts";
import type { RevokeOptions, RevokeSays } from "./revoke-child.ts";
import { machineMs } from "./stats.ts";
import type { Bench } from "./world.ts";

const warmupRuns = 2;
const usedLine = "used";
/** Long enough that the executor which replaces the run's own is made before the run ends, as for any run but the shortest. */
const runAtLeastMs = 200;
/** Between two tries of the thief, who would otherwise have one of two processors to himself: the figures' resolution. */
const tryEveryMs = 1;
/** A credential that is taken so long after its run is no figure, ms. */
const refusedWithinMs = 30_000;

export interface Refusals {
  /** What the relying party looks at. */
  checks: string;
  /** Run end to the first refusal, ms, one a run. */
  found: number[];
}

export async function measureRevoke(bench: Bench, open: OpenIssuerWorld, runs: number): Promise<Refusals> {
  const world = await open();
  const directory = join(bench.scratch, `revoke-${world.kind}`);
  mkdirSync(join(directory, "bells"), { recursive: true });
  world.begin?.(directory);
  const child = startChild("revoke-child.ts");
  try {
    child.tell(optionsOf(world, directory));
    const ready = await child.hear<RevokeSays>();
    if (ready.type !== "ready") throw new Error("the supervisor of the benchmark did not start");
    const place: Place = { installation: ready.installation, directory };
    const found: number[] = [];
    for (let run = -warmupRuns; run < runs; run += 1) {
      const bell = `bell-${run + warmupRuns}`;
      child.tell(bell as unknown as object);
      const said = await child.hear<RevokeSays>();
      if (said.type !== "issued") throw new Error(`a run that was to be measured ${JSON.stringify(said)}`);
      const [refusedAt, { resultAt, lease, state, error }] = await Promise.all([
        refusalOf(world, said.issued, place, () => writeFileSync(join(directory, "bells", bell), "")),
        ended(child.hear<RevokeSays>()),
      ]);
      if (state !== "succeeded" || lease !== "revoked")
        throw new Error(`a run ended as ${state}, its lease ${lease}: ${error}`);
      if (run >= 0) found.push(refusedAt - resultAt);
      if (run % 20 === 0) bench.say(`revocation, ${world.kind} ${Math.max(0, run)}/${runs}`);
    }
    return { checks: world.checks, found };
  } finally {
    await child.stop();
    await world.stop();
  }
}

async function ended(saying: Promise<RevokeSays>): Promise<Extract<RevokeSays, { type: "ended" }>> {
  const said = await saying;
  if (said.type !== "ended") throw new Error(`the supervisor said ${said.type}`);
  return said;
}

/** Tries it until it is refused. @param endRun called once it has been taken. */
async function refusalOf(world: IssuerWorld, issued: Issued, place: Place, endRun: () => void): Promise<number> {
  const session = await world.session?.(issued, place);
  await untilTaken(() => world.accepts(issued, place));
  await pause(runAtLeastMs);
  endRun();
  const [login, cut] = await Promise.all([
    untilRefused(() => world.accepts(issued, place)),
    session === undefined ? 0 : untilRefused(session),
  ]);
  return Math.max(login, cut);
}

/** Issued a moment before the broker has recorded it: the resource may not know it yet. */
async function untilTaken(takes: () => Promise<boolean>): Promise<void> {
  const until = machineMs() + refusedWithinMs;
  while (!(await takes())) {
    if (machineMs() > until) throw new Error("a credential that is never taken");
    await pause(5);
  }
}

async function untilRefused(takes: () => Promise<boolean>): Promise<number> {
  const until = machineMs() + refusedWithinMs;
  while (await takes()) {
    await pause(tryEveryMs);
    if (machineMs() > until) throw new Error(`a credential that is taken ${refusedWithinMs} ms after its run`);
  }
  return machineMs();
}

function optionsOf(world: IssuerWorld, directory: string): RevokeOptions {
  const wait = `while ((await c.files.stat("/bells/" + c.input)) === null) await new Promise((go) => setTimeout(go, 5));`;
  return {
    directory,
    words: {
      executor: { warm: 2 },
      issuers: { held: world.issuer },
      ...(world.identity === undefined ? {} : { identity: world.identity }),
      jobs: {
        held: {
          entry: "./held.ts",
          credential: { ...world.credential, issuer: "held", ttl: "5m", purpose: "benchmark" },
          files: { mounts: { "/bells": "./bells" } },
          ...(world.network === undefined ? {} : { network: world.network }),
          limits: { wall: "60s" },
        },
      },
    },
    env: world.env,
    authorities: world.authorities ?? [],
    usedLine,
    body: `${world.use} c.log.info("${usedLine}"); ${wait} return "ended";`,
  };
}
