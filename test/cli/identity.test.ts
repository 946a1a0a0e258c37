// A job shows who it is, through the whole runtime: to whom the config says and to nobody else, and for as long as it runs.
import { createServer } from "node:net";
import { createRemoteJWKSet, jwtVerify } from "jose";
import t, { type Test } from "tap";
import { configOf, eventually, ledgerOf, makeProject, mayfly, type Project, recordOf } from "../support/cli.ts";
import { recordAtEnd, startMayfly } from "../support/start.ts";

const audience = "https://vault.example";
const wait = `await new Promise((resolve) => signal.addEventListener("abort", resolve));`;

function jobModule(body: string): string {
  return `import { defineJob } from "mayfly";
    export default defineJob(async ({ identity, log, signal }) => { ${body} });`;
}

async function project(t: Test): Promise<Project & { url: string }> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const granted = `tenant: "acme", identity: { audiences: ["${audience}"] }, limits: { wall: "60s" },`;
  const here = await makeProject(t, {
    config: configOf(
      { holds: granted, asks: granted, none: "" },
      `identity: { listen: "${new URL(url).host}", trustDomain: "jobs.example" },`,
    ),
    jobs: {
      holds: jobModule(`log.info(await identity.token("${audience}")); ${wait}`),
      asks: jobModule(`
        await identity.token("${audience}");
        return [identity.spiffeId, await identity.token("https://other.example").catch((error) => error.code)];`),
      none: jobModule(`return [identity.spiffeId, await identity.token("${audience}").catch((error) => error.code)];`),
    },
  });
  return { ...here, url };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

/** The identity that the run has logged. */
async function tokenOf(here: Project, id: string): Promise<string> {
  const { store, archive } = ledgerOf(here);
  await store.close();
  const line = await eventually(async () => (await archive.logLines(id))[0]);
  return line.text;
}

async function isActive(url: string, token: string): Promise<unknown> {
  const response = await fetch(`${url}/introspect`, { method: "POST", body: new URLSearchParams({ token }) });
  return ((await response.json()) as { active: unknown }).active;
}

async function subjectOf(url: string, token: string): Promise<unknown> {
  const document = (await (await fetch(`${url}/.well-known/openid-configuration`)).json()) as Record<string, string>;
  const keys = createRemoteJWKSet(new URL(String(document.jwks_uri)));
  const { payload } = await jwtVerify(token, keys, { issuer: url, audience, algorithms: ["ES256"] });
  return payload.sub;
}

t.test("an identity is verified by who knows the issuer's URL alone, and is dead when its run is killed", async (t) => {
  const here = await project(t);
  const { client } = await startMayfly(t, here);
  const { stdout } = await mayfly(t, here, ["submit", "holds"]);
  const id = stdout.trim();
  const token = await tokenOf(here, id);
  const sub = `spiffe://jobs.example/tenant/acme/job/holds/run/${id.slice("run_".length)}`;
  t.equal(await subjectOf(here.url, token), sub);
  t.equal(await isActive(here.url, token), true);
  const ended = recordAtEnd(client, id);
  await client.kill(id);
  const record = await ended;
  t.equal(await isActive(here.url, token), false, "by the time that the record says that it has ended");
  t.match(record, { state: "killed", spiffeId: sub });
  const { store } = ledgerOf(here);
  t.teardown(() => store.close());
  const launched = store.auditEntries(1, 1_000).find(({ event }) => event.type === "run.launched");
  t.match(launched?.event, { spiffeId: sub });
});

t.test(
  "[CRED-03] another audience is denied with the remedy, and a job without the grant knows only its own name",
  async (t) => {
    const here = await project(t);
    const asked = recordOf(await mayfly(t, here, ["run", "asks", "--json"]));
    t.match(asked, { state: "succeeded", result: [asked.spiffeId, "grant"] });
    t.match(asked.denials, [
      {
        capability: "identity.token",
        target: '"https://other.example"',
        remedy: `identity.audiences: ["${audience}","https://other.example"] in jobs.asks`,
      },
    ]);
    const none = recordOf(await mayfly(t, here, ["run", "none", "--json"]));
    t.match(none, { state: "succeeded", result: [/\/tenant\/default\/job\/none\//, "grant"] });
  },
);

t.test("[CRASH-01] a supervisor that was killed leaves an identity that its successor ends", async (t) => {
  const here = await project(t);
  const first = await startMayfly(t, here);
  const { stdout } = await mayfly(t, here, ["submit", "holds"]);
  const token = await tokenOf(here, stdout.trim());
  first.signal("SIGKILL");
  await first.ended;
  await startMayfly(t, here);
  t.equal(await isActive(here.url, token), false);
  t.type(
    await subjectOf(here.url, token),
    "string",
    "its signature is good for minutes: who doesn't introspect takes it",
  );
});
