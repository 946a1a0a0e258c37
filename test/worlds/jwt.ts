// Tokens of the embedded issuer, and a partner's API that asks for each whether it is active.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { freePort } from "../crash/random.ts";
import type { IssuerWorld } from "./world.ts";

function isRegistered(directory: string, runId: string): boolean {
  const ledger = new DatabaseSync(join(directory, ".mayfly", "ledger.db"), { readOnly: true, timeout: 5_000 });
  try {
    const row = ledger.prepare("SELECT count(*) AS active FROM tokens WHERE run_id = ? AND revoked = 0").get(runId);
    return Number(row?.active) > 0;
  } finally {
    ledger.close();
  }
}

export async function openJwtWorld(): Promise<IssuerWorld> {
  const port = await freePort();
  /** undefined when nobody answers. */
  const introspect = async (token: string): Promise<boolean | undefined> => {
    const body = new URLSearchParams({ token });
    const answer = await fetch(`http://127.0.0.1:${port}/introspect`, { method: "POST", body }).catch(() => undefined);
    return ((await answer?.json()) as { active?: boolean } | undefined)?.active;
  };
  const partner = createServer(async (request, response) => {
    const isActive = await introspect((request.headers.authorization ?? "").replace("Bearer ", ""));
    response.writeHead(isActive === true ? 200 : 401).end();
  });
  await new Promise<void>((resolve) => partner.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(partner.address() as AddressInfo).port}`;
  return {
    kind: "jwt",
    checks: "introspection, at each request",
    issuer: { kind: "jwt", audience: "https://partner.example/", listen: `127.0.0.1:${port}` },
    credential: { scope: ["orders:read"], hosts: [host] },
    network: { allow: [`GET http://${host}/*`] },
    env: {},
    use: `
      const answer = await fetch("http://${host}/", { headers: { authorization: "Bearer " + (await c.credential.fetch()) } });
      if (answer.status !== 200) throw new Error("the partner said " + answer.status);
    `,
    // While no supervisor lives nobody answers; what its registry says is what the next one would answer.
    accepts: async ({ runId, secret }, { directory }) => (await introspect(secret)) ?? isRegistered(directory, runId),
    stop: () =>
      new Promise((resolve) => {
        partner.close(() => resolve());
        partner.closeAllConnections();
      }),
  };
}
