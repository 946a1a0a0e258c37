// Looks at the first bytes of every response on a connection, before the HTTP parser does: it must be HTTP/1.0 or
// HTTP/1.1. The parser also takes HTTP/0.9, HTTP/2.0 and RTSP status lines, whose bodies it would then read until the
// connection ends; none of them is an answer to what was asked (RFC 9112, section 2.3). The rest is the parser's.
//
// States of a connection: `begins` (a response's first bytes are due) → `interim` (a 1xx head: another one follows it) or
// `passed` (whatever comes belongs to the response) → `begins` with the next request. Or it ends with ExchangeFailure.
import type { Socket } from "node:net";
import { ExchangeFailure } from "../../ports/http-client.ts";

const REQUEST_LINE = /^[A-Z]+ [^\s]+ HTTP\/1\.1\r\n/;
const STATUS_LINE = /^HTTP\/1\.[01] [1-9][0-9]{2}[ \r]/;
const STATUS_BYTES = "HTTP/1.1 200 ".length;
const HEAD_END = "\r\n\r\n";

/** Guards a connection from now on: its requests are seen as they are written, its responses as they are read. */
export function requireHttp1(socket: Socket): void {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  const guard = makeHeadGuard();
  socket.read = (size?: number) => {
    const chunk = read(size) as Buffer | null;
    if (chunk === null || guard.sees(chunk)) return chunk;
    socket.destroy(new ExchangeFailure("net_protocol", "the response's first line is none of HTTP/1.0 or HTTP/1.1"));
    return null;
  };
  // undici writes a request's head as one text, and bodies as bytes.
  socket.write = (...args: unknown[]) => {
    if (typeof args[0] === "string" && REQUEST_LINE.test(args[0])) guard.next();
    return write(...args);
  };
}

export interface HeadGuard {
  /** A request goes out: a response is due. */
  next(): void;
  /** False when these bytes can't be of an HTTP/1 response. */
  sees(chunk: Buffer): boolean;
}

export function makeHeadGuard(): HeadGuard {
  let state: "begins" | "interim" | "passed" = "begins";
  let start = "";

  function sees(chunk: Buffer): boolean {
    if (state === "passed") return true;
    let rest = chunk.toString("latin1");
    while (rest !== "" && state !== "passed") {
      start += rest;
      rest = "";
      if (state === "begins") {
        if (start.length < STATUS_BYTES) return mayBecomeHttp1(start);
        if (!STATUS_LINE.test(start)) return false;
        state = start[9] === "1" ? "interim" : "passed";
      }
      const end = state === "interim" ? start.indexOf(HEAD_END) : -1;
      if (end !== -1) {
        rest = start.slice(end + HEAD_END.length);
        begin();
      } else if (state === "interim") {
        start = start.slice(-HEAD_END.length); // its end may be cut in two; the parser bounds its length
      }
    }
    return true;
  }

  function begin(): void {
    state = "begins";
    start = "";
  }

  return { sees, next: begin };
}

/** So short that only a beginning can be compared: the shortest head of all is longer. */
function mayBecomeHttp1(start: string): boolean {
  const shape = "HTTP/1.x ";
  return [...start].every((byte, index) => index >= shape.length || index === 7 || byte === shape[index]);
}
