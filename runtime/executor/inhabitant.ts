// One guest, and all that belongs to its run: timers, computations, its time and chance where they are the supervisor's. What
// it says is relayed, without being believed; what needs no authority is answered here. When it has ended nothing of it
// fires, answers or speaks any more, so that the next one in this process begins with nothing.
import { domainToASCII } from "node:url";
import type { LaunchHeader } from "../protocol/channel.ts";
import { bodyBytesMax, encodeFrame, type Frame, FrameDecoder, headerBytesMax } from "../protocol/frame.ts";
import { type EntryFailure, type Guest, type GuestOptions, type loadIsolatedVm, makeGuest } from "./isolate.ts";
import { endNow } from "./pipe.ts";
import { makeRepeatable, type OwnAnswer, type Repeatable } from "./repeatable.ts";
import { computeAtOnce, makeLater, type Services } from "./services.ts";

const rehearsalMs = 1_000;
const graceMs = 1_000; // after the run's wall time, should the supervisor not have acted

export interface Inhabitant {
  /** Takes a frame that came down. */
  take(frame: Frame): void;
  /** Goes once, with nothing in hand, the way that a launch will go, so that V8 has compiled it by then. */
  rehearse(): void;
  end(): void;
}

export interface InhabitantParts extends Omit<GuestOptions, "host"> {
  isolatedVm: ReturnType<typeof loadIsolatedVm>;
  services: Services;
  /** Up the pipe, at once and to the end. */
  write(bytes: Uint8Array): void;
}

export function makeInhabitant({ isolatedVm, services, write, ...options }: InhabitantParts): Inhabitant {
  const timers = new Map<string, NodeJS.Timeout>();
  let deadlineAt = Number.POSITIVE_INFINITY;
  let selfEnd: NodeJS.Timeout | undefined;
  let resultBytesMax = 0;
  let hasEnded = false;
  /** Computations under way, and the `sync` that waits for them. */
  let computing = 0;
  let syncing: number | undefined;
  let repeatable: Repeatable | undefined;

  // In a turn of its own: a promise may be settled while the guest is still on the stack, and can't be entered twice.
  const later = makeLater(
    services,
    (header, body) =>
      void setImmediate(() => {
        computing -= 1;
        answerLater({ type: "reply", ...header }, body);
        tellIdle();
      }),
  );

  const guest = makeGuest(isolatedVm, {
    ...options,
    host: (op, text, bytes) => {
      try {
        return hasEnded ? undefined : answer(op, text, bytes);
      } catch {
        return undefined;
      }
    },
  });

  function send(header: Frame["header"], body: Uint8Array = new Uint8Array(0)): void {
    if (hasEnded) return;
    for (const part of encodeFrame({ header, body })) write(part);
  }

  /** The guest's header text goes into the frame as it is: the supervisor decodes it. */
  function relay(text: string, bytes: string): void {
    const header = Buffer.from(text, "utf8");
    if (header.length > headerBytesMax || header.length < 2 || bytes.length > bodyBytesMax) {
      refuseLocally(text);
      return;
    }
    const body = Buffer.from(bytes, "latin1");
    const start = Buffer.alloc(8);
    start.writeUInt32BE(header.length, 0);
    start.writeUInt32BE(body.length, 4);
    if (!hasEnded) write(Buffer.concat([start, header, body]));
  }

  // The call is too large for a frame: answer it here, so that its promise settles. The id stands in the first characters.
  function refuseLocally(text: string): void {
    const id = Number(/^\{"type":"call","id":(\d{1,15}),/.exec(text.slice(0, 64))?.[1] ?? 0);
    const error = {
      code: "call_invalid",
      message: `the call is larger than ${headerBytesMax} bytes of arguments or ${bodyBytesMax} bytes of content`,
    };
    const answer = { type: "reply", id, ok: false, error };
    if (repeatable === undefined) setImmediate(() => answerLater(answer, new Uint8Array(0)));
    else answerLater(answer, new Uint8Array(0));
  }

  /** What is answered here, and not at once. */
  function answerLater(header: OwnAnswer, body: Uint8Array): void {
    if (repeatable === undefined) enter("reply", JSON.stringify(header), body);
    else repeatable.hold(header, body);
  }

  function tellIdle(): void {
    if (syncing === undefined || computing > 0) return;
    send({ type: "idle", seq: syncing });
    syncing = undefined;
  }

  function answer(op: string, text: string, bytes: string): string | undefined {
    switch (op) {
      case "call":
        relay(text, bytes);
        return undefined;
      case "done":
        if (Buffer.byteLength(text) <= Math.min(resultBytesMax, bodyBytesMax))
          send({ type: "done" }, Buffer.from(text));
        else send(failure("output", "the result is too large"));
        return undefined;
      case "failed":
        relay(text, "");
        return undefined;
      case "timer.set":
        setTimer(text);
        return undefined;
      case "timer.clear":
        clearTimeout(timers.get(text));
        timers.delete(text);
        return undefined;
      case "compute":
        return computeAtOnce(services, text, bytes);
      case "later":
        later(text, bytes);
        computing += 1;
        return undefined;
      case "random":
        return random(Math.min(65_536, Math.max(0, Number(text) | 0))).toString("latin1");
      case "domainToASCII":
        return domainToASCII(text.slice(0, 1_024));
      default:
        return undefined;
    }
  }

  // The web's generator: Node loads it when it is first used, and node:crypto would cost every executor 10 ms, a fifth of
  // its start.
  function random(count: number): Buffer {
    if (repeatable !== undefined) return repeatable.random(count);
    return Buffer.from(crypto.getRandomValues(new Uint8Array(count)).buffer);
  }

  function setTimer(text: string): void {
    const [id = "", delayMs = "0"] = text.split(" ");
    if (timers.size > 10_000) return;
    clearTimeout(timers.get(id));
    const fire = () => {
      timers.delete(id);
      enter("timer", id);
    };
    timers.set(id, setTimeout(fire, Number(delayMs)));
  }

  function enter(kind: Parameters<Guest["dispatch"]>[0], json: string, body?: Uint8Array): void {
    if (hasEnded) return;
    const failed = guest.dispatch(kind, json, body, timeLeftMs());
    // All that a job throws is caught in the guest, but for a promise's rejection that nobody handles: V8 throws that out.
    if (failed?.kind === "threw" && kind !== "rejection") {
      const { name, message, stack } = failed;
      enter("rejection", JSON.stringify({ name, message, stack }));
    } else report(failed);
  }

  function timeLeftMs(): number {
    return Math.max(1, Math.min(2_147_483_647, Math.ceil(deadlineAt - performance.now())));
  }

  function report(failed: EntryFailure | undefined): void {
    if (failed === undefined) return;
    send({
      ...failure(failed.kind, failed.message),
      name: failed.name.slice(0, 256),
      stack: failed.stack.slice(0, 65_000),
    });
  }

  function failure(kind: string, message: string): Frame["header"] & { name: string; stack: string } {
    return { type: "failed", kind, name: "Error", message: message.slice(0, 16_000), stack: "" };
  }

  function launch(header: LaunchHeader, body: Uint8Array): void {
    deadlineAt = performance.now() + header.runMs + graceMs;
    resultBytesMax = header.resultBytesMax;
    selfEnd = setTimeout(endNow, header.runMs + graceMs).unref();
    const { seed, clock, traced, codeCacheBytes = 0, ...told } = header;
    if (seed !== undefined) repeatable = makeRepeatable(seed, send);
    if (clock.mode === "host")
      enter("prepare", JSON.stringify({ nowMs: clock.nowMs, seeded: seed !== undefined, traced: traced === true }));
    const codeBytes = body.length - codeCacheBytes;
    const failed = guest.load(
      Buffer.from(body.buffer, body.byteOffset, codeBytes).toString("utf8"),
      timeLeftMs(),
      codeCacheBytes > 0 ? body.subarray(codeBytes) : undefined,
    );
    if (failed === undefined) enter("start", JSON.stringify(told));
    else report(failed);
  }

  function take(frame: Frame): void {
    const { header, body } = frame;
    if (header.type === "launch") launch(header as unknown as LaunchHeader, body);
    else if (header.type === "reply") settle(frame);
    else if (header.type === "piece" || header.type === "pull") enter("stream", JSON.stringify(header), body);
    else if (header.type === "sync") {
      syncing = Number(header.seq);
      tellIdle();
    } else if (header.type === "signal") {
      if (header.nowMs !== undefined) enter("reply", JSON.stringify({ id: 0, ok: true, nowMs: header.nowMs }));
      enter("signal", String(header.reason));
    }
  }

  function settle(frame: Frame): void {
    const { header, body } = repeatable?.through(frame) ?? frame;
    enter("reply", JSON.stringify(header), body);
  }

  // Leaves no trace in the guest: an empty script, and an answer to a call that was never made.
  function rehearse(): void {
    const answered = { type: "reply", id: 0, ok: true };
    for (const part of encodeFrame({ header: answered, body: new Uint8Array(0) })) new FrameDecoder().push(part);
    guest.load("", rehearsalMs);
    guest.dispatch("reply", JSON.stringify(answered), undefined, rehearsalMs);
    clearTimeout(setTimeout(() => {}, rehearsalMs));
  }

  function end(): void {
    hasEnded = true;
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
    clearTimeout(selfEnd);
    services.forget?.();
    guest.dispose();
  }

  return { take, rehearse, end };
}
