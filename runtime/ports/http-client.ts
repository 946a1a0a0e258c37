// One hop of HTTP for one run. A client follows no redirect, keeps no cookie, decides nothing.
import type { CheckedTarget } from "../model/checked.ts";

export interface ExchangeLimits {
  /** From the call to the last byte of the body, ms. */
  totalMs: number;
  headerBytesMax: number;
  /** Counted after decompression. */
  bodyBytesMax: number;
}

export interface Exchange {
  status: number;
  statusText: string;
  /** Names in lower case, in the order received; content-encoding and content-length are gone when the body was inflated. */
  headers: readonly (readonly [string, string])[];
  /**
   * Taken once. The server is asked for more as it is taken, so that a body of any size needs little memory. Rejects with
   * ExchangeFailure; left before its end, it ends the connection.
   */
  body: AsyncIterable<Uint8Array>;
  /** Bytes of the body that have come over the wire until now. */
  wireBytes(): number;
}

/** A request's body: whole, or as it comes. */
export type RequestBody =
  | Uint8Array
  | { /** null: not known. */ bytes: number | null; pieces: AsyncIterable<Uint8Array> };

/** Why an exchange failed, in words that name no address and no errno (NET-38). */
export type ExchangeFailureCode =
  | "net_unreachable" // refused, reset, no route, no answer to connect: all one
  | "net_busy" // this host has no room for one more
  | "net_timeout"
  | "net_tls"
  | "net_protocol" // what came back is not HTTP
  | "response_size"
  | "response_header"
  | "aborted";

export class ExchangeFailure extends Error {
  override readonly name = "ExchangeFailure";
  readonly code: ExchangeFailureCode;
  constructor(code: ExchangeFailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Connections of one run: nothing of them outlives `close`. */
export interface HttpClient {
  /**
   * Dials `target.address` and nothing else. Resolves with the header fields, while the body is still to come. Rejects with
   * ExchangeFailure, or with what the pieces of `body` rejected with.
   */
  exchange(
    target: CheckedTarget,
    body: RequestBody | null,
    limits: ExchangeLimits,
    signal: AbortSignal,
  ): Promise<Exchange>;
  /** Ends every connection; resolves when none is left. */
  close(): Promise<void>;
}

export type OpenHttpClient = () => HttpClient;

/** A body that is there already. */
export async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield bytes;
}

/** All of a body that is known to be small. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : new Uint8Array(Buffer.concat(pieces));
}
