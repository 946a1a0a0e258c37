// The attacks of `mayfly doctor --attack`, each against a twin of the installation whose defence is off: a doctor who says
// `held` to that would say it to anything. The twins are made of the attacks' own jobs, with the limit or the denial taken
// away, or of a bench that answers as a broken part would. Then the controls: an attack that would see nothing is no proof.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import type { Attack, AttackJob, Bench, Place, Row } from "../../runtime/cli/doctor/attack.ts";
import { allAttacks, quickAttacks } from "../../runtime/cli/doctor/attacks/all.ts";
import { conclude } from "../../runtime/cli/doctor/conclusion.ts";
import { judge } from "../../runtime/cli/doctor/judge.ts";
import { openLab } from "../../runtime/cli/doctor/lab.ts";
import { runAttacks } from "../../runtime/cli/doctor/run-attacks.ts";

interface Twin {
  /** Of the attack's own job, unless it says of which. */
  job?: Partial<AttackJob>;
  of?: string;
  /** Put before the body. */
  prelude?: string;
  bench?: (bench: Bench) => Partial<Bench>;
}

const unlimited: Twin = {
  job: {
    limits: { wallMs: 3_600_000, cpuMs: 3_600_000, memoryBytes: 1 << 30, resultBytes: 1 << 22, logBytes: 1 << 22 },
    quota: { bytes: 1 << 24, entries: 1_000 },
  },
};
const everything = {
  attempts: {
    connect: "did: connected",
    "root again": "did: 0",
    user: "did: 0",
    environment: "did: 3",
    memory: "did: 512",
  },
};
const got = (name: string) => ({ attempts: { ...everything.attempts, [name]: "did: 1" }, connects: 0, signals: 0 });
const immortal: Twin = { bench: () => ({ isActive: async () => true }) };
const undying: Twin = { bench: () => ({ signal: () => {} }) };

function twins({ bait, forbidden, recorder }: Place): Record<string, Twin> {
  const both = [`GET ${forbidden.origin}/*`, `GET ${recorder.origin}/*`];
  const open: Twin = { job: { allow: both } };
  const inside = (name: string): Twin => ({ bench: () => ({ inside: async () => got(name) }) });
  return {
    "isolation: globals of Node": { prelude: "globalThis.process = {};" },
    "isolation: constructor chains": {
      prelude: "c = { ...c, fetch: { constructor: { constructor: () => () => 'object' } } };",
    },
    "isolation: dynamic import": { job: { body: "return ['node:fs'];" } },
    "isolation: host paths in errors": {
      prelude:
        "const read = () => { throw Object.assign(new Error(), { stack: 'at file:///srv/app.js' }); }; c = { ...c, files: { ...c.files, read } };",
    },
    "isolation: polluted prototypes": { of: "next", prelude: "Object.prototype.polluted = 1;" },
    "files: a file outside": { job: { mounts: { [bait.directory]: bait.directory } } },
    "files: a link planted from outside": {
      bench: ({ runtime }) => ({
        plantLink(run, name) {
          const into = join(runtime.state.directory("runs"), run);
          copyFileSync(bait.file, join(into, name)); // as one that follows links would have it
          mkdirSync(join(into, `${name}-directory`));
        },
      }),
    },
    "files: a mount that may only be read": { job: { mounts: {} } },
    "egress: a request without a grant": open,
    "egress: another port": open,
    "egress: a redirect": open,
    "egress: a name of this machine": { job: { privateAddresses: ["127.0.0.0/8"] } },
    "egress: spellings of loopback": open,
    "egress: requests after the end": {
      bench: (bench) => ({
        harmless: async () => {
          await fetch(recorder.origin);
          return bench.harmless();
        },
      }),
    },
    "walls: a connection": inside("connect"),
    "walls: a file of the machine": inside("/etc/passwd"),
    "walls: a file for everyone": inside("read"),
    "walls: the state directory": inside("list"),
    "walls: writing outside": inside("write"),
    "walls: another process": inside("child"),
    "walls: root again": inside("root again"),
    "walls: the supervisor": {
      bench: () => ({ inside: async () => ({ attempts: { signal: "refused: EPERM" }, connects: 0, signals: 1 }) }),
    },
    "walls: many descriptors": inside("descriptors"),
    "walls: the environment": inside("environment"),
    "walls: the user": inside("none"),
    "walls: Node's permission model": inside("read"),
    "walls: a dead supervisor": {
      bench: () => ({ inside: async () => ({ ...got("none"), attempts: { orphan: "did: outlived" } }) }),
    },
    "walls: memory, unwatched": inside("none"),
    "credential: a fetch without a grant": { job: { credential: true } },
    "credential: a token after the end": immortal,
    "credential: a token of a killed run": immortal,
    "credential: a second fetch after the end": immortal,
    "crash: SIGSEGV": undying,
    "crash: SIGABRT": undying,
    "audit: a turned byte": { bench: () => ({ auditHolds: async () => ({ ok: true, said: "unbroken" }) }) },
  };
}

const nameOf = ({ group, name }: Pick<Attack, "group" | "name">) => `${group}: ${name}`;

function weakened(attack: Attack, { job, of = "attack", prelude = "", bench }: Twin): Attack {
  const jobs = Object.entries(attack.jobs).map(([key, before]): [string, AttackJob] => {
    if (key !== of) return [key, before];
    const after = { ...before, ...job };
    return [key, { ...after, body: `${prelude} ${after.body}` }];
  });
  return {
    ...attack,
    jobs: Object.fromEntries(jobs),
    run: (real) => attack.run({ ...real, ...bench?.(real) }),
  };
}

async function verdictsOn(attacks: (place: Place) => readonly Attack[]): Promise<Row[]> {
  const { name: directory } = tmp.dirSync({ prefix: "mayfly-twins-", mode: 0o700, keep: true });
  const executor = { osSandbox: "preferred", warm: 0, reuse: null } as const;
  const onWarning = () => {};
  const lab = await openLab({ executor, directory, attacks, onWarning, env: process.env, runMsMax: 2_000 });
  try {
    return await runAttacks({ lab, clock: systemClock, atOnce: 1 });
  } finally {
    await lab.close();
    rmSync(directory, { recursive: true });
  }
}

t.test("an attack that says `held` where its defence is off", async (t) => {
  let tried = 0;
  const rows = await verdictsOn((place) => {
    const off = twins(place);
    const attacks = allAttacks(place);
    tried = attacks.length;
    t.same(
      Object.keys(off).filter((name) => !attacks.some((attack) => nameOf(attack) === name)),
      [],
      "each twin is of an attack",
    );
    return attacks.map((attack) => weakened(attack, off[nameOf(attack)] ?? unlimited));
  });
  t.equal(rows.length, tried);
  for (const row of rows) t.equal(row.verdict, "BROKEN", `${nameOf(row)}: ${row.saw}`);
  t.equal(conclude(rows, "preferred").exitCode, 6, "which nothing waives");
});

t.test("an attack whose control fails counts as broken, and says that it was blind", async (t) => {
  const blinded: Record<string, Twin> = {
    "limit: response": { of: "control", job: { allow: [] } },
    "limit: request time": { of: "control", job: { allow: [] } },
    "egress: a request without a grant": { of: "control", job: { allow: [] } },
    "egress: spellings of loopback": { of: "control", job: { allow: [] } },
    "credential: a token after the end": { bench: () => ({ isActive: async () => false }) },
    "audit: a turned byte": { bench: () => ({ auditHolds: async () => ({ ok: false, said: "broken before" }) }) },
  };
  const rows = await verdictsOn((place) =>
    allAttacks(place).flatMap((attack) => {
      const twin = blinded[nameOf(attack)];
      return twin === undefined ? [] : [weakened(attack, twin)];
    }),
  );
  t.equal(rows.length, Object.keys(blinded).length);
  for (const row of rows) t.match(row, { verdict: "BROKEN", saw: /the control failed/ }, nameOf(row));
});

t.test("an attack that can't be carried out, and one without its layer", async (t) => {
  const layers = [{ name: "mount-tree", armed: false, detail: "not here", hint: "install it" }];
  const bench = { runtime: { pool: { layers: () => layers } } } as unknown as Bench;
  const attack = (run: Attack["run"], needs = "mount-tree"): Attack => ({
    group: "walls",
    name: "x",
    tries: "x",
    expects: "x",
    needs,
    jobs: {},
    run,
  });
  const verdict = async (made: Attack) => judge(made, bench, systemClock);
  t.match(await verdict(attack(async () => Promise.reject(new Error("no place to stand")))), {
    verdict: "BROKEN",
    saw: /no place to stand/,
  });
  t.match(await verdict(attack(async () => ({ held: false, saw: "read" }))), {
    verdict: "not armed",
    saw: /read; mount-tree is not armed: not here/,
    hint: "install it",
  });
  t.match(
    await verdict(attack(async () => ({ held: true, saw: "refused" }))),
    { verdict: "held" },
    "another wall held",
  );
  t.match(await verdict(attack(async () => ({ held: false, saw: "read" }), "seccomp")), { verdict: "BROKEN" });
});

t.test(
  "what `start` tries is a part of it: versions and layers apart, one of each kind that must never be off",
  async (t) => {
    const rows = await verdictsOn(quickAttacks);
    t.same(rows.map(nameOf), [
      "isolation: globals of Node",
      "limit: wall",
      "limit: memory, buffers",
      "files: a file outside",
      "egress: a request without a grant",
    ]);
    for (const row of rows) t.equal(row.verdict, "held", row.saw);
  },
);
