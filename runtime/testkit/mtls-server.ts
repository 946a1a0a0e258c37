// A real https server that asks for a client certificate: Node's own, on loopback, with a certificate of an authority of
// its own making. It trusts what `authorityFile` says, and looks at `listFile` before each handshake, as a server does that
// reloads its revocation list the moment it is replaced; until both are there it trusts nobody. What it answers says what
// it saw. `tryCertificate` shows it a certificate, in a connection of its own.

import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "../adapters/issuers/x509-library.ts";
import { systemClock } from "../adapters/system/clock.ts";

export interface MtlsServer {
  port: number;
  /** PEM: the authority that vouches for the server. */
  serverAuthority: string;
  /** Of requests that were answered, in order. */
  seen: Seen[];
  /** Connections that are open now and whose certificate was taken. */
  sessions: ReadonlySet<TLSSocket>;
  stop(): Promise<void>;
}

export interface Seen {
  path: string;
  /** `URI:…`. */
  subjectaltname: string | undefined;
  /** Organizational units: the scope. */
  units: string[];
  serial: string | undefined;
  /** The client's end of the connection, which tells one connection from another. */
  clientPort: number | undefined;
}

export interface MtlsOptions {
  /** Name that its certificate is for, beside 127.0.0.1. */
  name: string;
  authorityFile: string;
  listFile: string;
  /** Without one, requests of strangers are answered too, and `serial` is undefined. */
  requireCertificate?: boolean;
  maxVersion?: "TLSv1.2" | "TLSv1.3";
}

export async function startMtlsServer(options: MtlsOptions): Promise<MtlsServer> {
  const own = await selfSigned(options.name);
  const { authorityFile, listFile, requireCertificate = true, maxVersion = "TLSv1.3" } = options;
  const seen: Seen[] = [];
  const sessions = new Set<TLSSocket>();
  const trust = () => {
    if (!existsSync(authorityFile) || !existsSync(listFile)) return { ...own, ca: own.cert };
    return { ...own, ca: readFileSync(authorityFile), crl: readFileSync(listFile) };
  };
  const server = createServer(
    { ...trust(), requestCert: true, rejectUnauthorized: requireCertificate, maxVersion },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const { subject, subjectaltname, serialNumber } = socket.getPeerCertificate() as DetailedPeerCertificate;
      const units = [(subject as { OU?: string | string[] } | undefined)?.OU ?? []].flat();
      const serial = serialNumber?.toLowerCase();
      seen.push({ path: request.url ?? "", subjectaltname, units, serial, clientPort: socket.remotePort });
      response.end(JSON.stringify({ name: subjectaltname ?? null, units }));
    },
  );
  let version = "";
  server.prependListener("connection", () => {
    const found = statSync(listFile, { throwIfNoEntry: false });
    const next = `${found?.ino} ${found?.mtimeMs}`;
    if (version === next) return;
    version = next;
    server.setSecureContext(trust());
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    sessions.add(socket);
    socket.on("close", () => sessions.delete(socket));
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    serverAuthority: own.cert,
    seen,
    sessions,
    stop: () => stop(server),
  };
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** A server's certificate, which is its own authority. */
export async function selfSigned(name: string): Promise<{ key: string; cert: string }> {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const now = systemClock.nowMs();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys,
    name: [{ CN: [`server ${name}`] }],
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 86_400_000),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: "dns", value: name },
        { type: "ip", value: "127.0.0.1" },
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  return {
    key: ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
    cert: `${certificate.toString("pem").trim()}\n`,
  };
}

/** What a server on loopback makes of it: one request over one new connection. */
export function tryCertificate(
  server: Pick<MtlsServer, "port" | "serverAuthority">,
  client: { certificate: string; privateKey: string },
): Promise<"accepted" | "refused"> {
  return new Promise((resolve) => {
    const socket = connect({
      host: "127.0.0.1",
      port: server.port,
      ca: server.serverAuthority,
      cert: client.certificate,
      key: client.privateKey,
    });
    const conclude = (tried: "accepted" | "refused") => {
      socket.destroy();
      resolve(tried);
    };
    // In TLS 1.3 the client's side is done before the server has looked: only an answer says that it was taken.
    socket.on("secureConnect", () => socket.write("GET /try HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"));
    socket.on("data", (chunk: Buffer) =>
      conclude(/^HTTP\/1\.[01] 2/.test(chunk.toString("latin1")) ? "accepted" : "refused"),
    );
    socket.on("error", () => conclude("refused"));
    socket.on("close", () => conclude("refused"));
  });
}
