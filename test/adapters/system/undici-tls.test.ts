// TLS as the client takes it: certificates of the test's own, made by the openssl command.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import t, { type Test } from "tap";
import { always, clientFor, codeOf, get, ok, peer, targetAt } from "./undici-world.ts";

t.test("TLS", async (t) => {
  const authority = makeAuthority(t);
  const good = authority.issue({ names: ["api.partner.test"] });
  const trust = { extraCaForTests: [authority.certificate] };
  const https = async (t: Test, options: TlsOptions) => peer(t, always(ok), createTlsServer(options));
  const at = (port: number) => targetAt(port, { scheme: "https" });

  t.test("a good certificate is accepted, for the name and by HTTP/1.1 only", async (t) => {
    let alpn: string[] = [];
    let servername: string | undefined;
    const here = await https(t, {
      ...good,
      ALPNCallback: (offer) => {
        alpn = offer.protocols;
        servername = offer.servername;
        return "http/1.1";
      },
    });
    t.equal((await get(clientFor(t, trust), at(here.port))).status, 200);
    t.strictSame(alpn, ["http/1.1"]);
    t.equal(servername, "api.partner.test");
  });

  t.test("wrong name, expired, unknown authority, old TLS: nothing is sent", async (t) => {
    const stranger = makeAuthority(t);
    const bad: Record<string, TlsOptions> = {
      "wrong name": authority.issue({ names: ["other.partner.test"] }),
      expired: authority.issue({ names: ["api.partner.test"], expired: true }),
      "unknown authority": stranger.issue({ names: ["api.partner.test"] }),
      "TLS 1.1": { ...good, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    };
    for (const [name, options] of Object.entries(bad)) {
      const here = await https(t, options);
      t.equal(await codeOf(get(clientFor(t, trust), at(here.port))), "net_tls", name);
      t.equal(here.received.join(""), "", `${name}: no plaintext`);
    }
  });

  t.test("an address is held against the certificate's addresses, without a server name", async (t) => {
    const here = await https(t, authority.issue({ names: ["api.partner.test"], addresses: ["127.0.0.1"] }));
    const literal = targetAt(here.port, { scheme: "https", host: "127.0.0.1" });
    t.equal(await codeOf(get(clientFor(t, trust), literal)), "answered");
    const named = await https(t, good);
    t.equal(
      await codeOf(get(clientFor(t, trust), targetAt(named.port, { scheme: "https", host: "127.0.0.1" }))),
      "net_tls",
    );
  });

  t.test("a second connection resumes no session", async (t) => {
    const reused: boolean[] = [];
    const server = createTlsServer(good);
    server.on("secureConnection", (socket) => reused.push(socket.isSessionReused()));
    const here = await peer(
      t,
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`),
      server,
    );
    const client = clientFor(t, trust);
    await get(client, at(here.port));
    await get(client, at(here.port));
    t.strictSame(reused, [false, false]);
  });

  t.test("the environment weakens nothing", async (t) => {
    const here = await https(t, good);
    const directory = t.testdir({ "ca.pem": authority.certificate });
    const module = new URL("../../../runtime/adapters/system/undici-client.ts", import.meta.url).href;
    const script = `
      const { makeUndiciClients } = await import(${JSON.stringify(module)});
      const client = makeUndiciClients()();
      const target = ${JSON.stringify(at(here.port))};
      const limits = { totalMs: 20_000, headerBytesMax: 16384, bodyBytesMax: 1000 };
      const signal = new AbortController().signal;
      await client.exchange(target, null, limits, signal).then(() => console.log("answered"), (error) => console.log(error.code));
      await client.close();`;
    const proxy = `http://127.0.0.1:${here.port}`;
    const settings: Record<string, string>[] = [
      { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      { NODE_EXTRA_CA_CERTS: join(directory, "ca.pem") },
      { SSL_CERT_FILE: join(directory, "ca.pem"), NODE_OPTIONS: "--use-openssl-ca" },
      { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, ALL_PROXY: proxy, NODE_USE_ENV_PROXY: "1" },
    ];
    for (const env of settings) {
      const said = await runNode(["--no-warnings", "--input-type=module", "-e", script], env);
      t.equal(said.trim(), "net_tls", Object.keys(env).join(", "));
    }
    t.equal(here.received.join(""), "", "no plaintext");
  });
});

async function runNode(args: string[], env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

interface Wanted {
  names: string[];
  addresses?: string[];
  expired?: boolean;
}

/** A certificate authority in a directory of the test's own. */
function makeAuthority(t: Test): { certificate: string; issue(wanted: Wanted): { key: string; cert: string } } {
  const directory = mkdtempSync(join(t.testdir(), "ca-"));
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "ignore"] });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority");
  let count = 0;
  return {
    certificate: readFileSync(join(directory, "ca.pem"), "utf8"),
    issue({ names, addresses = [], expired = false }) {
      count += 1;
      const file = `leaf-${count}`;
      const subject = [...names.map((name) => `DNS:${name}`), ...addresses.map((address) => `IP:${address}`)].join(",");
      writeFileSync(join(directory, `${file}.ext`), `subjectAltName=${subject}\n`);
      openssl("req", ...key, "-keyout", `${file}.key`, "-out", `${file}.csr`, "-subj", "/CN=Test");
      const life = expired ? ["-days", "-1"] : ["-days", "1"];
      const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
      openssl("x509", "-req", "-in", `${file}.csr`, ...by, ...life, "-extfile", `${file}.ext`, "-out", `${file}.pem`);
      return {
        key: readFileSync(join(directory, `${file}.key`), "utf8"),
        cert: readFileSync(join(directory, `${file}.pem`), "utf8"),
      };
    },
  };
}
