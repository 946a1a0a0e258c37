// An OAuth 2 server to try an issuer against: npm's oidc-provider on loopback, with a resource that asks it about every
// token. Prints the lines that the config of docs/issuers/oauth.md takes. The server is test/support/oidc-server.ts's.
import { parseArgs } from "node:util";
import { startOidcServer } from "../test/support/oidc-server.ts";

const help = `An OAuth 2 server with a resource, for the config of docs/issuers/oauth.md.

  npm run oauth -- [--port 7430] [--keep-tokens]

The server listens on 127.0.0.1 at that port, the resource at the next one. Prints OAUTH_SECRET=… and OAUTH_INITIAL=… for
the shell that runs Mayfly, and each request to stderr. Ends with Ctrl-C, and nothing is left of it.
  --keep-tokens   a deleted client's tokens live on, as in oidc-provider by itself: mode "registration" is refused then
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "7430" },
      "keep-tokens": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const port = Number(values.port);
  if (!(Number.isInteger(port) && port > 0 && port < 65_535))
    throw new Error("--port: needed a number from 1 to 65534");
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  process.once("SIGINT", resolve).once("SIGTERM", resolve);
  const server = await startOidcServer({ port, endsTokens: !values["keep-tokens"] });
  server.meddle(async (context, next) => {
    await next();
    process.stderr.write(`oauth: ${context.method} ${context.path} ${context.status}\n`);
  });
  process.stderr.write(`oauth: server ${server.url}, resource ${server.resource}; ends with Ctrl-C\n`);
  process.stdout.write(`OAUTH_SECRET=${server.secret}\nOAUTH_INITIAL=${server.initialToken}\n`);
  await asked;
  await server.stop();
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`oauth: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });
}
