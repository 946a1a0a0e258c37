// SSH certificates, and a real sshd that trusts their authority and reads the revocation list at every login. The thief has the
// certificate and its key. What he had opened before goes on: sshd never looks again, so there is no session to be cut.
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publishedFiles } from "../../runtime/adapters/issuers/ssh-publication.ts";
import { startSshServer, trySshLogin } from "../../runtime/testkit/ssh-server.ts";
import type { IssuerWorld } from "./world.ts";

export async function openSshWorld(): Promise<IssuerWorld> {
  const scratch = mkdtempSync(join(tmpdir(), "mayfly-ssh-"));
  const published = join(scratch, "published"); // a link: the server is there before the installation
  const server = await startSshServer({ ...publishedFiles(published), principals: ["ops"] });
  const { host, port, hostKey, user } = server;
  return {
    kind: "ssh",
    checks: "the revocation list, at each login; never an open session",
    issuer: {
      kind: "ssh",
      host: `${host}:${port}`,
      hostKey,
      commands: { "disk-usage": { run: "df -P /", principal: "ops", user } },
    },
    credential: { scope: ["disk-usage"], delivery: "exec" },
    env: {},
    use: `
      const { exitCode, stderr } = await c.credential.exec();
      if (exitCode !== 0) throw new Error("df said " + exitCode + ": " + new TextDecoder().decode(stderr));
    `,
    begin: (directory) => symlinkSync(join(directory, ".mayfly", "published", "ssh", "held"), published),
    accepts: async ({ secret }) => (await trySshLogin(server, secret)).outcome === "accepted",
    async stop() {
      await server.stop();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
