// The other end of a job that speaks to somebody's API: a server on loopback that looks at all that arrives, the
// authorization above all, and answers as that API is documented to. What it finds wrong fails the case, whatever the
// package makes of the answer.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Signer } from "../../runtime/testkit/aws-signature.ts";

export interface Asked {
  method: string;
  /** Percent-decoded, without the query. */
  path: string;
  query: URLSearchParams;
  /** Path and query, as they stand in the request line. */
  target: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  text: string;
  /** `JSON.parse` of the body. */
  json(): unknown;
  /** How many times this method and path were asked, this time included. */
  nth: number;
  /** Where the server is reached: `http://127.0.0.1:…`. */
  origin: string;
}

export interface Answer {
  /** Default 200. */
  status?: number;
  headers?: Record<string, string>;
  /** Becomes the body, with its content type. */
  json?: unknown;
  body?: string | Uint8Array;
  /** Before it is answered, ms. */
  afterMs?: number;
}

export interface Vendor {
  /** What the job is granted: lines of `network.allow`, with the path alone in the place of the URL. */
  allow: readonly string[];
  /**
   * Sealed: a token, which must arrive at every request in this header, after this word; or keys of AWS's of this scope, by
   * whose signature `answer` knows a request.
   */
  credential?: { header: string; scheme?: string } | { aws4: { region: string; service: string }; scope: string[] };
  /** What it throws is what it found wrong. undefined: there is no such path. */
  answer(asked: Asked): Answer | undefined | Promise<Answer | undefined>;
}

/** The keys that go with an access key id; undefined for nobody's. */
export type AwsKeys = (accessKeyId: string) => Signer | undefined;

/** Rejects with what is wrong with it. */
export type TokenCheck = (token: string) => Promise<void>;

export interface VendorServer {
  origin: string;
  /** What was found wrong with what arrived. */
  problems: string[];
  /** Requests that were answered as they should be. */
  served(): number;
  close(): Promise<void>;
}

export async function serveVendor(vendor: Vendor, checkToken: TokenCheck): Promise<VendorServer> {
  const problems: string[] = [];
  const times = new Map<string, number>();
  let served = 0;

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { method = "", url = "/" } = request;
    try {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const line = `${method} ${url.split("?", 1)[0]}`;
      const nth = (times.get(line) ?? 0) + 1;
      times.set(line, nth);
      const asked = askedOf(request, Buffer.concat(pieces), nth, origin);
      await checkCredential(vendor, asked, checkToken);
      const answered = await vendor.answer(asked);
      if (answered === undefined) throw new Error("no such path is documented");
      served += 1;
      return answered;
    } catch (error) {
      problems.push(`${method} ${url}: ${error instanceof Error ? error.message : String(error)}`);
      return { status: 400, json: { error: "see what the server found" } };
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (made) => reply(response, made),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    problems,
    served: () => served,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function askedOf(request: IncomingMessage, body: Buffer, nth: number, origin: string): Asked {
  const { method = "", url: target = "/" } = request;
  const url = new URL(target, origin);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const text = body.toString("utf8");
  return {
    ...{ method, target, headers, body, text, nth, origin },
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    json: () => JSON.parse(text),
  };
}

async function checkCredential({ credential }: Vendor, { headers }: Asked, check: TokenCheck): Promise<void> {
  if (credential === undefined || "aws4" in credential) return;
  const { header, scheme } = credential;
  const [found, token] = scheme === undefined ? ["", headers[header]] : (headers[header] ?? "").split(" ", 2);
  if (token === undefined || token === "") throw new Error(`no token in ${header}`);
  if (scheme !== undefined && found?.toLowerCase() !== scheme.toLowerCase())
    throw new Error(`${header} begins with ${JSON.stringify(found)}, and not with ${scheme}`);
  await check(token);
}

function reply(response: ServerResponse, { status = 200, headers = {}, json, body, afterMs = 0 }: Answer): void {
  const type: Record<string, string> = json === undefined ? {} : { "content-type": "application/json" };
  const send = () =>
    response.writeHead(status, { ...type, ...headers }).end(json === undefined ? body : JSON.stringify(json));
  if (afterMs === 0) send();
  else setTimeout(send, afterMs).unref();
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as APIs stream their answers. */
export function eventStream(events: readonly { event?: string; data: unknown }[]): Answer {
  const lines = events.map(({ event, data }) => {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    return `${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`;
  });
  return { headers: { "content-type": "text/event-stream" }, body: lines.join("") };
}
