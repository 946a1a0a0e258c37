// HTTP to issuers: bounded in time and bytes, verified TLS, no redirect followed, nothing taken from the environment. It
// answers for telling "could not be asked" from "it said no" from "that is no answer", in IssuerFailure's words; what the
// status means for a protocol is its issuer's business. No failure shows what was sent or what came back.
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { isUsable, type Transport } from "../../model/issuer.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

/** The broker gives an issuer ten seconds for an answer; this comes first, and says what was waited for. */
const answerMs = 5_000;
const connectMs = 3_000;
/** The largest answer of an issuer is a certificate chain or a token with many claims. */
const bodyBytesMax = 262_144;

export interface IssuerRequest {
  method: "GET" | "POST" | "PUT" | "DELETE" | "LIST";
  url: URL;
  headers?: Record<string, string>;
  body?: string;
}

export interface IssuerAnswer {
  status: number;
  /** Lower-case names; of several fields of a name the first. */
  header(name: string): string | undefined;
  text: string;
  /** undefined when it is no JSON object. */
  json(): Record<string, unknown> | undefined;
  /** Retry-After (RFC 9110, 10.2.3), ms from now; undefined when it says nothing. */
  retryAfterMs: number | undefined;
}

export interface IssuerHttp {
  /** Rejects with IssuerFailure `issuer_unavailable` or `issuer_garbage`; any status is an answer. */
  ask(request: IssuerRequest, signal: AbortSignal): Promise<IssuerAnswer>;
  close(): Promise<void>;
}

export interface IssuerHttpParts {
  transport: Transport;
  /** The client's private key, PEM; null without a client certificate. */
  clientKey: string | null;
  nowMs: () => number;
}

export function makeIssuerHttp({ transport, clientKey, nowMs }: IssuerHttpParts): IssuerHttp {
  let agent: Agent | undefined;

  function open(): Agent {
    const { ca, client } = transport;
    agent ??= new Agent({
      connect: {
        timeout: connectMs,
        rejectUnauthorized: true,
        minVersion: "TLSv1.2",
        ...(ca === null ? {} : { ca: readFileSync(ca) }),
        ...(client === null || clientKey === null ? {} : { cert: readFileSync(client.certificate), key: clientKey }),
      },
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      maxHeaderSize: 32_768,
      allowH2: false,
      pipelining: 1,
      connections: 8,
    });
    return agent;
  }

  async function ask({ method, url, headers = {}, body }: IssuerRequest, signal: AbortSignal): Promise<IssuerAnswer> {
    if (!isUsable(url, transport)) {
      throw new IssuerFailure("issuer_refused", `${url.protocol}//${url.host} is plaintext, and no loopback address`);
    }
    const all = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    try {
      const answer = await request(url, {
        method: method as "GET",
        headers: { accept: "application/json", ...headers },
        ...(body === undefined ? {} : { body }),
        signal: all,
        dispatcher: open(),
      });
      const text = await bounded(answer.body);
      const header = (name: string) => [answer.headers[name]].flat()[0];
      return {
        status: answer.statusCode,
        header,
        text,
        json: () => objectOf(text),
        retryAfterMs: retryAfter(header("retry-after"), nowMs()),
      };
    } catch (error) {
      if (error instanceof IssuerFailure) throw error;
      throw new IssuerFailure("issuer_unavailable", `no answer from ${url.protocol}//${url.host}: ${reasonOf(error)}`);
    }
  }

  return {
    ask,
    async close() {
      await agent?.destroy();
      agent = undefined;
    },
  };
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new IssuerFailure("issuer_garbage", `an answer of more than ${bodyBytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function retryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** A code of the system's or of undici's; their texts may hold what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError" || error.name === "AbortError") return "out of time";
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : error.name;
}
