// A listener on loopback that `mayfly doctor` and `start` put where a job must not get to: it counts the connections that
// were made, whatever is said on them, and plays the servers that a job's limits are there for. What the count means is
// the attack's to say (cli/doctor).
//
//   /                    200, a few bytes            /redirect?to=<URL>   302 to there
//   /large               `largeBytes` of body        /bomb                as many, in a few thousand bytes of gzip
//   /drip                a byte now and then, for ever
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

/** Body of /large, and of /bomb when it is inflated, bytes: more than an attack's own limit, less than the default's. */
export const largeBytes = 4 * 1_048_576;
const dripEveryMs = 20;

export interface Recorder {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Connections since it was opened. */
  connects(): number;
  /** Requests since it was opened. */
  requests(): number;
  /** The value of each Authorization header that came, in order. */
  shown(): readonly string[];
  /** Ends every connection. */
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 and, where the machine has it, on the same port of ::1. */
export async function openRecorder(): Promise<Recorder> {
  let connects = 0;
  let requests = 0;
  const shown: string[] = [];
  const serve = () => {
    const server = createServer((request, response) => {
      requests += 1;
      if (request.headers.authorization !== undefined) shown.push(request.headers.authorization);
      play(request, response);
    });
    server.on("connection", () => {
      connects += 1;
    });
    return server;
  };
  const four = serve();
  await listen(four, "127.0.0.1", 0);
  const { port } = four.address() as AddressInfo;
  const six = serve();
  const both = await listen(six, "::1", port).then(
    () => [four, six],
    () => [four], // no IPv6 here, or the port is taken there
  );
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    connects: () => connects,
    requests: () => requests,
    shown: () => shown,
    close: async () => void (await Promise.all(both.map(close))),
  };
}

function play(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://recorder.invalid");
  response.on("error", () => {});
  switch (url.pathname) {
    case "/redirect":
      response.writeHead(302, { location: url.searchParams.get("to") ?? "/" }).end();
      return;
    case "/large":
      response.end(Buffer.alloc(largeBytes));
      return;
    case "/bomb":
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(largeBytes)));
      return;
    case "/drip":
      drip(response);
      return;
    default:
      response.end("recorded");
  }
}

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write("."), dripEveryMs);
  response.once("close", () => clearInterval(timer));
  response.write(".");
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
