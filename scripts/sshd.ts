// A host to try the ssh issuer with: a real sshd on loopback that trusts the authority of this project's issuer and reads its
// revocation list. Prints the words that the config takes. The server's life is testkit/ssh-server.ts's business.
import { resolve as absolute } from "node:path";
import { parseArgs } from "node:util";
import { publishedFiles } from "../runtime/adapters/issuers/ssh-publication.ts";
import { startSshServer } from "../runtime/testkit/ssh-server.ts";

const help = `An sshd on loopback that takes the certificates of an ssh issuer.

  npm run sshd -- [--issuer ops] [--state .mayfly] [--port <number>]

Starts a server on 127.0.0.1 (a free port unless told) where one may log in as oneself, with a certificate whose principal is
"ops", and prints host, hostKey and user for the config. The issuer's files needn't be there yet. Ends with Ctrl-C.
`;

async function main(): Promise<void> {
  const text = (fallback: string) => ({ type: "string", default: fallback }) as const;
  const { values } = parseArgs({
    options: {
      issuer: text("ops"),
      state: text(".mayfly"),
      port: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const port = values.port === undefined ? {} : { port: Number(values.port) };
  const files = publishedFiles(absolute(values.state, "published", "ssh", values.issuer));
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  process.once("SIGINT", resolve).once("SIGTERM", resolve);
  const server = await startSshServer({ ...files, ...port, principals: ["ops"] });
  try {
    process.stderr.write(`sshd: trusts ${files.authority}; ends with Ctrl-C\n`);
    const words = { host: `${server.host}:${server.port}`, hostKey: server.hostKey, user: server.user };
    for (const [key, value] of Object.entries(words)) process.stdout.write(`${key}: ${JSON.stringify(value)},\n`);
    await asked;
  } finally {
    await server.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`sshd: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
