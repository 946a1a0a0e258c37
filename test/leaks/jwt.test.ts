// A real token of the embedded issuer, revealed to a job that prints it: the whole token is gone from every sink, and a
// resource that asks its issuer refuses it while the run still goes on.
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t from "tap";
import { openRuntime } from "../../runtime/compose.ts";
import { parseConfig } from "../../runtime/config.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import { fileSinks, findCanary } from "../../runtime/testkit/canary.ts";
import { freePort } from "../crash/random.ts";

const job = (host: string) => `
import { defineJob } from "mayfly";
export default defineJob(async ({ credential, log }) => {
  const token = await credential.fetch();
  const ask = async () => (await fetch("http://${host}/", { headers: { authorization: "Bearer " + token } })).status;
  const before = await ask();
  log.info("my token is " + token + "!");
  let after = await ask();
  while (after === 200) { await new Promise((f) => setTimeout(f, 5)); after = await ask(); }
  const again = await credential.fetch().catch((error) => error.code);
  return { before, after, again };
});
`;

t.test(
  "[CRED-07] [CRED-10] a token that was printed is refused by its resource before its run has ended",
  async (t) => {
    const directory = t.testdir();
    const port = await freePort();
    const shown = new Set<string>();
    const resource = createServer(async (request, response) => {
      const token = (request.headers.authorization ?? "").replace("Bearer ", "");
      shown.add(token);
      const body = new URLSearchParams({ token });
      const answer = await fetch(`http://127.0.0.1:${port}/introspect`, { method: "POST", body });
      const { active } = (await answer.json()) as { active: boolean };
      response.writeHead(active ? 200 : 401).end();
    });
    await new Promise<void>((resolve) => resource.listen(0, "127.0.0.1", resolve));
    t.teardown(() => resource.close());
    const host = `127.0.0.1:${(resource.address() as AddressInfo).port}`;
    mkdirSync(join(directory, "jobs"));
    writeFileSync(join(directory, "jobs/printer.ts"), job(host));
    const config = parseConfig(
      {
        issuers: { partner: { kind: "jwt", audience: "https://partner.example/", listen: `127.0.0.1:${port}` } },
        jobs: {
          printer: {
            entry: "./jobs/printer.ts",
            credential: { issuer: "partner", scope: ["a:read"], ttl: "2m", delivery: "revealed", purpose: "a test" },
            network: { allow: [`GET http://${host}/*`], privateAddresses: ["127.0.0.0/8"] },
          },
        },
      },
      { directory, path: join(directory, "sandbox.config.ts") },
    );
    const events: RunEvent[] = [];
    const runtime = await openRuntime({
      config,
      role: "test",
      osSandbox: "preferred",
      warm: false,
      onEvent: (event) => events.push(event),
      onWarning: () => {},
    });
    try {
      const { done } = await runtime.scheduler.submit({ job: "printer", input: "null", trigger: { kind: "test" } });
      const record = await done;
      t.match(record, { state: "succeeded", result: { before: 200, after: 401, again: "ended" } });
      t.match(record.leaks, [{ sink: "log", form: "raw" }]);
      t.match(record.lease, { state: "revoked", proof: /inactive/ });
      const [line] = await runtime.archive.logLines(record.id);
      t.equal(line?.text, "my token is [credential]!", "head, claims and signature");
      const [token = ""] = shown;
      const [, , signature = ""] = token.split(".");
      const sinks = { told: JSON.stringify(events), record: JSON.stringify(record), ...fileSinks(runtime.state.path) };
      t.same(findCanary(signature, sinks), []);
      t.not(findCanary(signature, { token }).length, 0, "the oracle would have seen it");
      const ends = runtime.store.auditEntries(1, 1_000).filter(({ event }) => event.type === "lease.revoking");
      t.match(ends, [{ event: { detail: /the credential leaked/ } }]);
    } finally {
      await runtime.close();
    }
  },
);
