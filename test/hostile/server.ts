// A server that misbehaves, for jobs that were allowed to ask it: it never answers, drips, stops half-way, sends too much,
// or redirects for ever. On loopback, any free port.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HostileServer {
  port: number;
  stop(): Promise<void>;
}

const dripMs = 20;
const largeBytes = 8 * 1_048_576;

export async function startHostileServer(): Promise<HostileServer> {
  const server = createServer((request, response) => {
    request.on("error", () => {});
    response.on("error", () => {});
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  switch (request.url?.split("?")[0]) {
    case "/never":
      return;
    case "/drip": {
      const timer = setInterval(() => response.write("."), dripMs);
      response.once("close", () => clearInterval(timer));
      return;
    }
    case "/half":
      response.writeHead(200, { "content-length": "1000" });
      response.write("half");
      return void setTimeout(() => response.destroy(), dripMs);
    case "/large":
      return void response.end(Buffer.alloc(largeBytes, "x"));
    case "/redirect":
      return void response.writeHead(302, { location: request.url }).end();
    default:
      request.resume();
      return void request.once("end", () => response.end("taken"));
  }
}
