// Ends leases until they are proven dead. One entry a lease, whoever asks and however often; each issuer has its queue
// (issuer-queue.ts), each try is one of revocation.ts, and between tries an entry waits for the pause that its row names.
//
//   queued    waits for its turn at its issuer             → asking
//   asking    one try is under way                         → gone, on proof · waiting · queued, when more was found meanwhile
//   waiting   until its next try is due                    → queued; at once, when somebody urgent asks
//
// Whoever asks is answered on proof, or when their tries are over; the entry goes on without them, for as long as this
// process lives. What it leaves, the row says to the next one. An operator hears of a lease that is not proven dead
// within a minute: patience here, and gathering in alarm.ts.

import type { RunId } from "../../model/ids.ts";
import { isIrrevocable, type Lease } from "../../model/lease.ts";
import type { Alarm } from "./alarm.ts";
import { issuerTimeoutMs } from "./ask.ts";
import { firstPauseMs, jitteredMs, pauseMsMax, waitMs } from "./back-off.ts";
import { leaseEvent } from "./events.ts";
import { type IssuerQueue, makeIssuerQueue, type Urgency, urgencies } from "./issuer-queue.ts";
import { makeRevocation, type RevocationParts, type Tried } from "./revocation.ts";

/** A lease that is not proven dead after so long is told of, ms. */
export const patienceMs = 30_000;
/** Who waits for a proof waits between tries for no longer than this, ms. */
const pauseWaitedForMsMax = 1_000;
/** A process that ends waits so long for answers that are under way, ms. */
const closeWaitMs = 1_000;

export interface EndOrder {
  /** For the audit. */
  reason: string;
  urgency: Urgency;
  /** Answered after so many failures at the latest. */
  triesMax: number;
  /** What this process still knows of the secret. */
  secret?: () => string | undefined;
  /** Something is there that an earlier proof has not seen. */
  found?: boolean;
  /** Not before the row's own time for the next try. */
  whenDue?: boolean;
}

export interface Revoker {
  /**
   * Resolves with the lease as it is then: `revoked`, or any other state while it goes on being tried. Rejects with
   * MayflyError when the ledger can't be written.
   */
  end(lease: Lease, order: EndOrder): Promise<Lease>;
  holds(runId: RunId): boolean;
  /** Calls for each lease that is proven dead from now on. */
  onProven(listener: (lease: Lease) => void): void;
  /** Stops; what is not proven stays in the ledger for the next process. */
  close(): Promise<void>;
}

interface Waiter extends Pick<EndOrder, "urgency"> {
  triesLeft: number;
  /** Counts from this try on. */
  fromTry: number;
  resolve(lease: Lease): void;
  reject(error: unknown): void;
}

interface Entry {
  lease: Lease;
  reason: string;
  secret: () => string | undefined;
  queue: IssuerQueue<Entry>;
  phase: "queued" | "asking" | "waiting";
  /** Number of the try that is under way, or of the next one. */
  nth: number;
  /** What was found has not been asked for yet. */
  found: boolean;
  /** Its issuer gave no answer to the last try. */
  wasSilent: boolean;
  /** Tries, in a row, whose outcome the ledger did not take. */
  unwritten: number;
  waiters: Set<Waiter>;
  cancelPause: (() => void) | undefined;
  cancelAlarm: (() => void) | undefined;
}

export function makeRevoker(parts: RevocationParts & { alarm: Alarm }): Revoker {
  const { store, clock, random, alarm } = parts;
  const revocation = makeRevocation(parts);
  const entries = new Map<RunId, Entry>();
  const queues = new Map<string, IssuerQueue<Entry>>();
  const underWay = new Set<Promise<void>>();
  const secondLooks = new Set<() => void>();
  const listeners: ((lease: Lease) => void)[] = [];
  let closed = false;

  function queueOf(issuer: string): IssuerQueue<Entry> {
    const before = queues.get(issuer);
    if (before !== undefined) return before;
    const queue = makeIssuerQueue<Entry>({
      clock,
      random,
      begin: (entry, urgency) => {
        const done = tryOnce(entry, urgency).finally(() => underWay.delete(done));
        underWay.add(done);
      },
    });
    queues.set(issuer, queue);
    return queue;
  }

  function enter(lease: Lease, { reason, secret, found }: EndOrder): Entry {
    const entry: Entry = {
      lease,
      reason,
      secret: secret ?? (() => undefined),
      queue: queueOf(lease.issuer),
      phase: "waiting",
      nth: 1,
      found: found === true,
      wasSilent: false,
      unwritten: 0,
      waiters: new Set(),
      cancelPause: undefined,
      cancelAlarm: clock.setTimer(patienceMs, () => overdue(entry)),
    };
    entries.set(lease.runId, entry);
    return entry;
  }

  function end(lease: Lease, order: EndOrder): Promise<Lease> {
    const before = entries.get(lease.runId);
    if (closed || (before === undefined && lease.state === "revoked" && !order.found)) return Promise.resolve(lease);
    const entry = before ?? enter(lease, order);
    if (before !== undefined) join(before, order);
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const fromTry = order.found && entry.phase === "asking" ? entry.nth + 1 : entry.nth;
    entry.waiters.add({ urgency: order.urgency, triesLeft: order.triesMax, fromTry, resolve, reject });
    if (entry.phase === "asking") return promise;
    if (order.whenDue) pause(entry, waitMs(lease, clock.nowMs()));
    else queueUp(entry);
    return promise;
  }

  function join(entry: Entry, order: EndOrder): void {
    entry.found ||= order.found === true;
    if (order.secret !== undefined) entry.secret = order.secret;
    if (order.urgency !== "operator" || order.reason === entry.reason) return;
    // Its end is under way already: that somebody has ordered it is an entry of its own.
    void store.commit([{ audit: leaseEvent("lease.revoking", entry.lease, order.reason) }]).catch(() => undefined);
  }

  function queueUp(entry: Entry): void {
    entry.cancelPause?.();
    entry.cancelPause = undefined;
    entry.queue.remove(entry);
    entry.phase = "queued";
    const urgency = urgencies.find((each) => [...entry.waiters].some((waiter) => waiter.urgency === each));
    entry.queue.push(entry, urgency ?? "background");
    if (entry.queue.isSilent() && entry.phase === "queued") letGo(entry);
  }

  function pause(entry: Entry, ms: number): void {
    if (entry.phase === "queued" || entry.cancelPause !== undefined) return;
    if (ms === 0) {
      queueUp(entry);
      return;
    }
    entry.phase = "waiting";
    entry.cancelPause = clock.setTimer(ms, () => queueUp(entry));
  }

  // Its turn comes when the silent issuer speaks again: nobody is to wait for that.
  function letGo({ lease, waiters }: Entry): void {
    for (const waiter of waiters) {
      if (waiter.urgency === "run") continue;
      waiters.delete(waiter);
      waiter.resolve(lease);
    }
  }

  async function tryOnce(entry: Entry, urgency: Urgency): Promise<void> {
    entry.phase = "asking";
    const { found, reason, lease: before } = entry;
    const wasSilent = entry.queue.isSilent();
    entry.found = false;
    let tried: Tried | undefined;
    let failure: unknown;
    try {
      const elsewhere = urgency === "background" && !found ? provenElsewhere(before) : undefined;
      tried = await (elsewhere ?? revocation.attempt(before, { reason, secret: entry.secret(), found }));
      entry.lease = tried.lease;
      entry.wasSilent = tried.silent;
      entry.unwritten = 0;
    } catch (error) {
      failure = error;
      entry.unwritten += 1;
      entry.found ||= found;
    }
    const isDead = tried?.lease.state === "revoked" && !entry.found;
    if (isDead) forget(entry);
    else if (isIrrevocable(entry.lease) && !isIrrevocable(before)) alarm.raise(entry.lease, "irrevocable");
    answerWaiters(entry, isDead, failure);
    entry.nth += 1;
    if (!isDead && !closed) goOn(entry, failure === undefined);
    entry.queue.done(urgency, tried);
    if (wasSilent !== entry.queue.isSilent()) turned(entry.queue);
  }

  // An issuer that speaks again is asked for all that it was silent about, however long their pauses have become.
  function turned(queue: IssuerQueue<Entry>): void {
    for (const entry of entries.values()) {
      if (entry.queue !== queue || entry.phase === "asking" || closed) continue;
      if (queue.isSilent()) letGo(entry);
      else if (entry.phase === "waiting" && entry.wasSilent) queueUp(entry);
    }
  }

  /** Another process of this installation may have been first. */
  function provenElsewhere({ runId }: Lease): Tried | undefined {
    try {
      const row = store.lease(runId);
      return row?.state === "revoked" ? { lease: row, silent: false, retryAfterMs: undefined } : undefined;
    } catch {
      return undefined; // a ledger that can't be read holds no revocation up
    }
  }

  function goOn(entry: Entry, isWritten: boolean): void {
    entry.phase = "waiting";
    // What could not be written is in memory only: its pause, too, is counted here.
    const unwrittenMs = jitteredMs(entry.unwritten, firstPauseMs, pauseMsMax, random);
    if (entry.found && isWritten) queueUp(entry);
    else pause(entry, isWritten ? waitMs(entry.lease, clock.nowMs()) : unwrittenMs);
  }

  function answerWaiters(entry: Entry, isDead: boolean, failure: unknown): void {
    const waitsLong = waitMs(entry.lease, clock.nowMs()) > pauseWaitedForMsMax;
    for (const waiter of entry.waiters) {
      if (waiter.fromTry > entry.nth) continue;
      waiter.triesLeft -= 1;
      if (!isDead && waiter.triesLeft > 0 && !waitsLong && !closed && failure === undefined) continue;
      entry.waiters.delete(waiter);
      if (failure !== undefined) waiter.reject(failure);
      else waiter.resolve(entry.lease);
      if (!isDead && waiter.urgency === "run") overdue(entry);
    }
  }

  function overdue(entry: Entry): void {
    if (entry.cancelAlarm === undefined) return; // said before
    entry.cancelAlarm();
    entry.cancelAlarm = undefined;
    alarm.raise(entry.lease, isIrrevocable(entry.lease) ? "irrevocable" : "unconfirmed");
  }

  function forget(entry: Entry): void {
    const { lease } = entry;
    entries.delete(lease.runId);
    entry.cancelAlarm?.();
    entry.cancelAlarm = undefined;
    if (lease.issuedAt === null && !closed) lookAgain(lease);
    for (const listener of listeners) listener(lease);
  }

  // Whether an issue that was never answered was carried out, nobody knows before its time is over: a question that was on
  // its way when we, or the process that had asked it, gave up may have been acted on after the proof.
  function lookAgain(lease: Lease): void {
    const cancel = clock.setTimer(issuerTimeoutMs, () => {
      secondLooks.delete(cancel);
      secondLook(lease).catch(() => undefined); // the ledger: the issuer's own list names it, too
    });
    secondLooks.add(cancel);
  }

  async function secondLook(lease: Lease): Promise<void> {
    const { verdict, how } = await revocation.look(lease);
    if (closed || verdict !== "alive") return;
    const now = store.lease(lease.runId);
    if (now?.state !== "revoked" || now.intendedAt !== lease.intendedAt) return;
    const reason = `it was issued after its proof: ${how}`;
    await end(now, { reason, urgency: "background", triesMax: 1, found: true });
  }

  return {
    end,
    holds: (runId) => entries.has(runId),
    onProven: (listener) => void listeners.push(listener),
    async close() {
      closed = true;
      for (const queue of queues.values()) queue.close();
      for (const cancel of secondLooks) cancel();
      for (const entry of entries.values()) {
        entry.cancelPause?.();
        entry.cancelAlarm?.();
        if (entry.phase !== "asking") for (const waiter of entry.waiters) waiter.resolve(entry.lease);
      }
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = clock.setTimer(closeWaitMs, resolve);
      await Promise.race([Promise.all(underWay), late]);
      cancel();
      await alarm.flush();
    },
  };
}
