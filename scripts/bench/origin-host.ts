// The far server of part (e): small answers, large ones, and bodies that are only counted. It says its port when it
// listens; told {}, it says when each small request came since it was last told.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { endWithParent, sayToParent } from "./child.ts";
import { machineMs } from "./stats.ts";

const small = Buffer.alloc(1_024, "x");
const piece = Buffer.alloc(262_144, "x");
const arrivals: number[] = [];

async function sendMany(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { "content-length": bytes });
  for (let left = bytes; left > 0 && !response.destroyed; left -= piece.length) {
    if (response.write(piece.subarray(0, left))) continue;
    await new Promise((resolve) => response.once("drain", resolve));
  }
  response.end();
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://origin");
  if (url.pathname === "/small") {
    arrivals.push(machineMs());
    response.end(small);
  } else if (url.pathname === "/down") void sendMany(response, Number(url.searchParams.get("bytes")));
  else {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on("end", () => response.end(String(bytes)));
  }
});

endWithParent();
process.on("message", () => sayToParent({ arrivals: arrivals.splice(0) }));
server.listen(0, "127.0.0.1", () => sayToParent({ port: (server.address() as AddressInfo).port }));
