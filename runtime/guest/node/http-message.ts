// The answer to a request of node:http: the web's response, as a stream that is read as it comes.
import { EventEmitter } from "./events.ts";
import { process } from "./process.ts";
import { Readable } from "./stream.ts";
import type { ResponseLike } from "./web.ts";

type Callback = (error?: unknown) => void;

/** There is no socket. What packages set on it has no effect, and what they read is what a plain connection would say. */
export class NoSocket extends EventEmitter {
  readonly encrypted: boolean;
  readonly authorized: boolean;
  connecting = false;
  destroyed = false;
  readonly readable = true;
  readonly writable = true;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;

  constructor(encrypted: boolean) {
    super();
    this.encrypted = encrypted;
    this.authorized = encrypted;
  }
  setTimeout(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  address(): object {
    return {};
  }
  getPeerCertificate(): object {
    return {};
  }
  cork(): void {}
  uncork(): void {}
  end(): this {
    return this.destroy();
  }
  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

/** They are said of the connection to the server, which isn't the job's. */
const ofConnection = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "trailer"]);

export class IncomingMessage extends Readable {
  readonly httpVersion = "1.1";
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly statusCode: number | undefined;
  readonly statusMessage: string | undefined;
  readonly headers: Record<string, string | string[]> = {};
  readonly headersDistinct: Record<string, string[]> = {};
  readonly rawHeaders: string[] = [];
  readonly trailers = {};
  readonly trailersDistinct = {};
  readonly rawTrailers: string[] = [];
  readonly socket: unknown;
  readonly connection: unknown;
  method: string | undefined;
  url = "";
  aborted = false;
  complete = false;
  req: unknown;
  readonly #reader:
    | { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): Promise<void> }
    | undefined;
  #touched: () => void = () => {};

  constructor(response?: ResponseLike, { socket, touched }: { socket?: unknown; touched?: () => void } = {}) {
    super({ highWaterMark: 65_536 });
    const isAnswer = typeof response?.headers?.getSetCookie === "function"; // others are made by hand, for tests
    this.statusCode = response?.status;
    this.statusMessage = response?.statusText;
    this.socket = socket;
    this.connection = socket;
    this.#reader = response?.body?.getReader();
    if (touched !== undefined) this.#touched = touched;
    if (isAnswer) this.#takeHeaders(response as ResponseLike);
  }
  #takeHeaders({ headers }: ResponseLike): void {
    for (const [name, value] of headers) {
      if (name === "set-cookie" || ofConnection.has(name)) continue;
      this.headers[name] = value;
      this.headersDistinct[name] = [value];
      this.rawHeaders.push(name, value);
    }
    const cookies = headers.getSetCookie();
    if (cookies.length === 0) return;
    this.headers["set-cookie"] = cookies;
    this.headersDistinct["set-cookie"] = cookies;
    for (const cookie of cookies) this.rawHeaders.push("set-cookie", cookie);
  }
  override _read(): void {
    const read = this.#reader?.read() ?? Promise.resolve({ done: true, value: undefined });
    read.then(
      ({ done, value }) => {
        this.#touched();
        if (done) this.#end();
        else this.push(value);
      },
      (error: unknown) => {
        this.aborted = true;
        this.emit("aborted");
        this.destroy(error);
      },
    );
  }
  #end(): void {
    this.complete = true;
    this.push(null);
  }
  override _destroy(error: unknown, callback: Callback): void {
    if (!this.complete) this.#reader?.cancel(error).catch(() => {});
    // As in Node: who doesn't listen for errors of a response has done with it.
    process.nextTick(() => callback(this.listenerCount("error") > 0 ? error : undefined));
  }
  setTimeout(_delayMs: number, callback?: () => void): this {
    if (callback !== undefined) this.on("timeout", callback);
    return this;
  }
}
