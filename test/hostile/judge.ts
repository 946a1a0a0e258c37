// What a campaign found, and what of it is a failure. The bounds stand here, each with its reason.
import type { RunRecord } from "../../runtime/model/run.ts";
import type { GapFindings } from "../support/gaps.ts";
import type { Kind } from "./kind.ts";

export const bounds = {
  /** A good job, from accepted to launched, ms: what somebody who waits for it hardly notices. */
  neighbourDelayMs: 500,
  /** The supervisor's event loop, ms: beyond it, deadlines and kills come late. */
  heartbeatMs: 250,
  /**
   * Resident memory after a collection, last tenth of the campaign against the fourth, bytes: until then the process
   * still warms up, and the allocator's noise is half of this. At ten thousand runs it is 1.4 KiB a run.
   */
  rssGrowthBytes: 8 * 1_048_576,
} as const;

export interface Delays {
  count: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export interface Findings {
  seed: number;
  runs: number;
  tookMs: number;
  /** Kind to ending to count. */
  endings: Record<string, Record<string, number>>;
  /** What was not as it must be, one line each; the first hundred. */
  violations: string[];
  violationsCount: number;
  neighbour: Delays;
  /** Means of samples, bytes; null for a campaign too short to have them. */
  rss: { firstBytes: number; settledBytes: number; lastBytes: number } | null;
  /** What was left when all was closed. */
  residue: string[];
  heartbeat: GapFindings;
}

export function delaysOf(delaysMs: readonly number[]): Delays {
  const sorted = [...delaysMs].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** The ending in one word. */
export function endingOf({ state, error }: RunRecord): string {
  return state === "succeeded" ? "ok" : (error?.code ?? state);
}

/** What this record says that can't be true, or leaves open. @param layersAtFirst those of the runtime when it was opened. */
export function untruths(record: RunRecord, kind: Pick<Kind, "name" | "endsBy">, layersAtFirst: number): string[] {
  const { id, error, teardown, lease, layers, usage, limits } = record;
  const ending = endingOf(record);
  const isDeadline = ending === "timeout" && usage.wallMs >= limits.wallMs - 5;
  const about = `${kind.name} ${id}`;
  const open = Object.entries(teardown).filter(([, confirmation]) => confirmation === "unconfirmed");
  return [
    ...(kind.endsBy.includes(ending) || isDeadline
      ? []
      : [`${about} ended by ${ending} after ${usage.wallMs} ms: ${error?.message.slice(0, 300)}`]),
    ...open.map(([step]) => `${about}: ${step} is unconfirmed`),
    ...(lease !== null && lease.state !== "revoked" ? [`${about}: its lease is ${lease.state}`] : []),
    ...(record.startedAt !== null && layers.filter(({ armed }) => armed).length < layersAtFirst
      ? [`${about}: a wall was missing`]
      : []),
  ];
}

/** In words, each of them a reason to fail. */
export function failuresOf({ violations, violationsCount, neighbour, rss, residue, heartbeat }: Findings): string[] {
  const more = violationsCount > violations.length ? [`and ${violationsCount - violations.length} more`] : [];
  const grown = rss === null ? 0 : rss.lastBytes - rss.settledBytes;
  return [
    ...violations,
    ...more,
    ...residue.map((each) => `left behind: ${each}`),
    ...(neighbour.maxMs > bounds.neighbourDelayMs
      ? [`the neighbour's start was delayed by ${neighbour.maxMs} ms, at most ${bounds.neighbourDelayMs}`]
      : []),
    ...(heartbeat.ownMs > bounds.heartbeatMs
      ? [`the supervisor's heartbeat had a gap of ${heartbeat.ownMs} ms of its own, at most ${bounds.heartbeatMs}`]
      : []),
    ...(grown > bounds.rssGrowthBytes
      ? [`the supervisor grew by ${grown} bytes, at most ${bounds.rssGrowthBytes}`]
      : []),
  ];
}
