// The supervisor's environment as a way to bend egress: proxies, authorities, verification, resolver options and parser.
// The real command line runs a job with each of them set; a proxy that anything reached would see it.
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import t, { type Test } from "tap";
import { configOf, makeProject, mayfly, recordOf } from "../support/cli.ts";
import { makeAuthority } from "./authority.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async function listen(t: Test, server: ReturnType<typeof createServer>) {
  const seen: string[] = [];
  server.on(server instanceof (await import("node:tls")).Server ? "secureConnection" : "connection", (socket) => {
    const index = seen.push("") - 1;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      seen[index] += chunk.toString("latin1");
      if (seen[index]?.endsWith("\r\n\r\n")) socket.end(ok);
    });
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  return { port: (server.address() as { port: number }).port, seen };
}

t.test("[NET-26] no variable sends a request elsewhere or weakens its TLS, and the operator is told", async (t) => {
  const authority = makeAuthority(t);
  const plain = await listen(t, createServer());
  const secure = await listen(t, createTlsServer(authority.issue({ names: ["x.test"], addresses: ["127.0.0.1"] })));
  const proxy = await listen(t, createServer());
  const ca = `${t.testdir({ "ca.pem": authority.certificate })}/ca.pem`;
  const rules = [`"GET http://127.0.0.1:${plain.port}/*"`, `"GET https://127.0.0.1:${secure.port}/*"`];
  const project = await makeProject(t, {
    config: configOf({ job: `network: { allow: [${rules.join(", ")}] }` }),
    jobs: {
      job: `const ask = (url) => fetch(url).then(async (r) => await r.text(), (error) => error.code);
        return [await ask("http://127.0.0.1:${plain.port}/a"), await ask("https://127.0.0.1:${secure.port}/a")];`,
    },
  });
  const url = `http://127.0.0.1:${proxy.port}`;
  const settings: Record<string, string>[] = [
    { HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url, NODE_USE_ENV_PROXY: "1" },
    { http_proxy: url, https_proxy: url, all_proxy: url, no_proxy: "", NO_PROXY: "x", NODE_USE_ENV_PROXY: "1" },
    { NODE_EXTRA_CA_CERTS: ca },
    { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
    { SSL_CERT_FILE: ca, NODE_USE_SYSTEM_CA: "1" },
    { LOCALDOMAIN: "evil.test", RES_OPTIONS: "ndots:15" },
    { UNDICI_USE_MILO: "1" },
  ];
  for (const env of settings) {
    const ended = await mayfly(t, project, ["run", "job", "--json"], { env });
    const names = Object.keys(env).filter((name) => env[name] !== "");
    t.strictSame(recordOf(ended).result, ["ok", "net_tls"], names.join(", "));
    for (const name of names) t.match(ended.stderr, new RegExp(`${name}.*without effect`), `${name} is named`);
    t.notMatch(ended.stderr, url, "and its value isn't");
  }
  t.strictSame(proxy.seen, [], "the proxy was never reached");
  t.equal(plain.seen.length, settings.length);
  t.ok(
    plain.seen.every((bytes) => bytes.startsWith("GET /a HTTP/1.1\r\n")),
    "asked as a server, not as a proxy",
  );
  t.equal(secure.seen.join(""), "", "nothing was said to a server that isn't trusted");
  const quiet = await mayfly(t, project, ["run", "job", "--json"]);
  t.notMatch(quiet.stderr, /without effect/, "the twin: nothing set, nothing said");
});
