// HTTP for one run, by undici: one hop a call, to the address that was checked. It follows no redirect, retries nothing,
// caches nothing, knows no proxy, and shares no connection between hosts or runs. It bounds time, header fields and
// inflated bodies, and says what went wrong in ExchangeFailure's few words. What may be asked, and of whom, was decided
// before: it takes a CheckedTarget and nothing weaker.
import { type Dispatcher, errors, Pool } from "undici";
import type { CheckedTarget } from "../../model/checked.ts";
import {
  type Exchange,
  ExchangeFailure,
  type ExchangeLimits,
  type HttpClient,
  type OpenHttpClient,
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
  let trust: ReturnType<typeof makeTrust> | undefined;
  // Read when first needed: 20 ms that an installation without https doesn't spend.
  const trusted = () => {
    trust ??= makeTrust(extraCaForTests);
    return trust;
  };
  return () => makeClient(trusted);
}

function makeClient(trusted: () => ReturnType<typeof makeTrust>): HttpClient {
  const sockets = makeSocketSet();
  const pools = new Map<string, Pool>();
  const underWay = new Set<(failure: ExchangeFailure) => void>();
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
      pipelining: 1,
      maxHeaderSize: headerBytesMax,
      headersTimeout: 0, // the total time of the exchange covers both
      bodyTimeout: 0,
    });
    pools.set(key, pool);
    return pool;
  }

  async function exchange(
    target: CheckedTarget,
    body: Uint8Array | null,
    limits: ExchangeLimits,
    signal: AbortSignal,
  ): Promise<Exchange> {
    if (closed || signal.aborted) throw new ExchangeFailure("aborted", "given up before it began");
    const work = startExchange({ pool: poolFor(target, limits.headerBytesMax), target, body, limits });
    const onAbort = () => work.stop(new ExchangeFailure("aborted", "given up"));
    const timer = setTimeout(() => work.stop(new ExchangeFailure("net_timeout", "out of time")), limits.totalMs);
    signal.addEventListener("abort", onAbort, { once: true });
    underWay.add(work.stop);
    try {
      return await work.done;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      underWay.delete(work.stop);
    }
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
  done: Promise<Exchange>;
  stop(failure: ExchangeFailure): void;
}

interface ExchangeParts {
  pool: Pool;
  target: CheckedTarget;
  body: Uint8Array | null;
  limits: ExchangeLimits;
}

function startExchange({ pool, target, body, limits }: ExchangeParts): Started {
  const { promise: done, resolve, reject } = Promise.withResolvers<Exchange>();
  let controller: Dispatcher.DispatchController | undefined;
  let sink: BodySink | undefined;
  let head: Omit<Exchange, "body" | "wireBytes"> | undefined;
  let interim = 0;
  let over = false;

  function stop(failure: ExchangeFailure): void {
    if (over) return;
    over = true;
    sink?.destroy();
    reject(failure);
    controller?.abort(failure); // destroys the connection: what is left on it belongs to nobody
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
        const codings = readCodings(headers);
        head = { status, statusText: statusText ?? "", headers };
        sink = makeBodySink({
          codings: codings ?? [],
          bytesMax: limits.bodyBytesMax,
          onDrain: () => started.resume(),
          onFailure: stop,
        });
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
      if (over || sink === undefined || head === undefined) return;
      void finish(sink, head).then(
        (whole) => {
          over = true;
          // A turn later undici has its connection back, and a request that follows at once can have it.
          setImmediate(() => resolve(whole));
        },
        (error: unknown) => stop(asFailure(error)),
      );
    },
    onResponseError(_started, error) {
      stop(asFailure(error));
    },
  };

  try {
    pool.dispatch(
      { path: target.path, method: target.method, headers: wireHeaders(target), body: bytesOf(body) },
      handler,
    );
  } catch (error) {
    stop(asFailure(error));
  }
  return { done, stop };
}

async function finish(sink: BodySink, head: Omit<Exchange, "body" | "wireBytes">): Promise<Exchange> {
  const body = await sink.end();
  const wireBytes = sink.wireBytes();
  // What was inflated no longer has the length and the coding that the server stated.
  const inflated = wireBytes > 0 && (readCodings(head.headers)?.length ?? 0) > 0;
  const stale = (name: string) => name === "content-encoding" || name === "content-length";
  const headers = inflated ? head.headers.filter(([name]) => !stale(name)) : head.headers;
  return { ...head, headers, body, wireBytes };
}

function wireHeaders(target: CheckedTarget): string[] {
  const fields = [["host", hostHeader(target)] as const, ...target.headers];
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

function bytesOf(body: Uint8Array | null): Buffer | null {
  return body === null ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
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
  if (unreachableCodes.has(code)) return new ExchangeFailure("net_unreachable", "no connection", error);
  return new ExchangeFailure("net_protocol", "no valid HTTP", error);
}

/** Certificate verification says what OpenSSL calls it (`CERT_HAS_EXPIRED`); the rest has a prefix. */
function isTls(code: string): boolean {
  return /^ERR_(?:TLS|SSL|OSSL)|CERT|^(?:UNABLE_TO_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/.test(
    code,
  );
}
