// A warehouse for the example job sales-rollup: starts a PostgreSQL of its own and fills public.sales, or fills it on the
// server that MAYFLY_PG_URL names. Prints the line that the config's issuer takes. The server's life is
// testkit/postgres-server.ts's business, the rows are sales.sql's.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { startPostgres } from "../runtime/testkit/postgres-server.ts";

const help = `A PostgreSQL with the table public.sales, to run the example job sales-rollup against.

  npm run postgres -- [--port <number>]

Starts a server on 127.0.0.1 (a free port unless told), fills the table, and prints MAYFLY_PG_URL=… for the shell that
runs Mayfly. Ends with Ctrl-C, and nothing is left of the server or its data.
With MAYFLY_PG_URL set, fills the table on that server instead, and ends.
`;

/** Makes public.sales at `adminUrl`; a table that is there already is left as it is. @returns its rows. */
export async function seedSales(adminUrl: string): Promise<number> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(await readFile(new URL("sales.sql", import.meta.url), "utf8"));
    const { rows } = await client.query("SELECT count(*)::int AS count FROM public.sales");
    return Number(rows[0]?.count);
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { port: { type: "string" }, help: { type: "boolean", default: false } } });
  if (values.help) return void process.stdout.write(help);
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new Error("--port: needed a number from 1 to 65535");
  }
  const given = process.env.MAYFLY_PG_URL;
  if (given !== undefined && given !== "") {
    process.stderr.write(`postgres: public.sales has ${await seedSales(given)} rows on the server of MAYFLY_PG_URL\n`);
    return;
  }
  await serve(port);
}

async function serve(port: number | undefined): Promise<void> {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  process.once("SIGINT", resolve).once("SIGTERM", resolve);
  const server = await startPostgres(port === undefined ? {} : { port });
  try {
    const rows = await seedSales(server.adminUrl);
    process.stderr.write(`postgres: PostgreSQL ${server.version}, public.sales has ${rows} rows; ends with Ctrl-C\n`);
    process.stdout.write(`MAYFLY_PG_URL=${server.adminUrl}\n`);
    await asked;
  } finally {
    await server.stop();
  }
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`postgres: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });
}
