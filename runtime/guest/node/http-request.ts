// A request of node:http, sent by fetch: the door decides on it as on the job's own. A body that fits into one piece, or that
// has a stated length, goes as a whole; any other is streamed as it is written.
//
//   open → sent (the head, and the body or its beginning) → answered → closed
import { Buffer, bytesOf } from "./buffer.ts";
import { nodeError } from "./errors.ts";
import { IncomingMessage, NoSocket } from "./http-message.ts";
import {
  basicAuthorization,
  type CallArguments,
  Fields,
  type RequestOptions,
  sentFields,
  targetOf,
  type Value,
} from "./http-target.ts";
import { process } from "./process.ts";
import { Writable } from "./stream.ts";
import { setTimeout, type Timeout } from "./timer-handles.ts";
import { type ResponseLike, type StreamController, type URLLike, web } from "./web.ts";

type Callback = (error?: unknown) => void;

/** What is gathered before a body becomes a stream, bytes. */
const gatheredBytesMax = 65_536;
/** The same where the length was stated: a stream would lose it, and some servers insist on it. */
const statedBytesMax = 16_777_216;

function hangUp(): Error {
  return nodeError(Error, "ECONNRESET", "socket hang up");
}

export class ClientRequest extends Writable {
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly host: string;
  readonly agent: unknown;
  readonly socket: NoSocket;
  readonly connection: NoSocket;
  readonly reusedSocket = false;
  aborted = false;
  headersSent = false;
  timeoutCb: unknown;
  timeout: number | undefined;
  res: IncomingMessage | undefined;
  readonly #target: URLLike;
  readonly #fields = new Fields();
  readonly #control = new web.AbortController();
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #body: BodyStream | undefined;
  #timer: Timeout | undefined;
  #isClosed = false;

  constructor(protocol: "http:" | "https:", { options, callback }: CallArguments) {
    super({ autoDestroy: false, emitClose: false, decodeStrings: true });
    this.#target = targetOf(options, protocol);
    this.method = String(options.method ?? "GET").toUpperCase();
    this.path = this.#target.href.slice(this.#target.origin.length) || "/";
    this.protocol = protocol;
    this.host = this.#target.hostname;
    this.agent = options.agent;
    this.socket = new NoSocket(protocol === "https:");
    this.connection = this.socket;
    this.#fields.takeFrom(options.headers);
    if (options.auth && !this.#fields.has("authorization"))
      this.#fields.set("Authorization", basicAuthorization(options.auth));
    if (!this.#fields.has("host")) this.#fields.set("Host", this.#target.host);
    if (callback !== undefined) this.once("response", callback);
    this.#begin(options);
  }
  #begin({ timeout, signal }: RequestOptions): void {
    if (timeout !== undefined) this.setTimeout(timeout);
    if (signal !== undefined) {
      const onAbort = () => {
        const error = nodeError(Error, "ABORT_ERR", "The operation was aborted");
        this.destroy(
          Object.assign(Object.defineProperty(error, "name", { value: "AbortError" }), { cause: signal.reason }),
        );
      };
      if (signal.aborted) process.nextTick(onAbort);
      else signal.addEventListener("abort", onAbort, { once: true });
    }
    process.nextTick(() => {
      if (this.destroyed) return;
      this.emit("socket", this.socket);
      if (String(this.#fields.get("expect") ?? "").toLowerCase() === "100-continue") this.emit("continue");
    });
  }

  setHeader(name: string, value: Value): this {
    this.#requireUnsent("set");
    this.#fields.set(name, value);
    return this;
  }
  appendHeader(name: string, value: Value): this {
    this.#requireUnsent("append");
    this.#fields.append(name, value);
    return this;
  }
  setHeaders(headers: Iterable<[string, Value]>): this {
    for (const [name, value] of headers) this.setHeader(name, value);
    return this;
  }
  removeHeader(name: string): void {
    this.#requireUnsent("remove");
    this.#fields.remove(name);
  }
  getHeader(name: string): Value | undefined {
    return this.#fields.get(name);
  }
  getHeaders(): Record<string, Value> {
    return this.#fields.all();
  }
  hasHeader(name: string): boolean {
    return this.#fields.has(name);
  }
  getHeaderNames(): string[] {
    return this.#fields.names();
  }
  getRawHeaderNames(): string[] {
    return this.#fields.rawNames();
  }
  #requireUnsent(verb: string): void {
    if (this.headersSent)
      throw nodeError(Error, "ERR_HTTP_HEADERS_SENT", `Cannot ${verb} headers after they are sent to the client`);
  }
  /** The head goes with the body's beginning, or with the end where there is none. */
  flushHeaders(): void {}
  setNoDelay(): void {}
  setSocketKeepAlive(): void {}
  get finished(): boolean {
    return this.writableEnded;
  }
  setTimeout(delayMs: number, callback?: () => void): this {
    this.timeout = delayMs;
    if (callback !== undefined) this.once("timeout", callback);
    this.#touch();
    return this;
  }
  /** Something went or came: what is waited for is the next. */
  #touch(): void {
    this.#timer?.close();
    this.#timer = undefined;
    if (this.#isClosed || !this.timeout) return;
    this.#timer = setTimeout(() => {
      this.emit("timeout");
      this.socket.emit("timeout");
    }, this.timeout);
  }

  #gatherMax(): number {
    return this.#fields.has("content-length") ? statedBytesMax : gatheredBytesMax;
  }
  override _write(chunk: unknown, encoding: string, callback: Callback): void {
    const bytes = bytesOf(chunk, "chunk", encoding);
    this.#touch();
    if (this.#body === undefined) this.#gather(bytes, callback);
    else this.#body.add(bytes, callback);
  }
  #gather(bytes: Uint8Array, taken: Callback): void {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes <= this.#gatherMax()) {
      taken();
      return;
    }
    this.#body = makeBodyStream((reason) => void this.destroy(reason));
    this.#send(this.#body.stream);
    this.#body.add(Buffer.concat(this.#gathered), taken);
    this.#gathered = [];
  }
  override _final(callback: Callback): void {
    if (this.#body !== undefined) this.#body.end();
    else this.#send(this.#gatheredBytes === 0 ? undefined : new Uint8Array(Buffer.concat(this.#gathered)));
    callback();
  }
  #send(body: unknown): void {
    this.headersSent = true;
    const isStream = body !== undefined && !(body instanceof Uint8Array);
    const asked = async () =>
      web.fetch(this.#target.href, {
        method: this.method,
        headers: sentFields(this.#fields, this.#target),
        redirect: "manual",
        signal: this.#control.signal,
        ...(body === undefined ? {} : { body }),
        ...(isStream ? { duplex: "half" } : {}),
      });
    asked().then(
      (response) => this.#answer(response),
      (error: unknown) => void this.destroy(error),
    );
  }
  #answer(response: ResponseLike): void {
    if (this.destroyed) return void response.body?.cancel().catch(() => {});
    this.#touch();
    const message = new IncomingMessage(response, { socket: this.socket, touched: () => this.#touch() });
    message.req = this;
    this.res = message;
    message.once("close", () => this.#close());
    message.once("end", () => this.#close());
    if (!this.emit("response", message)) message.resume();
  }
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#touch();
    process.nextTick(() => this.emit("close"));
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    process.nextTick(() => this.emit("abort"));
    this.destroy();
  }
  override _destroy(error: unknown, callback: Callback): void {
    const reason = error ?? (this.res === undefined ? hangUp() : null);
    this.socket.destroyed = true;
    this.#control.abort(reason ?? undefined);
    if (this.res !== undefined && !this.res.complete)
      this.res.destroy(reason ?? nodeError(Error, "ECONNRESET", "aborted"));
    callback(reason);
    this.#close();
  }
}

interface BodyStream {
  stream: object;
  /** Calls back when the piece was taken. */
  add(bytes: Uint8Array, taken: Callback): void;
  end(): void;
}

function makeBodyStream(onCancel: (reason: unknown) => void): BodyStream {
  const pieces: { bytes: Uint8Array; taken: Callback }[] = [];
  let isEnded = false;
  let asked: { controller: StreamController; done: () => void } | undefined;

  function pump(): void {
    if (asked === undefined) return;
    const { controller, done } = asked;
    const piece = pieces.shift();
    if (piece === undefined && !isEnded) return;
    asked = undefined;
    if (piece === undefined) controller.close();
    else controller.enqueue(new Uint8Array(piece.bytes));
    done();
    piece?.taken();
  }
  const stream = new web.ReadableStream(
    {
      pull: (controller: StreamController) =>
        new Promise<void>((done) => {
          asked = { controller, done };
          pump();
        }),
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    add(bytes, taken) {
      pieces.push({ bytes, taken });
      pump();
    },
    end() {
      isEnded = true;
      pump();
    },
  };
}
