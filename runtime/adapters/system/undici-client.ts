// HTTP for one run, by undici: one hop a call, to the address that was checked. It follows no redirect, retries nothing,
// caches nothing, knows no proxy, and shares no connection between hosts or runs, nor between requests that show a client
// certificate and others. It bounds time, header fields and inflated bodies, and says what went wrong in
// ExchangeFailure's few words. What may be asked, and of whom, was decided before: it takes a CheckedTarget and nothing
// weaker.
import type { Readable } from "node:stream";
import type { SecureContext } from "node:tls";
import { type Dispatcher, errors, Pool } from "undici";
import type { CheckedTarget, ClientKey } from "../../model/checked.ts";
import {
  type Exchange,
  ExchangeFailure,
  type ExchangeLimits,
  type HttpClient,
  type OpenHttpClient,
  type RequestBody,
} from "../../ports/http-client.ts";
import { makeConnector, makeSocketSet, makeTrust } from "./undici-connect.ts";
import { acceptedCodings, type BodySink, makeBodySink, readCodings } from "./undici-inflate.ts";

/** Interim responses (1xx) before the real one: servers send one or two. */
const INTERIM_MAX = 8;

export interface UndiciOptions {
  /** PEM certificates that are trusted beside Node's own. For tests: nothing else may name an authority. */
  extraCaForTests?: readonly string[];
}

/** Clients that share nothing but the list of trusted authorities. */
export function makeUndiciClients({ extraCaForTests = [] }: UndiciOptions = {}): OpenHttpClient {
  // Read when first needed: milliseconds that an installation without https doesn't spend.
  const trusted = once(() => makeTrust(extraCaForTests));
  return () => makeClient(trusted, (key) => makeTrust(extraCaForTests, { key }));
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The connections without a key, and those of each key: closed, for good, when the key ends. */
function makeClient(trusted: () => SecureContext, trustShowing: (key: ClientKey) => SecureContext): HttpClient {
  const plain = makeConnections(trusted);
  const keyed = new Map<ClientKey, HttpClient>();
  let closed = false;

  function connectionsFor(key: ClientKey | null): HttpClient {
    if (key === null) return plain;
    const known = keyed.get(key);
    if (known !== undefined) return known;
    const own = makeConnections(once(() => trustShowing(key)));
    keyed.set(key, own); // kept when closed: a key that has ended opens nothing anew
    const end = () => void own.close();
    if (closed || key.ended.aborted) end();
    else key.ended.addEventListener("abort", end, { once: true });
    return own;
  }

  return {
    exchange: (target, ...rest) => connectionsFor(target.clientKey).exchange(target, ...rest),
    async close() {
      closed = true;
      await Promise.all([plain, ...keyed.values()].map((each) => each.close()));
    },
  };
}

function makeConnections(trusted: () => SecureContext): HttpClient {
  const sockets = makeSocketSet();
  const pools = new Map<string, Pool>();
  const underWay = new Set<Started["stop"]>();
  let closed = false;

  /** One pool for a scheme, host, port and address: no connection serves two names (NET-28). */
  function poolFor(target: CheckedTarget, headerBytesMax: number): Pool {
    const origin = originOf(target);
    const key = `${origin} ${target.address} ${headerBytesMax}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    const { address, port, host } = target;
    const tls = target.scheme === "https" ? trusted() : undefined;
    const pool = new Pool(origin, {
      connect: makeConnector({ address, port, host, tls }, sockets),
      allowH2: false,
      useMilo: false, // another parser, which a variable of the environment would choose
      pipelining: 1,
      maxHeaderSize: headerBytesMax,
      headersTimeout: 0, // the total time of the exchange covers both
      bodyTimeout: 0,
    });
    pools.set(key, pool);
    return pool;
  }

  function exchange(
    target: CheckedTarget,
    body: RequestBody | null,
    limits: ExchangeLimits,
    signal: AbortSignal,
  ): Promise<Exchange> {
    if (closed || signal.aborted) return Promise.reject(new ExchangeFailure("aborted", "given up before it began"));
    let pool: Pool;
    try {
      pool = poolFor(target, limits.headerBytesMax);
    } catch {
      return Promise.reject(new ExchangeFailure("net_tls", "the client certificate can't be used")); // a cause may quote it
    }
    const work = startExchange({ pool, target, body, limits, onOver });
    const onAbort = () => work.stop(new ExchangeFailure("aborted", "given up"));
    const timer = setTimeout(() => work.stop(new ExchangeFailure("net_timeout", "out of time")), limits.totalMs);
    signal.addEventListener("abort", onAbort, { once: true });
    underWay.add(work.stop);
    function onOver(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      underWay.delete(work.stop);
    }
    return work.head;
  }

  async function close(): Promise<void> {
    closed = true;
    for (const stop of underWay) stop(new ExchangeFailure("aborted", "the run has ended"));
    const destroyed = [...pools.values()].map((pool) => pool.destroy());
    await sockets.destroy();
    await Promise.all(destroyed);
    pools.clear();
  }

  return { exchange, close };
}

interface Started {
  head: Promise<Exchange>;
  stop(reason: ExchangeFailure): void;
}

interface ExchangeParts {
  pool: Pool;
  target: CheckedTarget;
  body: RequestBody | null;
  limits: ExchangeLimits;
  /** Once, when the last byte has come or nothing more will. Not before `startExchange` has returned. */
  onOver(): void;
}

function startExchange({ pool, target, body, limits, onOver }: ExchangeParts): Started {
  const { promise: head, resolve, reject } = Promise.withResolvers<Exchange>();
  let controller: Dispatcher.DispatchController | undefined;
  let sink: BodySink | undefined;
  let interim = 0;
  let over = false;

  function conclude(): boolean {
    if (over) return false;
    over = true;
    queueMicrotask(onOver);
    return true;
  }

  function stop(reason: Error): void {
    if (!conclude()) return;
    sink?.fail(reason as ExchangeFailure);
    reject(reason);
    controller?.abort(reason); // destroys the connection: what is left on it belongs to nobody
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (over) started.abort(new ExchangeFailure("aborted", "given up"));
    },
    onResponseStart(started, status, _parsed, statusText) {
      if (over) return;
      if (status < 200) {
        interim += 1;
        if (interim > INTERIM_MAX) stop(new ExchangeFailure("net_protocol", "too many interim responses"));
        return;
      }
      try {
        const headers = readHeaders(started.rawHeaders, limits.headerBytesMax);
        const codings = bodyless(target.method, status) ? undefined : readCodings(headers);
        refuseStatedLength(target.method, headers, limits.bodyBytesMax);
        sink = makeBodySink({
          codings: codings ?? [],
          bytesMax: limits.bodyBytesMax,
          onDrain: () => started.resume(),
          onEnd: conclude,
          onFailure: stop,
        });
        const { body, wireBytes } = sink;
        const left = codings === undefined || codings.length === 0 ? headers : headers.filter(([name]) => !stale(name));
        resolve({ status, statusText: statusText ?? "", headers: left, body, wireBytes });
      } catch (error) {
        stop(asFailure(error));
      }
    },
    onResponseData(started, chunk) {
      if (over || sink === undefined) return;
      try {
        if (!sink.write(chunk)) started.pause();
      } catch (error) {
        stop(asFailure(error));
      }
    },
    onResponseEnd() {
      if (!over) sink?.end();
    },
    onResponseError(_started, error) {
      stop(asFailure(error));
    },
  };

  try {
    pool.dispatch(
      { path: target.path, method: target.method, headers: wireHeaders(target, body), body: wireBody(body, stop) },
      handler,
    );
  } catch (error) {
    stop(asFailure(error));
  }
  return { head, stop };
}

/** What was inflated no longer has the length and the coding that the server stated. */
function stale(name: string): boolean {
  return name === "content-encoding" || name === "content-length";
}

function bodyless(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 304;
}

/** @throws ExchangeFailure `response_size` before a byte of it is asked for. */
function refuseStatedLength(method: string, headers: Exchange["headers"], bytesMax: number): void {
  if (method === "HEAD") return;
  const stated = headers.find(([name]) => name === "content-length")?.[1] ?? "0";
  if (Number(stated) > bytesMax) throw new ExchangeFailure("response_size", "the body is stated above the limit");
}

function wireHeaders(target: CheckedTarget, body: RequestBody | null): string[] {
  const fields = [["host", hostHeader(target)] as const, ...target.headers];
  if (body !== null && !(body instanceof Uint8Array) && body.bytes !== null)
    fields.push(["content-length", String(body.bytes)]);
  if (!target.headers.some(([name]) => name === "accept-encoding")) fields.push(["accept-encoding", acceptedCodings]);
  return fields.flat();
}

function originOf(target: CheckedTarget): string {
  return `${target.scheme}://${target.host}:${target.port}`;
}

function hostHeader(target: CheckedTarget): string {
  const own = target.scheme === "https" ? 443 : 80;
  return target.port === own ? target.host : `${target.host}:${target.port}`;
}

/** In undici's words. Its types say Readable; what it takes is any async iterable. */
function wireBody(body: RequestBody | null, stop: (failure: Error) => void): Buffer | Readable | null {
  if (body === null) return null;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return watched(body.pieces, stop) as unknown as Readable;
}

/** The reason for which the pieces end too early is the reason for which the exchange does. */
async function* watched(pieces: AsyncIterable<Uint8Array>, stop: (failure: Error) => void): AsyncIterable<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    stop(error as Error);
    throw error;
  }
}

/** @throws ExchangeFailure `response_header`. */
function readHeaders(raw: unknown, bytesMax: number): (readonly [string, string])[] {
  const parts = Array.isArray(raw) ? (raw as (Buffer | string)[]) : [];
  const headers: (readonly [string, string])[] = [];
  let bytes = 0;
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const name = latin1(parts[index]).toLowerCase();
    const value = latin1(parts[index + 1]);
    bytes += name.length + value.length + 4; // the colon, the space and the line's end
    headers.push([name, value]);
  }
  if (bytes > bytesMax) throw new ExchangeFailure("response_header", "the header fields pass the limit");
  return headers;
}

function latin1(part: Buffer | string | undefined): string {
  return typeof part === "string" ? part : (part?.toString("latin1") ?? "");
}

const unreachableCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_SOCKET",
]);

/** undici's, Node's and OpenSSL's errors in the port's words. The cause stays for the operator's eyes. */
function asFailure(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeFailure) return error;
  if (error instanceof errors.HeadersOverflowError) return new ExchangeFailure("response_header", "too large", error);
  const code = String((error as { code?: unknown } | null)?.code ?? "");
  if (isTls(code)) return new ExchangeFailure("net_tls", "not accepted", error);
  if (code === "EMFILE") return new ExchangeFailure("net_busy", "no room for a connection", error);
  if (unreachableCodes.has(code)) return new ExchangeFailure("net_unreachable", "no connection", error);
  return new ExchangeFailure("net_protocol", "no valid HTTP", error);
}

/** Certificate verification says what OpenSSL calls it (`CERT_HAS_EXPIRED`); the rest has a prefix. */
function isTls(code: string): boolean {
  return /^ERR_(?:TLS|SSL|OSSL)|CERT|^(?:UNABLE_TO_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/.test(
    code,
  );
}
