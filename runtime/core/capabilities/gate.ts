// The one door between a guest and the world: decode → authorise → record → act → record → reply, and behind the reply
// the bytes that stream. Replace `handle` by a function that refuses, and the guest can only compute. It keeps a run's counters and denials, and is shut the
// moment the run ends: calls under way are aborted, later ones get `ended`.
import type { AuditEvent } from "../../model/audit-event.ts";
import { escapeLine, messageOf } from "../../model/error.ts";
import type { Denial, LimitCode, Usage } from "../../model/run.ts";
import {
  type Arguments,
  type Call,
  decodeCall,
  type GuestError,
  type OperationName,
  pieceBytesMax,
} from "../../protocol/bridge.ts";
import type { PieceHeader, PullHeader, ReplyHeader } from "../../protocol/channel.ts";
import type { Frame } from "../../protocol/frame.ts";
import { type Answer, type CallContext, Denied, Failed, type Hint, hintOf, type Operation } from "./capability.ts";
import type { LogCapability } from "./log.ts";
import { makeUpload, makeWindow, type Upload, type Window } from "./streams.ts";

/** Calls under way at once: further ones are told to wait for those. */
export const callsAtOnceMax = 1_024;
/** Denials kept in the run record; all are in the audit. */
const denialsKeptMax = 100;
/** Their answers may be as large as a frame. */
const contentful: readonly Answered[] = ["files.read", "credential.query", "credential.command", "credential.exec"];
/** Content that came with calls which are under way, bytes: above it the executor's pipe is left unread. */
const heldBytesMax = 1_048_576;
/** Replies carry this much JSON in their header; what may be larger goes into the body. */
const messageCharsMax = 2_000;

/** How a guest's time goes on, when it is ours. */
export const timing: readonly string[] = ["timer.set", "timer.clear", "turn"];
const posted = ["log.write", "http.abort", "http.piece", "http.credit", "timer.set", "timer.clear", "turn"] as const;
/** What has no answer, or (a timer, when it is due) one that nothing is done for. */
type Posted = (typeof posted)[number];
type Answered = Exclude<OperationName, Posted>;
export type Operations = { [Name in Answered]: Operation<Arguments<Name>, unknown> };

/** Timers of a guest whose clock stands still until the host moves it. */
export interface HostTimers {
  set(timer: number, delayMs: number): Promise<void>;
  clear(timer: number): void;
  nowMs(): number;
}

export interface GateParts {
  runId: string;
  job: string;
  operations: Operations;
  log: LogCapability;
  timers: HostTimers | null;
  usage: Usage;
  callsMax: number;
  reply(header: ReplyHeader | PieceHeader | PullHeader, body: Uint8Array): void;
  /** Resolves when what was sent has left: what isn't read must not pile up here. */
  drained(): Promise<void>;
  /** Whether the executor is listened to. */
  listen(wanted: boolean): void;
  /** Durable when resolved. No record, no action. */
  record(event: AuditEvent): Promise<void>;
  onDenied(denial: Denial): void;
  onLimit(limit: LimitCode): void;
  /** Told of each call that counts, before anything is done for it: for a recording. */
  onCall?(call: { id: number; op: string; args: unknown }, body: Uint8Array): void;
}

export interface Gate {
  handle(frame: Frame): void;
  /** Nothing is answered from now on, and what is under way is aborted. */
  shut(): void;
  readonly denials: Denial[];
}

/** One call between its coming and its last byte. */
interface UnderWay {
  stop: AbortController;
  window: Window;
  upload: Upload;
}

export function makeGate(parts: GateParts): Gate {
  const underWay = new Map<number, UnderWay>();
  const denials: Denial[] = [];
  const counted = { calls: 0, timing: 0 };
  const turns = new Map<Answered, Promise<void>>();
  let heldBytes = 0;
  let isShut = false;

  function handle(frame: Frame): void {
    if (isShut) return;
    if (isOneTooMany(frame.header.op)) {
      parts.onLimit("calls");
      return;
    }
    const decoded = decodeCall(frame.header);
    if (!decoded.ok) {
      if (decoded.id === null) return;
      parts.onCall?.({ id: decoded.id, op: "bridge", args: { message: decoded.message } }, frame.body);
      void refuse(decoded.id, "bridge", new Denied("call_invalid", decoded.message, ""));
      return;
    }
    const { call } = decoded;
    parts.onCall?.(call, frame.body);
    if (isPosted(call)) take(call, frame.body);
    else void serve(call, frame.body);
  }

  // Timers are the guest's own business otherwise, so where they come through here they take nothing from its calls.
  function isOneTooMany(op: unknown): boolean {
    const kind = parts.timers !== null && timing.includes(String(op)) ? "timing" : "calls";
    counted[kind] += 1;
    return counted[kind] > parts.callsMax;
  }

  function take(call: Extract<Call, { op: Posted }>, body: Uint8Array): void {
    if (call.op === "log.write") parts.log.write(call.args);
    else if (call.op === "http.abort") underWay.get(call.args.call)?.stop.abort();
    else if (call.op === "http.credit") underWay.get(call.args.call)?.window.credit(call.args.bytes);
    else if (call.op === "http.piece") takePiece(call, body);
    else if (call.op === "timer.clear") parts.timers?.clear(call.args.timer);
    else if (call.op === "turn") send(call.id, { ok: true });
    else waitForTimer(call.id, call.args);
  }

  /** A piece that nobody has asked for would be memory that nobody has planned for: the call ends by it. */
  function takePiece({ id, args }: Extract<Call, { op: "http.piece" }>, bytes: Uint8Array): void {
    const call = underWay.get(args.call);
    if (call === undefined) return; // it was given up, or is over
    if (bytes.length <= pieceBytesMax && call.upload.give(args.seq, bytes, args.last)) return;
    call.stop.abort();
    void refuse(id, "http.piece", new Denied("call_invalid", "http.piece: too large, or nobody has asked for it", ""));
  }

  function waitForTimer(id: number, { timer, delayMs }: Arguments<"timer.set">): void {
    void parts.timers?.set(timer, delayMs).then(() => send(id, { ok: true }));
  }

  async function serve(call: Extract<Call, { op: Answered }>, body: Uint8Array): Promise<void> {
    if (underWay.size >= callsAtOnceMax || underWay.has(call.id)) {
      send(call.id, {
        ok: false,
        error: { code: "busy", message: `more than ${callsAtOnceMax} calls at once: await some first` },
      });
      return;
    }
    const stop = new AbortController();
    const window = makeWindow(stop.signal);
    const upload = makeUpload((seq, again) => post({ type: "pull", id: call.id, seq, again }), stop.signal);
    underWay.set(call.id, { stop, window, upload });
    const heldHere = body.length; // once it is written it may be no more
    hold(heldHere);
    const context: CallContext = { signal: stop.signal, record, usage: parts.usage, upload: upload.pieces };
    try {
      const operation = parts.operations[call.op] as Operation<unknown, unknown>;
      const answer = await inTurn(call.op, async () => {
        const made = await perform(operation, call, body, context);
        send(call.id, { ok: true, ...(made.value === undefined ? {} : { value: made.value }) }, made.body);
        if (made.body !== undefined) await parts.drained();
        return made;
      });
      if (answer.stream !== undefined) await pump(call.id, call.op, answer.stream, window);
    } catch (error) {
      await refuse(call.id, call.op, error);
    } finally {
      underWay.delete(call.id);
      hold(-heldHere);
      stop.abort(); // whatever an operation still holds for this call (a turn, a timer) is given up
    }
  }

  /** Of what answers with content, one at a time: a guest that doesn't read its answers has one of each waiting. */
  function inTurn<T>(op: Answered, work: () => Promise<T>): Promise<T> {
    if (!contentful.includes(op)) return work();
    const done = (turns.get(op) ?? Promise.resolve()).then(work);
    turns.set(
      op,
      done.then(
        () => undefined,
        () => undefined,
      ),
    );
    return done;
  }

  // Calls that carry content wait for the disk. While too much of it waits, the guest's next words wait in its pipe, where
  // they cost the guest.
  function hold(bytes: number): void {
    const wasFull = heldBytes > heldBytesMax;
    heldBytes += bytes;
    const isFull = heldBytes > heldBytesMax;
    if (isFull !== wasFull) parts.listen(!isFull);
  }

  /** Passes a stream on, as the window opens and the pipe empties. */
  async function pump(id: number, op: string, stream: AsyncIterable<Uint8Array>, window: Window): Promise<void> {
    try {
      for await (const piece of stream) {
        post({ type: "piece", id }, piece);
        window.sent(piece.length);
        await Promise.all([window.open(), parts.drained()]);
      }
      post({ type: "piece", id, last: true });
    } catch (error) {
      post({ type: "piece", id, error: await errorFor(op, error) });
    }
  }

  async function perform(
    operation: Operation<unknown, unknown>,
    call: Call,
    body: Uint8Array,
    context: CallContext,
  ): Promise<Answer> {
    const plan = await operation.authorize(call.args, body, context);
    if (operation.target !== undefined)
      await record({ type: "allow", capability: call.op, target: operation.target(plan) });
    if (isShut) throw new Denied("ended", "the run has ended", "");
    return operation.act(plan, body, context);
  }

  function record(event: AuditEvent): Promise<void> {
    return parts.record({ ...event, runId: parts.runId, job: parts.job });
  }

  async function refuse(id: number, capability: string, error: unknown): Promise<void> {
    send(id, { ok: false, error: await errorFor(capability, error) });
  }

  /** Records what went wrong; returns what the guest may know of it. */
  async function errorFor(capability: string, error: unknown): Promise<GuestError> {
    if (error instanceof Denied) {
      const { code, message, target } = error;
      const hint = hintOf(error);
      const denial: Denial = { capability, code, message, target, ...hint };
      if (denials.length < denialsKeptMax) denials.push(denial);
      await record({ type: "deny", capability, code, target, detail: message, ...hint }).catch(() => undefined);
      parts.onDenied(denial);
      return { code, message: escapeLine(inWords(message, hint), messageCharsMax) };
    }
    if (error instanceof Failed) return { code: error.code, message: escapeLine(error.message, messageCharsMax) };
    // What is neither a denial nor a known failure is our own fault, and its text may say too much.
    const detail = escapeLine(messageOf(error), messageCharsMax);
    await record({ type: "alert", capability, code: "internal", detail }).catch(() => undefined);
    return { code: "internal", message: "the runtime failed at this call; the operator's record has more" };
  }

  function send(id: number, outcome: Omit<ReplyHeader, "type" | "id">, body?: Uint8Array): void {
    post({ type: "reply", id, ...outcome }, body);
  }

  function post(header: ReplyHeader | PieceHeader | PullHeader, body: Uint8Array = new Uint8Array(0)): void {
    if (isShut) return;
    parts.reply(parts.timers === null ? header : { ...header, nowMs: parts.timers.nowMs() }, body);
  }

  return {
    handle,
    denials,
    shut() {
      isShut = true;
      for (const { stop } of underWay.values()) stop.abort();
    },
  };
}

function inWords(message: string, { nearest, remedy }: Hint): string {
  const parts = [message];
  if (nearest !== undefined) parts.push(`the nearest grant is ${nearest}`);
  if (remedy !== undefined) parts.push(`to allow it, write ${remedy}`);
  return parts.join("; ");
}

function isPosted(call: Call): call is Extract<Call, { op: Posted }> {
  return (posted as readonly string[]).includes(call.op);
}
