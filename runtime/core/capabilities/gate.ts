// The one door between a guest and the world: decode → authorise → record → act → record → reply. Replace `handle` by
// a function that refuses, and the guest can only compute. It keeps a run's counters and denials, and is shut the
// moment the run ends: calls under way are aborted, later ones get `ended`.
import type { AuditEvent } from "../../model/audit-event.ts";
import { escapeLine, messageOf } from "../../model/error.ts";
import type { Denial, LimitCode, Usage } from "../../model/run.ts";
import { type Arguments, type Call, decodeCall, type OperationName } from "../../protocol/bridge.ts";
import type { ReplyHeader } from "../../protocol/channel.ts";
import type { Frame } from "../../protocol/frame.ts";
import { type Answer, type CallContext, Denied, Failed, type Operation } from "./capability.ts";
import type { LogCapability } from "./log.ts";

/** Calls under way at once: further ones are told to wait for those. */
export const callsAtOnceMax = 1_024;
/** Denials kept in the run record; all are in the audit. */
const denialsKeptMax = 100;
/** Replies carry this much JSON in their header; what may be larger goes into the body. */
const messageCharsMax = 2_000;

type Answered = Exclude<OperationName, "log.write" | "http.abort" | "timer.set" | "timer.clear">;
export type Operations = { [Name in Answered]: Operation<Arguments<Name>, unknown> };

/** Timers of a guest whose clock stands still until the host moves it (test kit). */
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
  reply(header: ReplyHeader, body: Uint8Array): void;
  /** Durable when resolved. No record, no action. */
  record(event: AuditEvent): Promise<void>;
  onDenied(denial: Denial): void;
  onLimit(limit: LimitCode): void;
}

export interface Gate {
  handle(frame: Frame): void;
  /** Nothing is answered from now on, and what is under way is aborted. */
  shut(): void;
  readonly denials: Denial[];
}

export function makeGate(parts: GateParts): Gate {
  const underWay = new Map<number, AbortController>();
  const denials: Denial[] = [];
  let calls = 0;
  let isShut = false;

  function handle(frame: Frame): void {
    if (isShut) return;
    calls += 1;
    if (calls > parts.callsMax) {
      parts.onLimit("calls");
      return;
    }
    const decoded = decodeCall(frame.header);
    if (!decoded.ok) {
      if (decoded.id !== null) void refuse(decoded.id, "bridge", new Denied("call_invalid", decoded.message, ""));
      return;
    }
    const { call } = decoded;
    if (call.op === "log.write") parts.log.write(call.args);
    else if (call.op === "http.abort") underWay.get(call.args.call)?.abort();
    else if (call.op === "timer.clear") parts.timers?.clear(call.args.timer);
    else if (call.op === "timer.set") waitForTimer(call.id, call.args);
    else void serve(call, frame.body);
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
    underWay.set(call.id, stop);
    const context: CallContext = { signal: stop.signal, record, usage: parts.usage };
    try {
      const operation = parts.operations[call.op] as Operation<unknown, unknown>;
      const answer = await perform(operation, call, body, context);
      send(call.id, { ok: true, ...(answer.value === undefined ? {} : { value: answer.value }) }, answer.body);
    } catch (error) {
      await refuse(call.id, call.op, error);
    } finally {
      underWay.delete(call.id);
      stop.abort(); // whatever an operation still holds for this call (a turn, a timer) is given up
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
    if (error instanceof Denied) {
      const denial: Denial = { capability, code: error.code, message: error.message, target: error.target };
      if (denials.length < denialsKeptMax) denials.push(denial);
      await record({ type: "deny", capability, code: error.code, target: error.target, detail: error.message }).catch(
        () => undefined,
      );
      parts.onDenied(denial);
    }
    // What is neither a denial nor a known failure is our own fault, and its text may say too much.
    const known = error instanceof Denied || error instanceof Failed;
    const code = known ? error.code : "internal";
    const message = known
      ? escapeLine(error.message, messageCharsMax)
      : "the runtime failed at this call; the operator's record has more";
    if (!known)
      await record({ type: "alert", capability, code, detail: escapeLine(messageOf(error), messageCharsMax) }).catch(
        () => undefined,
      );
    send(id, { ok: false, error: { code, message } });
  }

  function send(id: number, outcome: Omit<ReplyHeader, "type" | "id">, body: Uint8Array = new Uint8Array(0)): void {
    if (isShut) return;
    const now = parts.timers === null ? {} : { nowMs: parts.timers.nowMs() };
    parts.reply({ type: "reply", id, ...outcome, ...now }, body);
  }

  return {
    handle,
    denials,
    shut() {
      isShut = true;
      for (const stop of underWay.values()) stop.abort();
    },
  };
}
