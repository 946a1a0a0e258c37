// Attacks on the limits of a run. Those that end the run do so from outside of the isolate; those that a job may survive
// (files, requests, responses) are denials and failures of one call, and have a control that is served.

import { largeBytes } from "../../../adapters/system/recorder.ts";
import type { Limits } from "../../../model/limits.ts";
import {
  type Attack,
  type AttackJob,
  type Bench,
  endedBy,
  endOf,
  jobAttack,
  type Place,
  type Seen,
  size,
  wasDenied,
} from "../attack.ts";

const { KiB, MiB } = size;

/** Wall time of what another limit is to end, ms: more than a slow machine needs. */
const plentyMs = 30_000;
const soonMs = 300;
const patient = { wallMs: plentyMs, cpuMs: plentyMs };

/** Each takes a bounded amount, so that a broken limit shows as a job that ends well rather than as a machine that doesn't. */
const ends: readonly (readonly [name: string, tries: string, code: string, job: AttackJob, quick?: true])[] = [
  ["wall", "an endless loop", "timeout", { body: "for (;;);", limits: { wallMs: soonMs } }, true],
  [
    "wall, waiting",
    "a promise that never settles",
    "timeout",
    { body: "await new Promise(() => {});", limits: { wallMs: soonMs } },
  ],
  [
    "wall, regular expression",
    "one that backtracks for ever",
    "timeout",
    { body: 'return /^(a+)+$/.test("a".repeat(60) + "b");', limits: { wallMs: soonMs } },
  ],
  [
    "wall, built-in",
    "a built-in of V8 that can't be interrupted",
    "timeout",
    { body: "return Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);", limits: { wallMs: soonMs } },
  ],
  ["cpu", "an endless loop with time left", "cpu", { body: "for (;;);", limits: { wallMs: plentyMs, cpuMs: 200 } }],
  [
    "memory, heap",
    "128 MiB of arrays",
    "memory",
    {
      body: "const a = []; for (let i = 0; i < 16_384; i++) a.push(new Array(1024).fill(i)); return a.length;",
      limits: { ...patient, memoryBytes: 32 * MiB },
    },
  ],
  [
    "memory, buffers",
    "256 MiB outside of the heap",
    "memory",
    {
      body: "const a = []; for (let i = 0; i < 256; i++) a.push(new Uint8Array(1 << 20).fill(1)); return a.length;",
      limits: { ...patient, memoryBytes: 32 * MiB },
    },
    true,
  ],
  ["result", "a result of 2 MiB", "output", { body: 'return "x".repeat(2 << 20);', limits: { resultBytes: MiB } }],
  [
    "logs",
    "12,000 log lines",
    "logs",
    {
      body: 'for (let i = 0; i < 12_000; i++) console.log("x".repeat(100));',
      limits: { ...patient, logBytes: 64 * KiB },
    },
  ],
  [
    "calls",
    "3,000 calls",
    "calls",
    { body: 'for (let i = 0; i < 3_000; i++) await c.files.stat("/");', limits: { ...patient, calls: 2_000 } },
  ],
];

export function limitAttacks(place: Place): Attack[] {
  return [
    ...ends.map(([name, tries, code, job, quick]) =>
      jobAttack(
        { group: "limit", name, tries, expects: `the run ends by ${code}`, ...(quick ? { quick } : {}) },
        job,
        (record) => endedBy(record, code),
      ),
    ),
    ...quotaAttacks,
    ...requestAttacks(place),
  ];
}

const quotaAttacks: readonly Attack[] = [
  jobAttack(
    { group: "limit", name: "bytes of files", tries: "a file of 2 MiB", expects: "denied: quota" },
    { body: 'await c.files.write("/big", new Uint8Array(2 << 20));', quota: { bytes: MiB } },
    (record) => wasDenied(record, "quota"),
  ),
  jobAttack(
    { group: "limit", name: "entries of files", tries: "100 empty files", expects: "denied: quota" },
    { body: 'for (let i = 0; i < 100; i++) await c.files.write("/" + i, "");', quota: { entries: 50 } },
    (record) => wasDenied(record, "quota"),
  ),
];

function requestAttacks(place: Place): Attack[] {
  const { origin } = place.recorder;
  const allow = [`GET ${origin}/*`];
  const fails = (name: string, tries: string, path: string, code: string, limits: Partial<Limits>): Attack => ({
    group: "limit",
    name,
    tries,
    expects: `the call fails: ${code}`,
    jobs: {
      attack: {
        body: codeOf(`await (await c.fetch("${origin}${path}")).arrayBuffer();`),
        allow,
        limits: { ...patient, ...limits },
      },
      control: { body: codeOf(`await (await c.fetch("${origin}/")).arrayBuffer();`), allow },
    },
    async run(bench) {
      const record = await bench.run("attack");
      return withControl(bench, record.result === code, `${String(record.result)}, ${endOf(record)}`);
    },
  });
  return [
    requestsAttack(place, allow),
    fails("response", `a body of ${largeBytes / MiB} MiB`, "/large", "response_size", { responseBodyBytes: MiB }),
    fails("response, inflated", "as much, in a few KiB of gzip", "/bomb", "response_size", { responseBodyBytes: MiB }),
    fails("request time", "a body that drips for ever", "/drip", "net_timeout", { requestMs: 400 }),
  ];
}

/** A body whose result is the code of what went wrong in it, or `served`. */
function codeOf(statement: string): string {
  return `try { ${statement} return "served"; } catch (e) { return e.code ?? String(e); }`;
}

function requestsAttack({ recorder }: Place, allow: readonly string[]): Attack {
  const { origin } = recorder;
  return {
    group: "limit",
    name: "requests",
    tries: "ten requests",
    expects: "five arrive, then denied: requests",
    jobs: {
      attack: {
        body: codeOf(`for (let i = 0; i < 10; i++) await (await c.fetch("${origin}/")).text();`),
        allow,
        limits: { requests: 5 },
      },
      control: { body: codeOf(`await (await c.fetch("${origin}/")).text();`), allow },
    },
    async run(bench) {
      const before = recorder.requests();
      const record = await bench.run("attack");
      const arrived = recorder.requests() - before;
      return withControl(bench, wasDenied(record, "requests") && arrived === 5, `${arrived} arrived, ${endOf(record)}`);
    },
  };
}

async function withControl(bench: Bench, held: boolean, saw: string): Promise<Seen> {
  const control = await bench.run("control");
  if (control.result === "served") return { held, saw };
  return {
    held,
    saw,
    blind: `what is within the limit isn't served either: ${String(control.result)}, ${endOf(control)}`,
  };
}
