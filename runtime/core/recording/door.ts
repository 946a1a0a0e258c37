// The door in the place of the gate (core/capabilities/gate.ts): a replayed guest's calls are answered from a recording, and
// nothing is done. What the guest was given goes down in the recorded order, each thing once all that it answers was asked:
//
//   matched     the call is in the recording: it is answered as it was then
//   diverged    it isn't: it fails with `replay_diverged`, and what comes later and matches is answered all the same
//   passed over what the recording has next answers a call that the guest doesn't make. That is known once the guest is
//               idle, which its executor says (`sync`, `idle`); the next thing that can go down then goes first
//   timers      those that the recording has are due when they were; others when the guest's time has come that far, or
//               when nothing else is left
//
// An idle guest for which nothing is left waits for what never comes: `onStuck`.
import { decodeCall, pieceBytesMax, windowBytes } from "../../protocol/bridge.ts";
import type { DownHeader, ReplyHeader } from "../../protocol/channel.ts";
import type { Frame } from "../../protocol/frame.ts";
import { timing } from "../capabilities/gate.ts";
import { marker } from "../leases/leak-guard.ts";
import { type CallBook, makeCallBook } from "./call-book.ts";
import type { Divergence, MadeCall } from "./divergence.ts";
import type { Given, RecordedCall, Recording } from "./recording.ts";
import type { Digester, Redactor } from "./redactor.ts";

export interface DoorParts {
  recording: Recording;
  /** Armed with the recording's placeholders. */
  redactor: Redactor;
  /** Calls that a guest may make, as in the run. */
  callsMax: number;
  log(args: { level: "debug" | "info" | "warn" | "error"; text: string }): void;
  send(header: DownHeader, body?: Uint8Array): void;
  drained(): Promise<void>;
  onLimit(limit: "calls"): void;
  /** `beyond`: the recording ended before its run did, and the guest has come so far. */
  onStuck(beyond: boolean): void;
}

export interface Door {
  /** The job is being launched. */
  open(): void;
  handle(frame: Frame): void;
  /** The executor has nothing more to do. */
  idle(seq: number): void;
  shut(): void;
  readonly divergences: readonly Divergence[];
  readonly book: CallBook;
}

/** One call of the guest's, between its coming and its last byte. */
interface Made extends MadeCall {
  recorded: RecordedCall | undefined;
  /** Of a response. */
  roomBytes: number;
  isAnswered: boolean;
  /** Pieces of its body that have come. */
  sent: number;
  /** Since the body's last beginning. */
  upload: { digester: Digester; from: number } | undefined;
}

interface Due {
  id: number;
  atMs: number;
  timer: number;
  /** The recording has it, and no moment at which it was due. */
  isLast: boolean;
}

const divergencesMax = 100;

export function makeDoor(parts: DoorParts): Door {
  const { recording, redactor, send } = parts;
  const { given } = recording;
  const book = makeCallBook(recording);
  const made = new Map<number, Made>();
  /** By the number of the recorded call. */
  const answers = new Map<number, Made>();
  const answered = new Set(given.flatMap((each) => (each.type === "reply" ? [each.id] : [])));
  const isGiven = new Uint8Array(given.length);
  const divergences: Divergence[] = [];
  const deadlineMs = recording.about.nowMs + recording.limits.wallMs;
  let first = 0;
  let timers: Due[] = [];
  let nowMs = recording.about.nowMs;
  const counted = { calls: 0, timing: 0 };
  let syncs = 0;
  let state: "busy" | "asked" | "idle" | "shut" = "busy";
  let isPumping = false;

  function handle(frame: Frame): void {
    if (state === "shut") return;
    if (isOneTooMany(frame.header.op)) {
      parts.onLimit("calls");
      return;
    }
    state = "busy";
    take(frame);
    void pump();
  }

  /** As the gate counts. */
  function isOneTooMany(op: unknown): boolean {
    const kind = timing.includes(String(op)) ? "timing" : "calls";
    counted[kind] += 1;
    return counted[kind] > parts.callsMax;
  }

  function take({ header, body }: Frame): void {
    const decoded = decodeCall(header);
    const at = typeof header.at === "string" ? header.at : undefined;
    if (!decoded.ok) {
      if (decoded.id !== null) ask({ id: decoded.id, op: "bridge", args: { message: decoded.message }, at }, body);
      return;
    }
    const { call } = decoded;
    if (call.op === "log.write") parts.log(call.args);
    else if (call.op === "http.credit") credit(call.args);
    else if (call.op === "http.abort") giveUp(call.args.call);
    else if (call.op === "http.piece") sent(call.args, body);
    else if (call.op === "timer.clear") timers = timers.filter(({ timer }) => timer !== call.args.timer);
    else ask({ ...call, at }, body);
  }

  function credit({ call, bytes }: { call: number; bytes: number }): void {
    const known = made.get(call);
    if (known !== undefined) known.roomBytes = Math.min(windowBytes, known.roomBytes + bytes);
  }

  /** What comes of it all the same is not kept by the guest, and needs no room. */
  function giveUp(call: number): void {
    const known = made.get(call);
    if (known !== undefined) known.roomBytes = Number.POSITIVE_INFINITY;
  }

  function ask(
    { id, op, args, at }: { id: number; op: string; args: unknown; at: string | undefined },
    body: Uint8Array,
  ) {
    const digest = body.length === 0 ? undefined : digestOf(body);
    const call = { op, args: compared(args), digest };
    const recorded = book.match(call, id);
    const each: Made = {
      ...call,
      id,
      at,
      recorded,
      roomBytes: windowBytes,
      isAnswered: false,
      sent: 0,
      upload: undefined,
    };
    made.set(id, each);
    if (recorded !== undefined) answers.set(recorded.id, each);
    if (timing.includes(op)) wait(each);
    else if (recorded === undefined && !isBeyond())
      diverge(each, { kind: "not recorded", made: each, recorded: book.nearest(each) ?? null });
  }

  /** Nothing of what the recording has of its run is left, and the run went on. */
  const isBeyond = () => recording.isOpen && book.left().length === 0;

  function wait(each: Made): void {
    const { recorded, id } = each;
    if (recorded !== undefined && answered.has(recorded.id)) return;
    const { timer = 0, delayMs = 0 } = each.args as { timer?: number; delayMs?: number };
    timers.push({ id, timer, atMs: nowMs + delayMs, isLast: recorded !== undefined });
  }

  function compared(args: unknown): unknown {
    try {
      return redactor.compared(args);
    } catch {
      return marker; // as it would have cut a recording, it matches nothing
    }
  }

  function digestOf(body: Uint8Array): string {
    const digester = redactor.digester();
    digester.update(body);
    return digester.end();
  }

  /** A piece of a body that was asked for, compared with the one that was sent then. */
  function sent({ call, seq, last }: { call: number; seq: number; last: boolean }, body: Uint8Array): void {
    const each = made.get(call);
    if (each !== undefined) each.sent += 1;
    const was = each?.recorded && recording.sent.get(each.recorded.id)?.find((piece) => piece.seq === seq);
    if (each?.upload === undefined || seq < each.upload.from || body.length > pieceBytesMax) return;
    each.upload.digester.update(body);
    const digest = last ? each.upload.digester.end() : undefined;
    if (last) each.upload = undefined;
    if (was === undefined || (was.last === last && (digest === undefined || was.digest === digest))) return;
    each.upload = undefined;
    diverge(each, { kind: "body", made: each, recorded: each.recorded ?? null });
  }

  function diverge(each: Made, divergence: Divergence): void {
    if (divergences.length < divergencesMax) divergences.push(divergence);
    fail(each, "this call is not in the recording, or not with this body: it was not made");
  }

  function fail(each: Made, message: string): void {
    const error = { code: "replay_diverged", message };
    if (!each.isAnswered) reply(each, { ok: false, error });
    else send({ type: "piece", id: each.id, error, nowMs });
    if (each.recorded === undefined) return;
    answers.delete(each.recorded.id);
    for (const [index, left] of given.entries())
      if (left.type !== "signal" && left.id === each.recorded.id) isGiven[index] = 1;
  }

  function reply(each: Made, outcome: Omit<ReplyHeader, "type" | "id" | "nowMs">, body?: Uint8Array): void {
    each.isAnswered = true;
    send({ type: "reply", id: each.id, ...outcome, nowMs }, body);
  }

  function canGo(each: Given): boolean {
    if (each.type === "signal") return true;
    const call = answers.get(each.id);
    if (call === undefined || call.sent < each.behind) return false;
    return each.type !== "piece" || each.body.length === 0 || call.roomBytes > 0;
  }

  /** What goes down next; undefined when that is not known yet, or nothing is left. */
  function next(): (() => void) | undefined {
    while (isGiven[first] === 1) first += 1;
    let index = first;
    for (; index < given.length; index += 1) {
      if (isGiven[index] === 1) continue;
      if (canGo(given[index] as Given)) break;
      if (state !== "idle") return undefined; // the guest may yet ask for it
    }
    const due = earliest(timers.filter(({ isLast }) => !isLast));
    const there = given[index];
    if (there !== undefined && (due === undefined || due.atMs > there.nowMs)) return () => give(there, index);
    if (state !== "idle" || isBeyond()) return undefined;
    const timer = due ?? earliest(timers);
    return timer === undefined || timer.atMs > deadlineMs ? undefined : () => fire(timer);
  }

  function give(each: Given, index: number): void {
    isGiven[index] = 1;
    nowMs = each.nowMs;
    if (each.type === "signal") send({ type: "signal", reason: each.reason, nowMs });
    else answer(each);
  }

  function answer(each: Exclude<Given, { type: "signal" }>): void {
    const call = answers.get(each.id) as Made;
    if (each.type === "reply") {
      if (each.ok) reply(call, { ok: true, ...(each.value === undefined ? {} : { value: each.value }) }, each.body);
      else reply(call, { ok: false, error: each.error });
    } else if (each.type === "pull") {
      if (each.again || call.upload === undefined) call.upload = { digester: redactor.digester(), from: each.seq };
      send({ type: "pull", id: call.id, seq: each.seq, again: each.again, nowMs });
    } else {
      call.roomBytes -= each.body.length;
      const ended = each.error === undefined ? (each.last ? { last: true as const } : {}) : { error: each.error };
      send({ type: "piece", id: call.id, ...ended, nowMs }, each.body);
    }
  }

  function fire(timer: Due): void {
    timers = timers.filter((each) => each !== timer);
    nowMs = Math.max(nowMs, timer.atMs);
    const call = made.get(timer.id);
    if (call !== undefined) reply(call, { ok: true });
  }

  async function pump(): Promise<void> {
    if (isPumping) return;
    isPumping = true;
    for (let act = next(); act !== undefined && state !== "shut"; act = next()) {
      state = "busy";
      act();
      await parts.drained();
    }
    isPumping = false;
    if (state === "busy") {
      syncs += 1;
      state = "asked";
      send({ type: "sync", seq: syncs });
    } else if (state === "idle") stuck();
  }

  /** It waits, and nothing that it waits for is left. */
  function stuck(): void {
    const waiting = [...made.values()].filter(({ recorded, isAnswered }) => recorded !== undefined && !isAnswered);
    const open = waiting.filter(({ op }) => !timing.includes(op));
    if (recording.isOpen || open.length === 0) {
      parts.onStuck(isBeyond());
      return;
    }
    for (const each of open) {
      if (divergences.length < divergencesMax)
        divergences.push({ kind: "not answered", made: each, recorded: each.recorded ?? null });
      fail(each, "the recorded run ended before this call was answered");
    }
    state = "busy";
    void pump();
  }

  return {
    open: () => void pump(),
    handle,
    idle(seq) {
      if (state !== "asked" || seq !== syncs) return;
      state = "idle";
      void pump();
    },
    shut() {
      state = "shut";
    },
    divergences,
    book,
  };
}

function earliest(timers: readonly Due[]): Due | undefined {
  return timers.reduce<Due | undefined>(
    (best, each) => (best === undefined || each.atMs < best.atMs ? each : best),
    undefined,
  );
}
