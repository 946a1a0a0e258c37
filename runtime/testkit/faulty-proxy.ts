// A TCP proxy on loopback that misbehaves when it is told to: it stands between an issuer and its real server, so that
// the server does what it was asked and the issuer doesn't hear of it. It knows no protocol, save that `busy` answers in
// HTTP where it is told that HTTP is spoken.
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";
import type { Misbehaviour } from "./issuer-contract.ts";

export interface FaultyProxy {
  port: number;
  behave(how: Misbehaviour): void;
  close(): Promise<void>;
}

const garbage = "<!doctype html>\r\n<title>welcome</title>\r\n";
const busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

export function startFaultyProxy(target: { port: number; speaks: "http" | "other" }): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  let how: Misbehaviour = "well";

  const server = createServer((near) => {
    const far = dial(target.port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (bytes) => {
      if (how === "garbage") near.end(target.speaks === "http" ? httpPage() : garbage);
      else if (how === "busy") near.end(target.speaks === "http" ? busy : "");
      else if (how !== "silent") far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (how === "cut") near.destroy();
      else if (how === "well") near.write(bytes);
    });
    near.on("end", () => far.end());
    far.on("end", () => near.end());
  });

  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        behave(next) {
          how = next;
          if (next === "well") for (const socket of sockets) socket.destroy();
        },
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

function httpPage(): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${garbage.length}\r\nconnection: close\r\n\r\n${garbage}`;
}
