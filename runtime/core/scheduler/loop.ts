// From a tick or a submission to a run: admit, accept durably, wait for a place, run. One of these a process. Whose turn
// it is, queue.ts knows.
//
// An accepted run is in the ledger before anyone is told. Its key (a submission's idempotency key, or the schedule's
// slot) is unique there, so that one tick is one run whatever crashes. When the process drains, what waits stays
// accepted: the next `start` adopts it.
import type { AuditEvent } from "../../model/audit-event.ts";
import { MayflyError, messageOf, quote } from "../../model/error.ts";
import { type RunId, runIdFrom } from "../../model/ids.ts";
import type { JobSpec } from "../../model/job.ts";
import type { RunRecord, Trigger } from "../../model/run.ts";
import { isoTime } from "../../model/units.ts";
import type { Bundle } from "../../ports/bundler.ts";
import type { RunRow } from "../../ports/store.ts";
import type { Ticker } from "../../ports/ticker.ts";
import { decide } from "../policy/decide.ts";
import { errorOf } from "./endings.ts";
import { makeFairQueue } from "./queue.ts";
import { executeRun, newRecord, type RunOrder, type RunParts } from "./run.ts";

export interface SchedulerParts extends RunParts {
  jobs: ReadonlyMap<string, JobSpec>;
  bundle: (job: JobSpec) => Promise<Bundle>;
  ticker: Ticker;
  /** One line for the operator. */
  onAlert(message: string): void;
  concurrency: number;
  waitingMax: number;
  /** Files, pipes and sockets that this process may still open without touching its reserve. */
  descriptorsLeft: () => number;
}

export interface Submission {
  job: string;
  /** JSON text. */
  input: string;
  trigger: Trigger;
}

export interface Submitted {
  id: RunId;
  /** False when a run with the same key was there already. */
  isNew: boolean;
  /** The final record; of an earlier run with the same key too. Rejects when the ledger can't be written. */
  done: Promise<RunRecord>;
}

export interface Scheduler {
  /** Durable when resolved. Rejects with MayflyError: `job_unknown`, `key_conflict`, `bundle_failed`, `store_unavailable`. */
  submit(submission: Submission): Promise<Submitted>;
  /** Takes over a run that an earlier process accepted and never launched. */
  adopt(row: RunRow): boolean;
  /** Whether that run goes on, waits or is being accepted in this process. */
  holds(id: RunId): boolean;
  /** Starts the schedules of all jobs. */
  startSchedules(): void;
  /** Ends a run that is going on or waiting in this process; false when there is none. */
  kill(id: RunId, reason: string): boolean;
  /** Ends all that go on in this process. */
  killAll(reason: string): void;
  /** Takes nothing new, waits for what runs, and kills what still runs after `withinMs`. */
  drain(withinMs: number): Promise<void>;
  active(): { running: number; waiting: number };
}

interface Entry {
  order: RunOrder;
  stop: AbortController;
  resolve(record: RunRecord): void;
  reject(error: unknown): void;
}

export function makeScheduler(parts: SchedulerParts): Scheduler {
  const { store, clock, random } = parts;
  const waiting = makeFairQueue<Entry>({
    places: parts.concurrency,
    waitingMax: parts.waitingMax,
    tenants: [...new Set([...parts.jobs.values()].map(({ tenant }) => tenant))],
  });
  const running = new Map<RunId, Entry>();
  /** Runs on their way into `waiting`. */
  const entering = new Set<RunId>();
  const stopTickers: (() => void)[] = [];
  let draining = false;
  let idle: (() => void) | undefined;

  async function submit({ job, input, trigger }: Submission): Promise<Submitted> {
    const spec = specOf(job);
    const id = runIdFrom(random.bytes(16));
    const acceptedAt = isoTime(clock.nowMs());
    const isOfJob = (entry: Entry) => entry.order.spec.name === job;
    const decision = decide(spec, {
      trigger,
      activeRunsOfJob: waiting.count(isOfJob) + [...running.values()].filter(isOfJob).length,
      ...waiting.shareOf(spec.tenant),
      descriptorsLeft: parts.descriptorsLeft(),
      draining,
    });
    let bundle: Bundle | null = null;
    let refusal = decision.admit ? null : { code: decision.code as string, message: decision.message };
    if (decision.admit) {
      try {
        bundle = await parts.bundle(spec);
      } catch (error) {
        if (trigger.kind !== "schedule") throw error;
        refusal = errorOf(error); // nobody waits to be told: the slot's own record says it
      }
    }
    const base = newRecord({ id, spec, trigger, bundle, acceptedAt }, parts.identity);
    const record: RunRecord =
      refusal === null ? base : { ...base, state: "refused", endedAt: acceptedAt, error: refusal };
    const row: RunRow = {
      record,
      owner: parts.owner,
      input: refusal === null ? input : null,
      pid: null,
      startTicks: null,
      tornDown: refusal !== null,
    };
    entering.add(id);
    try {
      const accepted = await store.accept(row, keyOf(trigger), [{ audit: admissionEvent(record, bundle) }]);
      if (accepted.outcome === "duplicate") return duplicate(accepted.row, input);
      if (!decision.admit || bundle === null) return { id, isNew: true, done: Promise.resolve(record) };
      return {
        id,
        isNew: true,
        done: enqueue({ id, spec: { ...spec, grants: decision.grants }, trigger, input, bundle, acceptedAt }),
      };
    } finally {
      entering.delete(id);
    }
  }

  function specOf(job: string): JobSpec {
    const spec = parts.jobs.get(job);
    if (spec !== undefined) return spec;
    throw new MayflyError({
      code: "job_unknown",
      message: `there is no job ${quote(job)} in the config`,
      needed: `one of: ${[...parts.jobs.keys()].join(", ")}`,
    });
  }

  function duplicate(row: RunRow, input: string): Submitted {
    const { id, endedAt } = row.record;
    if (endedAt === null && row.input !== null && row.input !== input) {
      throw new MayflyError({
        code: "key_conflict",
        message: `run ${id} was accepted with the same key and another input`,
        needed: "the same input for the same key",
        next: "use another key",
      });
    }
    const entry = running.get(id) ?? waiting.find(isRun(id));
    return { id, isNew: false, done: entry === undefined ? Promise.resolve(row.record) : follow(entry) };
  }

  function follow(entry: Entry): Promise<RunRecord> {
    const { promise, resolve, reject } = Promise.withResolvers<RunRecord>();
    promise.catch(() => undefined); // whoever submitted again may have gone, too
    const { resolve: first, reject: fail } = entry;
    entry.resolve = (record) => {
      first(record);
      resolve(record);
    };
    entry.reject = (error) => {
      fail(error);
      reject(error);
    };
    return promise;
  }

  function enqueue(order: RunOrder): Promise<RunRecord> {
    const { promise, resolve, reject } = Promise.withResolvers<RunRecord>();
    promise.catch(() => undefined); // whoever submitted may have gone
    parts.onEvent({ type: "accepted", runId: order.id, job: order.spec.name });
    waiting.push(order.spec.tenant, { order, stop: new AbortController(), resolve, reject });
    launchNext();
    return promise;
  }

  function launchNext(): void {
    while (!draining) {
      const entry = waiting.next([...running.values()].map(({ order }) => order.spec.tenant));
      if (entry === undefined) return;
      void launch(entry);
    }
  }

  async function launch(entry: Entry): Promise<void> {
    const { order, stop } = entry;
    running.set(order.id, entry);
    try {
      const record = await executeRun(order, parts, stop.signal);
      entry.resolve(record); // looked up now: whoever follows may have come meanwhile
    } catch (error) {
      entry.reject(error);
    } finally {
      running.delete(order.id);
      if (running.size === 0) idle?.();
      launchNext();
    }
  }

  function holds(id: RunId): boolean {
    return running.has(id) || entering.has(id) || waiting.find(isRun(id)) !== undefined;
  }

  function adopt(row: RunRow): boolean {
    const { id, job } = row.record;
    if (holds(id)) return true;
    const spec = parts.jobs.get(job);
    if (draining || spec === undefined || row.input === null) return false;
    entering.add(id);
    void takeOver(row, spec, row.input)
      .catch(() => undefined) // the ledger can't be written: the row stays accepted and is looked at again
      .finally(() => entering.delete(id));
    return true;
  }

  async function takeOver(row: RunRow, spec: JobSpec, input: string): Promise<void> {
    const { id, trigger, acceptedAt } = row.record;
    await store.commit([{ put: "run", row: { ...row, owner: parts.owner } }]);
    await parts.trees.sweep(id).catch(() => false); // it may have had its directory when its process died
    let bundle: Bundle;
    try {
      bundle = await parts.bundle(spec);
    } catch (error) {
      // It was accepted, and its job doesn't build any more: it gets an end of its own.
      const record: RunRecord = {
        ...row.record,
        state: "failed",
        error: errorOf(error),
        endedAt: isoTime(clock.nowMs()),
      };
      const ended = { ...row, owner: parts.owner, record, input: null, tornDown: true };
      const { code, message } = errorOf(error);
      await store.commit([
        { put: "run", row: ended },
        { audit: { type: "run.ended", runId: id, job: spec.name, code, detail: message } },
      ]);
      parts.onEvent({ type: "ended", runId: id, record });
      return;
    }
    void enqueue({ id, spec, trigger, input, bundle, acceptedAt });
  }

  function startSchedules(): void {
    for (const spec of parts.jobs.values()) {
      if (spec.schedule === null) continue;
      const onSlot = (slot: string) => {
        submit({ job: spec.name, input: "null", trigger: { kind: "schedule", slot } }).catch((error: unknown) => {
          parts.onAlert(`the slot ${slot} of ${spec.name} could not be recorded: ${messageOf(error)}`);
        });
      };
      stopTickers.push(parts.ticker.schedule(spec.schedule.cron, spec.schedule.timezone, onSlot));
    }
  }

  function kill(id: RunId, reason: string): boolean {
    const waited = waiting.remove(isRun(id));
    const entry = waited ?? running.get(id);
    if (entry === undefined) return false;
    entry.stop.abort(new Error(reason));
    if (waited !== undefined) void launch(waited); // to its end, without an executor
    return true;
  }

  function killAll(reason: string): void {
    for (const { stop } of running.values()) stop.abort(new Error(reason));
  }

  async function drain(withinMs: number): Promise<void> {
    draining = true;
    for (const stop of stopTickers.splice(0)) stop();
    if (running.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    idle = resolve;
    const cancel = clock.setTimer(withinMs, () => killAll("the supervisor is shutting down"));
    await promise;
    cancel();
  }

  return {
    submit,
    adopt,
    holds,
    startSchedules,
    kill,
    killAll,
    drain,
    active: () => ({ running: running.size, waiting: waiting.length }),
  };
}

function isRun(id: RunId): (entry: Entry) => boolean {
  return ({ order }) => order.id === id;
}

function keyOf(trigger: Trigger): string | null {
  if (trigger.kind === "schedule") return `slot ${trigger.slot}`;
  return trigger.kind === "submit" && trigger.key !== undefined ? `key ${trigger.key}` : null;
}

function admissionEvent({ id, job, state, error, trigger }: RunRecord, bundle: Bundle | null): AuditEvent {
  const about = { runId: id, job };
  if (state !== "refused")
    return { type: "run.accepted", ...about, detail: `${trigger.kind}; bundle ${bundle?.digest ?? "none"}` };
  const type = error?.code === "overlap" ? "run.skipped" : "run.refused";
  return { type, ...about, code: error?.code ?? "", detail: error?.message ?? "" };
}
