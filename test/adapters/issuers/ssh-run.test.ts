// A run through the whole runtime: a job has one program run at a real host, with a credential that it never sees; afterwards
// the host takes it no more.
import { rmSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { publishedFiles } from "../../../runtime/adapters/issuers/ssh-publication.ts";
import { openRuntime } from "../../../runtime/compose.ts";
import { parseConfig, type SandboxConfig } from "../../../runtime/config.ts";
import type { CredentialIssuer } from "../../../runtime/ports/credential-issuer.ts";
import { watchResidue } from "../../../runtime/testkit/residue.ts";
import { startSshServer, trySshLogin } from "../../../runtime/testkit/ssh-server.ts";
import { scriptBundle } from "../../support/runs.ts";
import { needsSshd, shortDirectory } from "./ssh-world.ts";

/** Runs jobs, given as bodies, with a credential of that issuer. */
async function open(t: Test, bodies: Record<string, string>, credential: object = {}) {
  const residue = watchResidue();
  const directory = shortDirectory();
  const files = publishedFiles(join(directory, ".mayfly", "published", "ssh", "ops"));
  const server = await startSshServer({ ...files, principals: ["ops"] }); // there before its authority is
  const { host, port, hostKey, user } = server;
  const as = { principal: "ops", user };
  const words: SandboxConfig = {
    issuers: {
      ops: {
        kind: "ssh",
        ...{ host: `${host}:${port}`, hostKey },
        commands: {
          upper: { run: "tr a-z A-Z; echo done >&2; exit 3", ...as },
          endless: { run: "while echo .; do sleep 0.05; done", ...as },
        },
      },
    },
    executor: { warm: 1 },
    jobs: Object.fromEntries(
      Object.keys(bodies).map((name) => [
        name,
        {
          entry: "./held.ts",
          credential: { issuer: "ops", scope: ["upper"], ttl: "2m", delivery: "exec", purpose: "test", ...credential },
        },
      ]),
    ),
  };
  const secrets: string[] = [];
  const runtime = await openRuntime({
    config: parseConfig(words, { directory, path: join(directory, "sandbox.config.ts") }),
    role: "test",
    osSandbox: "preferred",
    env: process.env,
    onEvent: () => {},
    onWarning: () => {},
    warm: false,
    world: {
      bundle: async ({ name }) => scriptBundle(bodies[name] ?? ""),
      around: { store: (store) => store, issuer: (_name, issuer) => hearing(issuer, secrets) },
    },
  });
  const end = async () => {
    const { path } = runtime.state;
    const { installation } = runtime.store;
    await runtime.close();
    await server.stop();
    t.same(await residue.settle({ stateDirectory: path, installation }, 5_000), [], "nothing is left");
    rmSync(directory, { recursive: true, force: true });
  };
  const run = async (job: string) => {
    const { done } = await runtime.scheduler.submit({ job, input: "null", trigger: { kind: "test" } });
    return done;
  };
  return { run, server, secrets, end };
}

function hearing(issuer: CredentialIssuer, secrets: string[]): CredentialIssuer {
  return Object.create(issuer, {
    issue: {
      value: (async (...args) => {
        const issued = await issuer.issue(...args);
        secrets.push(issued.secret);
        return issued;
      }) satisfies CredentialIssuer["issue"],
    },
  });
}

t.test(
  "[CRED-06] a job runs the one program, twice, and when it has ended the host refuses its credential",
  needsSshd,
  async (t) => {
    const body = `
    const texts = [];
    for (const input of ["one", new Uint8Array([116, 119, 111])]) {
      const { exitCode, stdout, stderr } = await c.credential.exec(input);
      texts.push([exitCode, new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)]);
    }
    const denied = [];
    for (const call of [() => c.credential.fetch(), () => c.credential.query("SELECT 1")]) {
      await call().catch((error) => denied.push(error.code));
    }
    return { texts, denied };
  `;
    const { run, server, secrets, end } = await open(t, { report: body });
    const record = await run("report");
    t.same(record.error, null);
    t.same(record.result, {
      texts: [
        [3, "ONE", "done\n"],
        [3, "TWO", "done\n"],
      ],
      denied: ["grant", "grant"],
    });
    t.match(record.lease, { state: "revoked", proof: /^revoked\.krl \d+: has serial \d+; login: refused$/ });
    t.equal(record.teardown.lease, "confirmed");
    t.equal(secrets.length, 1, "one certificate for both");
    t.equal((await trySshLogin(server, secrets[0] ?? "")).outcome, "refused");
    t.match(server.log(), /Accepted publickey .* ID mayfly-[0-9a-f]{8}-[0-9a-f]{32} \(serial \d+\)/);
    await end();
  },
);

t.test(
  "a program that goes on beyond its limits is an error of the job's, which names the limit",
  needsSshd,
  async (t) => {
    const body = "try { await c.credential.exec(); } catch (error) { return [error.code, error.message]; }";
    const credential = { scope: ["endless"], operation: { time: "2s" } };
    const { run, server, secrets, end } = await open(t, { report: body }, credential);
    const record = await run("report");
    t.match(record.result, ["operation_limit", /longer than allowed: at most 2000 ms.*time limit 2s/]);
    t.match(record.lease, { state: "revoked" });
    t.equal((await trySshLogin(server, secrets[0] ?? "")).outcome, "refused");
    await end();
  },
);

t.test("a run that ends while its program goes on takes it along", needsSshd, async (t) => {
  const body = `void c.credential.exec().catch(() => undefined); await c.files.write("/a", "x"); return 1;`;
  const { run, end } = await open(t, { report: body }, { scope: ["endless"], operation: { time: "30s" } });
  const { state, lease, teardown } = await run("report");
  t.match({ state, lease }, { state: "succeeded", lease: { state: "revoked" } });
  t.notOk(Object.values(teardown).includes("unconfirmed"));
  await end();
});
