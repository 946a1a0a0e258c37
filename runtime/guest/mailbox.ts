// The guest's end of the bridge. One synchronous host function, held in this module's closure and reachable from
// nowhere else, takes primitive strings only; answers come back through `settle`, which the executor calls.
// Errors are built here, in the guest's own realm, from a code and a text.
//
// Built-ins that a job could replace are captured before any job code runs, so that the job can't read or alter what
// other parts of the guest say to the host. That protects the job from its own packages; the host trusts none of it.
import type { GuestError, OperationName } from "../protocol/bridge.ts";

/** `op`, a text, and bytes as a string of one code unit a byte. Some operations answer at once. */
export type HostFunction = (op: string, text: string, bytes: string) => string | undefined;

const { parse, stringify } = JSON;
const { apply } = Reflect;
const fromCharCode = String.fromCharCode;
const NativePromise = Promise;
const NativeError = Error;
const NativeUint8Array = Uint8Array;
const { defineProperty } = Object;
const mapGet = Map.prototype.get;
const mapSet = Map.prototype.set;
const mapDelete = Map.prototype.delete;
const replace = String.prototype.replace;
const slice = String.prototype.slice;
const subarray = Uint8Array.prototype.subarray;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  /** Made where the job called, for its stack: V8 writes the text only when it is read. */
  calledAt: Error;
}

export interface Answer {
  value: unknown;
  bytes: Uint8Array;
}

/** An error that the host gave: `code` is stable, `message` says what to do. */
export class MayflyGuestError extends NativeError {
  declare readonly code: string;
  constructor(error: GuestError, calledAt: Error) {
    super(error.message);
    const frames = apply(replace, String(calledAt.stack), [/^.*\n/, ""]);
    defineProperty(this, "stack", {
      value: `MayflyError: ${error.message}\n${frames}`,
      configurable: true,
      writable: true,
    });
    defineProperty(this, "name", { value: "MayflyError", configurable: true, writable: true });
    defineProperty(this, "code", { value: error.code, enumerable: true });
  }
}

let host: HostFunction = () => undefined;
let nextId = 1;
let isTraced = false;
const waiting = new Map<number, Waiting>();
const streams = new Map<number, { stream: Stream; calledAt: Error }>();

export function connect(hostFunction: HostFunction): void {
  host = hostFunction;
}

/** From now on calls say where they were made: for a replay, which shows it to the job's author. */
export function traceCalls(): void {
  isTraced = true;
}

/** For what the executor itself answers: timers, randomness, names, computations. */
export function tell(op: string, text: string, bytes = ""): string | undefined {
  return host(op, text, bytes);
}

export type Asked = Promise<Answer> & { readonly callId: number };

/** Asks the supervisor. */
export function call(op: OperationName, args: object, bytes?: Uint8Array): Asked {
  return ask("call", (id, calledAt) => callText(id, op, args, isTraced ? stackOf(calledAt) : undefined), bytes);
}

/** Asks for what is answered by a reply; `text` is made with the number under which it comes. */
export function ask(op: "call" | "later", text: (id: number, calledAt: Error) => string, bytes?: Uint8Array): Asked {
  const id = nextId;
  nextId += 1;
  const calledAt = new NativeError();
  const promise = new NativePromise<Answer>((resolve, reject) => {
    apply(mapSet, waiting, [id, { resolve, reject, calledAt }]);
  });
  host(op, text(id, calledAt), bytes === undefined ? "" : bytesToString(bytes));
  return defineProperty(promise, "callId", { value: id }) as Asked;
}

/** Says something that has no answer. */
export function post(op: OperationName, args: object, bytes?: Uint8Array): void {
  const id = nextId;
  nextId += 1;
  host("call", callText(id, op, args), bytes === undefined ? "" : bytesToString(bytes));
}

/** What streams beside a call and its answer: pieces of a response, and the host's word that it wants one of the request. */
export interface Stream {
  piece(bytes: Uint8Array, last: boolean, error: Error | undefined): void;
  pull(seq: number, again: boolean): void;
}

/** For the call that was made last, before anything of its stream can have come; until `deafen`. */
export function listen(callId: number, stream: Stream): void {
  apply(mapSet, streams, [callId, { stream, calledAt: new NativeError() }]);
}

export function deafen(callId: number): void {
  apply(mapDelete, streams, [callId]);
}

// A `toJSON` that the job has put on Object.prototype must not speak in the place of the call. What lies deeper is the
// job's own business: the host takes it for what it then is.
function callText(id: number, op: OperationName, args: object, at?: string): string {
  defineProperty(args, "toJSON", { __proto__: null, value: undefined } as PropertyDescriptor);
  return stringify({ __proto__: null, type: "call", id, op, args, at });
}

/** Frames of one call that are told, UTF-16 units: some ten. */
const stackCharsMax = 4_000;

function stackOf(error: Error): string | undefined {
  try {
    return apply(slice, String(error.stack), [0, stackCharsMax]); // a job's own Error.prepareStackTrace may throw
  } catch {
    return undefined;
  }
}

interface StreamFrame {
  type: "piece" | "pull";
  id: number;
  last?: true;
  error?: GuestError;
  seq: number;
  again: boolean;
}

/** Called by the executor with a piece, or with the wish for one. */
export function streamed(json: string, body: ArrayBuffer | undefined): void {
  const frame = parse(json) as StreamFrame;
  const listener = apply(mapGet, streams, [frame.id]) as { stream: Stream; calledAt: Error } | undefined;
  if (listener === undefined) return;
  if (frame.type === "pull") {
    listener.stream.pull(frame.seq, frame.again);
    return;
  }
  const error = frame.error === undefined ? undefined : new MayflyGuestError(frame.error, listener.calledAt);
  if (frame.last || error !== undefined) apply(mapDelete, streams, [frame.id]);
  listener.stream.piece(
    body === undefined ? new NativeUint8Array(0) : new NativeUint8Array(body),
    frame.last === true,
    error,
  );
}

interface Reply {
  id: number;
  ok: boolean;
  value?: unknown;
  error?: GuestError;
}

/** Called by the executor with the supervisor's answer. */
export function settle(json: string, body: ArrayBuffer | undefined): void {
  const reply = parse(json) as Reply;
  const entry = apply(mapGet, waiting, [reply.id]) as Waiting | undefined;
  if (entry === undefined) return;
  apply(mapDelete, waiting, [reply.id]);
  if (reply.ok)
    entry.resolve({
      value: reply.value,
      bytes: body === undefined ? new NativeUint8Array(0) : new NativeUint8Array(body),
    });
  else
    entry.reject(
      new MayflyGuestError(reply.error ?? { code: "internal", message: "the host gave no reason" }, entry.calledAt),
    );
}

const CHUNK_BYTES = 8_192; // arguments of one call; V8 takes about 120,000

/** One code unit a byte: the form in which bytes cross to the host. */
export function bytesToString(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK_BYTES) return apply(fromCharCode, undefined, bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    text += apply(fromCharCode, undefined, apply(subarray, bytes, [at, at + CHUNK_BYTES]) as Uint8Array);
  }
  return text;
}
