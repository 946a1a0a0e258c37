// The bounds of a run. Each default is a number with a reason; a job's config narrows or widens them up to the ceiling.
// Where a limit is enforced stands beside it: what the isolate can't be trusted with is enforced from outside.

export interface Limits {
  /** Wall time from launch to result, ms. Enforced by the supervisor with SIGKILL. */
  wallMs: number;
  /** CPU time of the executor process, user and system, ms. Read from /proc by the supervisor; RLIMIT_CPU behind it. */
  cpuMs: number;
  /** Memory that the job may add, on and off the heap, bytes. Process RSS watched by the supervisor; cgroup and RLIMIT_DATA behind it. */
  memoryBytes: number;
  /** All log text of the run, bytes; a line counts 64 at least. The rest is dropped behind a marker; a flood ends the run. */
  logBytes: number;
  /** The result as JSON, bytes. */
  resultBytes: number;
  /** HTTP requests of the run, redirects included. */
  requests: number;
  /** HTTP requests under way at once; further ones wait. */
  requestsAtOnce: number;
  /** One HTTP request from resolve to the last byte, redirects included, ms. */
  requestMs: number;
  /** One request body, bytes. */
  requestBodyBytes: number;
  /** One response body after decompression, bytes. */
  responseBodyBytes: number;
  /** All header fields of one response, bytes. */
  responseHeaderBytes: number;
  /** Calls through the bridge, of any kind. Bounds what a job can make the supervisor do. */
  calls: number;
}

const MiB = 1_048_576;

export const defaultLimits: Limits = {
  wallMs: 60_000, // short-lived jobs: a minute covers a report or a page-through of an API
  cpuMs: 10_000, // most of a job's minute is waiting; ten seconds of computing is generous
  memoryBytes: 64 * MiB, // twice what the example jobs use
  logBytes: 1 * MiB, // some ten thousand lines
  resultBytes: 1 * MiB, // a result is a summary; bulk goes to /output
  requests: 1_000,
  requestsAtOnce: 16, // per-host limits of common APIs lie between 6 and 20
  requestMs: 30_000,
  requestBodyBytes: 4 * MiB,
  responseBodyBytes: 8 * MiB,
  responseHeaderBytes: 16_384, // what Node's own HTTP parser takes by default
  calls: 100_000, // a call costs the supervisor about 50 µs: five seconds of its time at the most
};

/** No config may go above these: beyond them lies a slip of the hand, or what the supervisor's buffers are sized for. */
export const limitCeilings: Limits = {
  wallMs: 24 * 3_600_000,
  cpuMs: 24 * 3_600_000,
  memoryBytes: 2_048 * MiB,
  logBytes: 64 * MiB,
  resultBytes: 8 * MiB,
  requests: 1_000_000,
  requestsAtOnce: 256,
  requestMs: 3_600_000,
  requestBodyBytes: 1_048_576 * MiB, // 1 TiB: bodies stream, and cost time rather than memory
  responseBodyBytes: 1_048_576 * MiB,
  responseHeaderBytes: 65_536,
  calls: 100_000_000,
};

/** Quotas of the private directory. */
export interface FileQuota {
  /** Sum of the logical sizes of all files, bytes. */
  bytes: number;
  /** Files and directories together. */
  entries: number;
  /** Directories below the root. */
  depth: number;
}

export const defaultFileQuota: FileQuota = { bytes: 16 * MiB, entries: 1_000, depth: 16 };
export const fileQuotaCeiling: FileQuota = { bytes: 4_096 * MiB, entries: 1_000_000, depth: 64 };

/** Bytes of one recording. */
export const recordingBytes = {
  min: 65_536, // a bundle and a few answers: below it most recordings would be cut before their first call
  default: 16 * MiB, // twice the largest response by default; what pages through an API reads a few of them
  max: 256 * MiB, // a replay has it in memory as a whole, and more than once
};

/** Descriptors of the supervisor that no new work may take: what ends runs and credentials has them. */
export const descriptorReserve = 48;
/** What one more run takes of them, with its pipes and its first connections. */
export const descriptorsPerRun = 16;
