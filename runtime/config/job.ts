// One job's entry in the config becomes the JobSpec that admission looks at: complete, with defaults filled in, or
// undefined with problems. Sections are read one by one, so that one bad value hides no other.
import { resolve } from "node:path";
import type { z } from "zod";
import { quote } from "../model/error.ts";
import type { Grants } from "../model/grant.ts";
import type { JobSpec, RecordRule, Schedule } from "../model/job.ts";
import { defaultFileQuota, defaultLimits, type Limits, recordingBytes } from "../model/limits.ts";
import { formatDuration } from "../model/units.ts";
import { check, type Path, type Problem, problem } from "./problems.ts";
import { isWithin, relateCredential, relateMounts, type Surroundings } from "./relations.ts";
import * as shape from "./shape.ts";

export function parseJob(name: string, value: unknown, around: Surroundings, problems: Problem[]): JobSpec | undefined {
  const path: Path = ["jobs", name];
  check(shape.nameShape, name, path, problems);
  const job = check(shape.jobShape, value, path, problems)?.value ?? sectionsOf(value);
  if (job === undefined) return undefined;

  const limits = parseLimits(job.limits, [...path, "limits"], problems);
  const schedule = parseSchedule(job.schedule, [...path, "schedule"], problems);
  const grants = parseGrants(job, limits.wallMs, around, path, problems);
  const entry = resolve(around.directory, job.entry ?? ".");
  if (job.entry !== undefined && !isWithin(entry, around.directory)) {
    problems.push(problem([...path, "entry"], quote(job.entry, 80), "a module below the config's own directory"));
  }
  const record = parseRecord(job.record, [...path, "record"], problems);
  const spec = { name, entry, tenant: job.tenant ?? "default", schedule, grants, limits };
  return record === null ? spec : { ...spec, record };
}

interface Sections {
  entry?: string | undefined;
  tenant?: string | undefined;
  schedule?: unknown;
  credential?: unknown;
  identity?: unknown;
  isolate?: unknown;
  network?: unknown;
  files?: unknown;
  limits?: unknown;
  record?: unknown;
}

// A job whose own keys are wrong (the problem is noted by now) still has sections to look at.
function sectionsOf(value: unknown): Sections | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { schedule, credential, identity, isolate, network, files, limits, record } = value as Sections;
  return { schedule, credential, identity, isolate, network, files, limits, record };
}

function parseSchedule(value: unknown, path: Path, problems: Problem[]): Schedule | null {
  if (value === undefined) return null;
  const words = check(shape.scheduleShape, value, path, problems)?.value;
  if (words === undefined) return null;
  return { cron: words.cron, timezone: words.timezone ?? "UTC", overlap: words.overlap ?? "skip" };
}

function parseRecord(value: unknown, path: Path, problems: Problem[]): RecordRule | null {
  const words = part(shape.recordShapeFor(value), value, path, problems);
  return words === undefined || words === false ? null : { bytesMax: words.bytes ?? recordingBytes.default };
}

function parseGrants(job: Sections, wallMs: number, around: Surroundings, path: Path, problems: Problem[]): Grants {
  const network = part(shape.networkShape, job.network ?? { allow: [] }, [...path, "network"], problems);
  const credential = part(shape.credentialShape, job.credential, [...path, "credential"], problems);
  const identity = part(shape.identityShape, job.identity, [...path, "identity"], problems);
  const isolate = part(shape.isolateShape, job.isolate, [...path, "isolate"], problems);
  const files = part(shape.filesShape, job.files, [...path, "files"], problems);
  const quotaPath = [...path, "files", "quota"];
  const quota = part(shape.quotaShapeFor(files?.quota), files?.quota, quotaPath, problems);
  return {
    network: { allow: network?.allow ?? [], privateAddresses: network?.privateAddresses ?? [] },
    files: {
      mounts: relateMounts(files?.mounts ?? {}, around, [...path, "files", "mounts"], problems),
      quota: {
        bytes: quota?.bytes ?? defaultFileQuota.bytes,
        entries: quota?.entries ?? defaultFileQuota.entries,
        depth: quota?.depth ?? defaultFileQuota.depth,
      },
    },
    credential:
      credential === undefined
        ? null
        : relateCredential(credential, network?.allow, wallMs, around, [...path, "credential"], problems),
    identity: identity === undefined ? null : { audiences: identity.audiences },
    isolate: { webAssembly: isolate?.webAssembly ?? false, sharedMemory: isolate?.sharedMemory ?? false },
  };
}

function part<Out>(schema: z.ZodType<Out>, value: unknown, path: Path, problems: Problem[]): Out | undefined {
  return value === undefined ? undefined : check(schema, value, path, problems)?.value;
}

type LimitWords = z.output<typeof shape.limitsShape>;

function parseLimits(value: unknown, path: Path, problems: Problem[]): Limits {
  const words: LimitWords = part(shape.limitsShape, value, path, problems) ?? {};
  const wallMs = words.wall ?? defaultLimits.wallMs;
  for (const key of ["cpu", "requestTime"] as const) {
    const given = words[key];
    if (given === undefined || given <= wallMs) continue;
    const needed = `at most the wall time, ${formatDuration(wallMs)}: beyond it the limit would never be met`;
    problems.push(problem([...path, key], formatDuration(given), needed));
  }
  const requests = words.requests ?? defaultLimits.requests;
  if (words.requestsAtOnce !== undefined && words.requestsAtOnce > requests) {
    problems.push(
      problem([...path, "requestsAtOnce"], String(words.requestsAtOnce), `at most \`requests\`, ${requests}`),
    );
  }
  return {
    wallMs,
    cpuMs: words.cpu ?? Math.min(defaultLimits.cpuMs, wallMs),
    memoryBytes: words.memory ?? defaultLimits.memoryBytes,
    logBytes: words.logs ?? defaultLimits.logBytes,
    resultBytes: words.result ?? defaultLimits.resultBytes,
    requests,
    requestsAtOnce: words.requestsAtOnce ?? Math.min(defaultLimits.requestsAtOnce, requests),
    requestMs: words.requestTime ?? Math.min(defaultLimits.requestMs, wallMs),
    requestBodyBytes: words.requestBody ?? defaultLimits.requestBodyBytes,
    responseBodyBytes: words.responseBody ?? defaultLimits.responseBodyBytes,
    responseHeaderBytes: words.responseHeader ?? defaultLimits.responseHeaderBytes,
    calls: words.calls ?? defaultLimits.calls,
  };
}
