// Floods that a job, or an executor that was taken over, sends up to the supervisor: what the heartbeat is measured beside.
import type { JobUnderTest } from "../support/runs.ts";

const MiB = 1_048_576;
const patient = { wallMs: 60_000, cpuMs: 60_000, memoryBytes: 256 * MiB };
const quota = { bytes: 64 * MiB };

export interface Flood extends JobUnderTest {
  /** Stands in the executor's place. */
  onLaunch?: string;
}

export const floods: Record<string, Flood> = {
  "log lines": {
    body: 'for (let i = 0; ; i++) console.log("line " + i + " " + "x".repeat(900));',
    limits: { ...patient, logBytes: 8 * MiB, calls: 200_000 },
  },
  "log lines of many lines": {
    body: 'for (;;) console.log("a\\n".repeat(8_000));',
    limits: { ...patient, logBytes: 8 * MiB, calls: 20_000 },
  },
  calls: { body: 'for (;;) c.files.stat("/").catch(() => {});', limits: { ...patient, calls: 30_000 } },
  "denials by the thousand": {
    body: 'for (;;) { c.fetch("http://nobody.example/").catch(() => {}); c.files.read("/../x").catch(() => {}); await null; }',
    limits: { ...patient, calls: 6_000 },
  },
  "asking for the credential": {
    body: "for (let i = 0; i < 10_000; i++) c.credential.fetch().catch(() => {}); return 1;",
    limits: { ...patient, calls: 20_000 },
    credential: true,
  },
  "large arguments": {
    body: 'const sql = "x".repeat(60_000), params = Array.from({ length: 200 }, () => "y".repeat(800)); for (;;) c.credential.query(sql, params).catch(() => {});',
    limits: { ...patient, calls: 3_000 },
  },
  "a body of 14 MiB, again and again": {
    body: "const big = new Uint8Array(14 << 20).fill(65); for (let i = 0; i < 12; i++) { await c.files.write('/big', big); await c.files.read('/big'); } return 1;",
    limits: patient,
    quota,
  },
  "a large result of many values": {
    body: "return Array.from({ length: 300_000 }, () => []);",
    limits: { ...patient, resultBytes: 1 * MiB },
  },
  "an error with a long stack": {
    body: 'const e = new Error("m".repeat(15_000)); e.stack = ("Error\\n" + "    at f (job.js:1:1)\\n".repeat(3_000)); throw e;',
    limits: patient,
  },
  "frames of garbage": {
    onLaunch:
      'for (let i = 0; i < 2_000; i++) say({ type: "call", id: i + 1, op: "none", args: { a: "x".repeat(10_000) } }); raw(Buffer.alloc(1 << 20, 255));',
    limits: patient,
  },
  "headers of deep JSON": {
    onLaunch:
      'const deep = "[".repeat(120_000) + "]".repeat(120_000); for (let i = 1; i <= 100; i++) raw(frame(\'{"type":"call","id":\' + i + \',"op":"files.read","args":\' + deep + "}")); done(1);',
    limits: patient,
  },
  "a result of deep JSON": {
    onLaunch: 'say({ type: "done" }, "[".repeat(400_000) + "]".repeat(400_000));',
    limits: patient,
  },
  "bodies of 14 MiB at once": {
    onLaunch:
      'const body = Buffer.alloc(14 << 20, 65); for (let i = 0; i < 40; i++) raw(frame({ type: "call", id: i + 1, op: "files.write", args: { path: "/big", mode: "replace" } }, body)); done(1);',
    limits: patient,
    quota,
  },
  "bodies of 14 MiB on calls that take none": {
    onLaunch:
      'const body = Buffer.alloc(14 << 20, 65); for (let i = 0; i < 40; i++) raw(frame({ type: "call", id: i + 1, op: "log.write", args: { level: "info", text: "x" } }, body)); done(1);',
    limits: patient,
  },
};
