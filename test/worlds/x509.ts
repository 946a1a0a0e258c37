// Client certificates, and an https server that asks for one and reads the revocation list before each handshake. The thief
// shows it the certificate and the key that egress was given.
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { splitSecret } from "../../runtime/adapters/issuers/x509.ts";
import { publishedFiles } from "../../runtime/adapters/issuers/x509-publication.ts";
import { startMtlsServer, tryCertificate } from "../../runtime/testkit/mtls-server.ts";
import type { IssuerWorld } from "./world.ts";

export async function openX509World(): Promise<IssuerWorld> {
  const scratch = mkdtempSync(join(tmpdir(), "mayfly-x509-"));
  const published = join(scratch, "published"); // a link: the server is there before the installation
  const { authority, list } = publishedFiles(published);
  const server = await startMtlsServer({ name: "partner.test", authorityFile: authority, listFile: list });
  const host = `127.0.0.1:${server.port}`;
  return {
    kind: "x509",
    checks: "the revocation list, at each handshake",
    issuer: { kind: "x509" },
    credential: { scope: ["role:orders-reader"], place: { tls: "client" }, hosts: [host] },
    network: { allow: [`GET https://${host}/*`] },
    authorities: [server.serverAuthority],
    env: {},
    use: `
      await c.credential.fetch();
      const answer = await fetch("https://${host}/");
      if (answer.status !== 200) throw new Error("the server said " + answer.status);
      await answer.text();
    `,
    begin: (directory) => symlinkSync(join(directory, ".mayfly", "published", "x509", "held"), published),
    accepts: async ({ secret }) => (await tryCertificate(server, splitSecret(secret))) === "accepted",
    async stop() {
      await server.stop();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
