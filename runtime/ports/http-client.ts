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
  body: Uint8Array;
  /** Bytes of the body as they came over the wire. */
  wireBytes: number;
}

/** Why an exchange failed, in words that name no address and no errno (NET-38). */
export type ExchangeFailureCode =
  | "net_unreachable" // refused, reset, no route, no answer to connect: all one
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
  /** Dials `target.address` and nothing else. Rejects with ExchangeFailure. */
  exchange(
    target: CheckedTarget,
    body: Uint8Array | null,
    limits: ExchangeLimits,
    signal: AbortSignal,
  ): Promise<Exchange>;
  /** Ends every connection; resolves when none is left. */
  close(): Promise<void>;
}

export type OpenHttpClient = () => HttpClient;
