// The files of web-platform-tests over HTTP on loopback, since tests fetch their data; the prelude beside them.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export interface WptServer {
  /** `http://127.0.0.1:…` */
  origin: string;
  close(): Promise<void>;
}

export const preludePath = "/__prelude.js";
const prelude = fileURLToPath(new URL("prelude.js", import.meta.url));
/** Their own server's other names for files, and a file that Debian leaves out, from npm. */
const aliases: readonly [RegExp, (root: string) => string][] = [
  [/^\/__prelude\.js$/, () => prelude],
  [/^\/resources\/WebIDLParser\.js$/, (root) => join(root, "resources/webidl2/lib/webidl2.js")],
  [
    /\/pako_inflate\.min\.js$/,
    () => join(dirname(createRequire(import.meta.url).resolve("pako")), "browser/pako_inflate.umd.min.js"),
  ],
];
const types: Readonly<Record<string, string>> = {
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

export async function serveWpt(root: string): Promise<WptServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://wpt.test");
    if (pathname.endsWith("/echo-content.py")) {
      response.writeHead(200, { "content-type": "text/plain" });
      request.pipe(response);
      return;
    }
    const alias = aliases.find(([name]) => name.test(pathname))?.[1];
    const path = alias?.(root) ?? join(root, normalize(decodeURIComponent(pathname)));
    readFile(path).then(
      (bytes) => {
        const type = types[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
        response.writeHead(200, { "content-type": type }).end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
