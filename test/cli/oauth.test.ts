// A job with a token of a real OAuth 2 server, from the command line: the token works while the run lives and is refused
// when it has ended; what can't be proven is said; and what was noted of it is nowhere to be read.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { configOf, ledgerOf, makeProject, mayfly, type Project, recordOf } from "../support/cli.ts";
import { type OidcServer, startOidcServer, tryAtResource } from "../support/oidc-server.ts";

const sealedJob = `
  const token = await credential.fetch();
  const answer = await fetch(input, { headers: { authorization: "Bearer " + token } });
  return { status: answer.status, told: await answer.json(), held: token };
`;

function configFor(server: OidcServer, issuer: string, credential: string): string {
  const common = `issuer: "partner", scope: ["orders:read"], ttl: "2m", purpose: "test"`;
  const network = `network: { allow: ["GET ${server.resource}"], privateAddresses: ["127.0.0.0/8"] }`;
  return configOf(
    { orders: `credential: { ${common}, ${credential} }, ${network}, limits: { wall: "30s" }` },
    `issuers: { partner: issuers.oauth({
      server: "${server.url}", client: { id: "mayfly", secret: { env: "OAUTH_SECRET" } }, tokenLife: "50s", ${issuer} }) },`,
  );
}

const modes = { registration: `initialToken: { env: "OAUTH_INITIAL" }`, token: `mode: "token"` };

async function start(t: Test): Promise<OidcServer> {
  const server = await startOidcServer();
  t.teardown(() => server.stop());
  return server;
}

function run(t: Test, project: Project, server: OidcServer) {
  const env = { OAUTH_SECRET: server.secret, OAUTH_INITIAL: server.initialToken };
  return mayfly(t, project, ["run", "orders", "--json", "--input", JSON.stringify(server.resource)], { env });
}

/** Every byte below the state directory. */
function stateOf(project: Project): string {
  const paths = readdirSync(project.state, { recursive: true, withFileTypes: true });
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.map((path) => readFileSync(path, "latin1")).join("\n");
}

for (const [mode, words] of Object.entries(modes)) {
  t.test(`[CRED-06] [CRED-17] mode ${mode}: sealed, used at the resource, refused there after the run`, async (t) => {
    const server = await start(t);
    const { host } = new URL(server.resource);
    const config = configFor(server, words, `hosts: ["${host}"]`);
    const project = await makeProject(t, { config, jobs: { orders: sealedJob } });
    const ended = await run(t, project, server);
    t.equal(ended.code, 0, ended.stderr);
    const record = recordOf(ended);
    t.match(record.result, { status: 200, told: { active: true, scope: "orders:read" } });
    const [token = ""] = server.shown;
    t.notMatch(JSON.stringify(record), token, "the job never held it");
    t.match(record.lease, { state: "revoked", proof: /introspection: inactive/ });
    if (mode === "registration") t.match(record.lease?.proof, /no such client/);
    t.equal(await tryAtResource(server, token), "refused");
    t.same(server.liveTokens(), []);
    t.same(server.clients(), []);

    const { store } = ledgerOf(project);
    const handle = store.lease(record.id)?.handle ?? "";
    await store.close();
    t.ok(handle.length > 40, "what ends it was noted");
    const state = stateOf(project);
    for (const secret of [token, server.secret, server.initialToken]) t.notMatch(state, secret);
    t.notMatch(state, "/reg/", "nor where the run's client was managed");
    t.notMatch(Buffer.from(handle, "base64").toString("latin1"), "tokens", "it is sealed");
  });
}

t.test("[CRED-06] revealed: the job has it, and it is dead when the job has ended", async (t) => {
  const server = await start(t);
  const config = configFor(server, modes.registration, `delivery: "revealed"`);
  const project = await makeProject(t, { config, jobs: { orders: sealedJob } });
  const ended = await run(t, project, server);
  t.equal(ended.code, 0, ended.stderr);
  const { status, held } = recordOf(ended).result as { status: number; held: string };
  t.equal(status, 200);
  t.equal(await tryAtResource(server, held), "refused");
});

t.test("a server without introspection: the run's end is not called confirmed", async (t) => {
  const server = await start(t);
  server.meddle(async (context, next) => {
    await next();
    if (context.path.startsWith("/.well-known/")) {
      const { introspection_endpoint: _, ...rest } = context.body as Record<string, unknown>;
      context.body = rest;
    }
  });
  const job = `await credential.fetch(); return "used";`;
  const refused = await makeProject(t, {
    config: configFor(server, modes.token, `delivery: "revealed"`),
    jobs: { orders: job },
  });
  const turned = await run(t, refused, server);
  t.equal(turned.code, 2);
  t.match(turned.stderr, /config_invalid[\s\S]*without introspection_endpoint[\s\S]*without: \["introspection"\]/);
  t.same(
    server.asked.filter((asked) => asked === "POST /token"),
    [],
  );

  const config = configFor(server, `${modes.token}, without: ["introspection"]`, `delivery: "revealed"`);
  const accepted = await makeProject(t, { config, jobs: { orders: job } });
  const ended = await run(t, accepted, server);
  t.equal(ended.code, 5, ended.stderr);
  t.match(recordOf(ended).lease, { state: "unconfirmed" });
  t.same(server.liveTokens(), [], "revoked it is all the same");
});

t.test("[CRED-18] a server that is down: the run isn't begun, and the message says whom it asked", async (t) => {
  const server = await startOidcServer();
  const config = configFor(server, modes.registration, `delivery: "revealed"`);
  const project = await makeProject(t, { config, jobs: { orders: sealedJob } });
  await server.stop();
  const ended = await run(t, project, server);
  t.equal(ended.code, 6, ended.stderr);
  t.match(ended.stderr, new RegExp(`issuer_unavailable[\\s\\S]*${new URL(server.url).host}`));
  t.notMatch(ended.stderr, server.secret);
});

t.test("the config and the job of docs/issuers/oauth.md, as they stand there", async (t) => {
  const server = await start(t);
  const text = readFileSync(join(import.meta.dirname, "../../docs/issuers/oauth.md"), "utf8");
  const [config = "", job = ""] = [...text.matchAll(/```ts\n\/\/ [^\n]+\n([\s\S]*?)```/g)].map(([, block]) =>
    (block ?? "")
      .replaceAll("127.0.0.1:7430", new URL(server.url).host)
      .replaceAll("127.0.0.1:7431", new URL(server.resource).host),
  );
  const project = await makeProject(t, { config, jobs: { orders: job } });
  const ended = await run(t, project, server);
  t.equal(ended.code, 0, ended.stderr);
  t.match(recordOf(ended), { result: { status: 200 }, lease: { state: "revoked" } });
});
