// Attacks with the credential: one that was never granted, one that outlives its run. The resource is our recorder, to
// which the run shows its token, and which asks the token's issuer afterwards, as a resource does (RFC 7662).
import type { RunRecord } from "../../../model/run.ts";
import {
  type Attack,
  type Bench,
  endOf,
  jobAttack,
  type Place,
  type Seen,
  type StartedRun,
  wasDenied,
} from "../attack.ts";

const untilReleased = `while (!(await c.files.list("/")).some(({ name }) => name === "go-directory")) await new Promise((f) => setTimeout(f, 5));`;

export function credentialAttacks(place: Place): Attack[] {
  const { origin } = place.recorder;
  const grant = { allow: [`GET ${origin}/*`], credential: true };
  const show = `const token = await c.credential.fetch();
    await (await c.fetch("${origin}/", { headers: { authorization: "Bearer " + token } })).text(); c.log.info("shown");`;
  const words = { group: "credential", expects: "active while the run goes on, inactive after it" } as const;
  return [
    jobAttack(
      {
        group: "credential",
        name: "a fetch without a grant",
        tries: "credential.fetch and credential.query",
        expects: "denied: grant; no lease",
      },
      { body: 'await c.credential.fetch().catch(() => {}); await c.credential.query("SELECT 1").catch(() => {});' },
      (record) => wasDenied(record, "grant") && record.denials.length === 2 && record.lease === null,
    ),
    {
      ...words,
      name: "a token after the end",
      tries: "the run's token at introspection, once the run has succeeded",
      jobs: { attack: { body: `${show} ${untilReleased}`, ...grant } },
      run: (bench) => outlives(bench, (run) => bench.plantLink(run.id, "go")),
    },
    {
      ...words,
      name: "a token of a killed run",
      tries: "the run's token at introspection, once the run was killed",
      jobs: { attack: { body: `${show} for (;;);`, ...grant } },
      run: (bench) => outlives(bench, (run) => void bench.runtime.scheduler.kill(run.id, "killed by the doctor")),
    },
    {
      group: "credential",
      name: "a second fetch after the end",
      tries: "a job that returns while its timers go on calling credential.fetch",
      expects: "nothing is issued once the run has ended, and what was is dead",
      jobs: {
        attack: {
          body: `${show} const keep = c.credential; setInterval(() => keep.fetch().catch(() => {}), 0);`,
          ...grant,
        },
      },
      run: secondFetch,
    },
  ];
}

/** The token that the run showed last. */
function shownToken({ place: { recorder } }: Bench): string {
  return (recorder.shown().at(-1) ?? "").replace(/^Bearer /, "");
}

async function outlives(bench: Bench, end: (run: StartedRun) => void): Promise<Seen> {
  const run = await bench.start("attack");
  await bench.logged(run, "shown");
  const token = shownToken(bench);
  const during = await bench.isActive(token);
  end(run);
  return afterwards(bench, await run.done, token, during);
}

async function afterwards(bench: Bench, record: RunRecord, token: string, during: boolean): Promise<Seen> {
  const after = await bench.isActive(token);
  const word = (active: boolean) => (active ? "active" : "inactive");
  return {
    held: !after && record.lease?.state === "revoked" && record.teardown.lease === "confirmed",
    saw: `${word(during)} during the run, ${word(after)} after it; lease ${record.lease?.state ?? "none"}, ${endOf(record)}`,
    ...(during ? {} : { blind: "the token was never active" }),
  };
}

async function secondFetch(bench: Bench): Promise<Seen> {
  const record = await bench.run("attack");
  const token = shownToken(bench);
  await bench.harmless(); // time in which a call of the dead run would be served
  const after = await bench.isActive(token);
  const { store } = bench.runtime;
  const types = store
    .auditEntries(1, 100_000)
    .filter(({ event }) => event.runId === record.id)
    .map(({ event }) => event.type);
  const late = types.slice(types.indexOf("run.ended") + 1);
  const issued = types.filter((type) => type === "lease.issued").length;
  return {
    held: !after && late.length === 0 && issued === 1 && store.lease(record.id)?.state === "revoked",
    saw: `${issued} issued, ${late.length} events after the end, the token ${after ? "active" : "inactive"}`,
    ...(record.state === "succeeded" ? {} : { blind: `the run did not end by itself: ${endOf(record)}` }),
  };
}
