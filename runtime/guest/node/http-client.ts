// What node:http and node:https have in common: clients over fetch. A job serves nobody, so servers refuse.
import http from "mayfly:constants/http";
import { EventEmitter } from "./events.ts";
import { IncomingMessage } from "./http-message.ts";
import { ClientRequest } from "./http-request.ts";
import { argumentsOf, validateHeaderName, validateHeaderValue } from "./http-target.ts";
import { refusing } from "./refuse.ts";
import { Writable } from "./stream.ts";

/** Connections are the runtime's: an agent's options are kept, and change nothing. */
export class Agent extends EventEmitter {
  readonly options: object;
  readonly defaultPort: number;
  readonly protocol: string;
  maxSockets = Number.POSITIVE_INFINITY;
  maxFreeSockets = 256;
  maxTotalSockets = Number.POSITIVE_INFINITY;
  keepAlive = true;
  readonly sockets = {};
  readonly freeSockets = {};
  readonly requests = {};

  constructor(options: object = {}, protocol = "http:") {
    super();
    this.options = { ...options };
    this.protocol = protocol;
    this.defaultPort = protocol === "https:" ? 443 : 80;
    Object.assign(this, options);
  }
  getName({ host = "localhost", port = "" }: { host?: string; port?: number | string } = {}): string {
    return `${host}:${port}:`;
  }
  destroy(): void {}
}

const instead = "a job serves nobody: it runs, returns a result, and ends";

/** Known by name to packages that patch it, or ask what an object is. */
class OutgoingMessage extends Writable {}
class ServerResponse extends OutgoingMessage {
  constructor() {
    super();
    refusing("http.ServerResponse", instead)();
  }
}

export function makeClient(name: "http" | "https") {
  const protocol = `${name}:` as const;
  const request = (...args: unknown[]) => new ClientRequest(protocol, argumentsOf(args));
  const globalAgent = new Agent({}, protocol);
  return {
    request,
    get: (...args: unknown[]) => request(...args).end(),
    globalAgent,
    Agent:
      name === "http"
        ? Agent
        : class HttpsAgent extends Agent {
            constructor(options?: object) {
              super(options, "https:");
            }
          },
    createServer: refusing(`${name}.createServer`, instead),
    Server: refusing(`${name}.Server`, instead),
  };
}

/** Of node:http alone. */
export const httpOnly = {
  ClientRequest: ((...args: unknown[]) =>
    new ClientRequest("http:", argumentsOf(args))) as unknown as typeof ClientRequest,
  IncomingMessage,
  OutgoingMessage,
  ServerResponse,
  METHODS: [...http.METHODS],
  STATUS_CODES: { ...http.STATUS_CODES },
  maxHeaderSize: 16_384,
  validateHeaderName,
  validateHeaderValue,
  setMaxIdleHTTPParsers() {},
};
httpOnly.ClientRequest.prototype = ClientRequest.prototype;
