// Somebody who has the run's database role and its password, in a process apart from the supervisor's: queries on one
// open session, and logs in anew, both without a pause, until each was refused. Told {url} for each run's role.
import { Client } from "pg";
import { endWithParent, sayToParent } from "./child.ts";
import { openHold } from "./hold.ts";
import { machineMs } from "./stats.ts";

let leased = Promise.withResolvers<string>();

async function hold(): Promise<void> {
  const url = await leased.promise;
  leased = Promise.withResolvers();
  const session = await logIn(url);
  await session.query("SELECT 1");
  void report(session, url);
}

async function report(session: Client, url: string): Promise<void> {
  const [queryRefusedAt, loginRefusedAt] = await Promise.all([untilQueryFails(session), untilLoginFails(url)]);
  sayToParent({ queryRefusedAt, loginRefusedAt });
}

async function untilQueryFails(session: Client): Promise<number> {
  try {
    for (;;) await session.query("SELECT 1");
  } catch {
    return machineMs();
  }
}

// Another refusal than the role's own ("too many connections for role") comes after the password was taken.
async function untilLoginFails(url: string): Promise<number> {
  for (;;) {
    try {
      await (await logIn(url)).end();
    } catch (error) {
      if ((error as { code?: string }).code?.startsWith("28")) return machineMs();
    }
  }
}

async function logIn(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {}); // a session that is cut: its query says so
  await client.connect();
  return client;
}

endWithParent();
process.on("message", ({ url }: { url: string }) => leased.resolve(url));
sayToParent(await openHold(hold));
