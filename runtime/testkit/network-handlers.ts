// The network of a test: handlers in the place of servers. The job's grants are the real ones, so a request that the
// config doesn't allow never gets here.
import type { CheckedTarget } from "../model/checked.ts";
import {
  collect,
  type Exchange,
  ExchangeFailure,
  type HttpClient,
  inOnePiece,
  type RequestBody,
} from "../ports/http-client.ts";

/** A request as a server would have received it: a sealed credential stands in its place. */
export interface HandledRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** `json` becomes the body with its content type; `status` is 200 by default. */
export interface HandlerAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  json?: unknown;
}

/** `"GET https://api.example.com/v1/orders"` to an answer. A `*` at the end of the path stands for any rest, query included. */
export type NetworkHandlers = Record<string, (request: HandledRequest) => HandlerAnswer | Promise<HandlerAnswer>>;

export function makeHandlerClient(handlers: NetworkHandlers, requests: HandledRequest[]): HttpClient {
  return {
    async exchange(target, body, limits) {
      const request = await toRequest(target, body);
      requests.push(request);
      const handler = find(handlers, request);
      if (handler === undefined) {
        throw new ExchangeFailure("net_unreachable", `the test has no handler for ${request.method} ${request.url}`);
      }
      return toExchange(await handler(request), limits.bodyBytesMax);
    },
    close: async () => {},
  };
}

/** As its server would have it. */
export async function toRequest(target: CheckedTarget, body: RequestBody | null): Promise<HandledRequest> {
  const isDefaultPort = target.port === (target.scheme === "https" ? 443 : 80);
  const url = `${target.scheme}://${target.host}${isDefaultPort ? "" : `:${target.port}`}${target.path}`;
  return {
    method: target.method,
    url,
    headers: Object.fromEntries(target.headers),
    body: new TextDecoder().decode(await wholeOf(body)),
  };
}

async function wholeOf(body: RequestBody | null): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  return body instanceof Uint8Array ? body : collect(body.pieces);
}

function find(handlers: NetworkHandlers, { method, url }: HandledRequest): NetworkHandlers[string] | undefined {
  const asked = `${method} ${url}`;
  const exact = handlers[asked] ?? handlers[asked.replace(/\?.*$/, "")];
  if (exact !== undefined) return exact;
  const pattern = Object.keys(handlers)
    .filter((key) => key.endsWith("*") && asked.startsWith(key.slice(0, -1)))
    .sort((a, b) => b.length - a.length)[0];
  return pattern === undefined ? undefined : handlers[pattern];
}

function toExchange(answer: HandlerAnswer, bodyBytesMax: number): Exchange {
  const text = answer.json === undefined ? (answer.body ?? "") : JSON.stringify(answer.json);
  const body = typeof text === "string" ? new TextEncoder().encode(text) : text;
  if (body.length > bodyBytesMax)
    throw new ExchangeFailure("response_size", `the response is over ${bodyBytesMax} bytes`);
  const type = answer.json === undefined ? {} : { "content-type": "application/json" };
  const headers = Object.entries({ ...type, ...answer.headers }).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  return {
    status: answer.status ?? 200,
    statusText: "",
    headers,
    body: inOnePiece(body),
    wireBytes: () => body.length,
  };
}
