// What `mayfly doctor` tries: one small hostile job for each limit, and what must become of it. The jobs are scripts as
// the bundler would make them.
import type { Grants } from "../../model/grant.ts";
import type { JobSpec } from "../../model/job.ts";
import { defaultFileQuota, defaultLimits, type Limits } from "../../model/limits.ts";
import type { RunRecord } from "../../model/run.ts";

export interface Probe {
  name: string;
  /** How it is tried, for people. */
  tries: string;
  /** Body of an async function with the job's context as `c`. */
  body: string;
  limits?: Partial<Limits>;
  holds(record: RunRecord): boolean;
}

const MiB = 1_048_576;
const endedBy = (code: string) => (record: RunRecord) => record.state === "limit" && record.error?.code === code;
const denied = (code: string) => (record: RunRecord) => record.denials.some((denial) => denial.code === code);

export const probes: readonly Probe[] = [
  {
    name: "limit wall",
    tries: "an endless loop",
    body: "for (;;);",
    limits: { wallMs: 300 },
    holds: endedBy("timeout"),
  },
  {
    name: "limit wall, waiting",
    tries: "a promise that never settles",
    body: "await new Promise(() => {});",
    limits: { wallMs: 300 },
    holds: endedBy("timeout"),
  },
  {
    name: "limit cpu",
    tries: "an endless loop with time left",
    body: "for (;;);",
    limits: { wallMs: 10_000, cpuMs: 200 },
    holds: endedBy("cpu"),
  },
  {
    name: "limit memory, heap",
    tries: "an array that grows for ever",
    body: "const a = []; for (;;) a.push(new Array(1000).fill(a.length));",
    limits: { memoryBytes: 32 * MiB },
    holds: endedBy("memory"),
  },
  {
    name: "limit memory, buffers",
    tries: "buffers outside the heap",
    body: "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1));",
    limits: { memoryBytes: 32 * MiB },
    holds: endedBy("memory"),
  },
  { name: "limit result", tries: "a result of 2 MiB", body: 'return "x".repeat(2 << 20);', holds: endedBy("output") },
  {
    name: "limit logs",
    tries: "log lines without end",
    body: 'for (;;) console.log("x".repeat(1000));',
    limits: { logBytes: 65_536, wallMs: 20_000, cpuMs: 20_000 },
    holds: endedBy("logs"),
  },
  {
    name: "limit calls",
    tries: "calls without end",
    body: 'for (;;) c.files.stat("/").catch(() => {});',
    limits: { calls: 2_000 },
    holds: endedBy("calls"),
  },
  {
    name: "quota of files",
    tries: "a file larger than the quota",
    body: 'await c.files.write("/big", new Uint8Array(2 << 20));',
    holds: denied("quota"),
  },
  {
    name: "outside files",
    tries: "/../../etc/passwd",
    body: 'await c.files.read("/../../etc/passwd");',
    holds: denied("path"),
  },
  {
    name: "egress",
    tries: "a request without a grant",
    body: 'await c.fetch("http://127.0.0.1:9/");',
    holds: denied("not_allowed"),
  },
  { name: "credential", tries: "a fetch without a grant", body: "await c.credential.fetch();", holds: denied("grant") },
];

export function probeScript({ body }: Probe): string {
  return `__mayflyRegister({ kind: "mayfly.job", run: async (c) => { ${body} } });`;
}

export function probeSpec({ name, limits = {} }: Probe): JobSpec {
  const grants: Grants = {
    network: { allow: [], privateAddresses: [] },
    files: { mounts: {}, quota: { ...defaultFileQuota, bytes: MiB } },
    credential: null,
  };
  return {
    name: name.replaceAll(/[^a-z]+/g, "-"),
    entry: "",
    tenant: "doctor",
    schedule: null,
    grants,
    limits: { ...defaultLimits, wallMs: 10_000, ...limits },
  };
}
