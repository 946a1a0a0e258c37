// Real runs of the jobs: the whole runtime with a state directory of its own, default limits, and for each job that has a
// server a sealed credential and grants for that server alone. Tokens are the embedded issuer's; keys of AWS's come from a
// stand-in for its STS and IAM.
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { openRuntime, type Runtime } from "../../runtime/compose.ts";
import { parseConfig } from "../../runtime/config.ts";
import { describeError, MayflyError } from "../../runtime/model/error.ts";
import { type AwsStandIn, startAwsStandIn } from "../../runtime/testkit/aws-stand-in.ts";
import { type Case, jobOf } from "./case.ts";
import { type Found, faultOf, reasonOf } from "./judge.ts";
import { type AwsKeys, serveVendor, type TokenCheck, type Vendor, type VendorServer } from "./vendor.ts";

export interface Outcome {
  case: Case;
  /** What went otherwise than it should; undefined when nothing did. */
  fault: string | undefined;
  /** Of a refused one, as its author reads it. */
  reason: string | undefined;
  /** From launch to result; null without a run. */
  wallMs: number | null;
  bundleBytes: number | null;
  /** Of `node:*`, what is in the bundle; a free identifier under its own name. */
  node: string[];
}

export interface PackageRuns {
  run(each: Case): Promise<Outcome>;
  /** Ends what goes on. */
  kill(): void;
  close(): Promise<void>;
}

const audience = "https://vendor.example";

/**
 * @param parts.modules the packages' node_modules.
 * @param parts.scratch an empty directory, the caller's to remove.
 */
export async function openPackageRuns(parts: {
  cases: readonly Case[];
  modules: string;
  scratch: string;
}): Promise<PackageRuns> {
  const { cases, modules, scratch } = parts;
  const directory = join(scratch, "project");
  mkdirSync(directory);
  symlinkSync(modules, join(directory, "node_modules"));
  cpSync(join(import.meta.dirname, "jobs"), join(directory, "jobs"), { recursive: true });

  const aws = await startAwsStandIn({ clock: systemClock });
  const keys: AwsKeys = (id) => aws.sessions().find(({ accessKeyId }) => accessKeyId === id);
  let runtime: Runtime | undefined;
  const checkOf = (job: string) => makeTokenCheck(job, async () => urlOf(await runtime?.issuer("vendor")));
  const servers = new Map<string, VendorServer>();
  const closeServers = () => Promise.all([aws, ...servers.values()].map((server) => server.close()));
  try {
    const jobs: Record<string, object> = {};
    for (const each of cases) {
      const [job, vendor] = [jobOf(each), each.vendor?.(keys)];
      const server = vendor && (await serveVendor(vendor, checkOf(job)));
      if (server !== undefined) servers.set(job, server);
      jobs[job] = { ...wordsOf(each), ...(vendor && server && grantsOf(vendor, server.origin)) };
    }
    const words = {
      state: join(scratch, "state"),
      issuers: { vendor: { kind: "jwt", audience, listen: "127.0.0.1:0" }, aws: awsIssuer(aws) },
      jobs,
    };
    runtime = await openRuntime({
      config: parseConfig(words, { directory, path: join(directory, "sandbox.config.ts") }),
      role: "start",
      osSandbox: "preferred",
      env: { ...process.env, [rootEnv.id]: aws.root.accessKeyId, [rootEnv.secret]: aws.root.secretAccessKey },
      onEvent: () => {},
      onWarning: (message) => process.stderr.write(`packages: ${message}\n`),
    });
  } catch (error) {
    await closeServers();
    throw error;
  }
  const opened = runtime;
  return {
    run: (each) => runCase(each, opened, servers.get(jobOf(each))),
    kill: () => opened.scheduler.killAll("interrupted"),
    async close() {
      await opened.scheduler.drain(0);
      await opened.close();
      await closeServers();
    },
  };
}

function wordsOf(each: Case): object {
  return { entry: `./jobs/${jobOf(each)}.ts`, ...(each.isolate === undefined ? {} : { isolate: each.isolate }) };
}

function grantsOf({ allow, credential }: Vendor, origin: string): object {
  const network = { allow: allow.map((line) => line.replace(" ", ` ${origin}`)) };
  if (credential === undefined) return { network };
  const about = { ttl: "2m", purpose: "to try a package", hosts: [new URL(origin).host] };
  if ("aws4" in credential) {
    const { aws4, scope } = credential;
    return { network, credential: { issuer: "aws", scope, place: { aws4 }, ...about } };
  }
  return { network, credential: { issuer: "vendor", scope: ["api"], place: { header: credential.header }, ...about } };
}

const rootEnv = { id: "PACKAGES_AWS_ID", secret: "PACKAGES_AWS_SECRET" };

function awsIssuer({ url, principal }: AwsStandIn): object {
  return {
    ...{ kind: "aws", region: "eu-central-1", endpoints: { sts: url, iam: url }, roles: { principal } },
    root: { accessKeyId: { env: rootEnv.id }, secretAccessKey: { env: rootEnv.secret } },
  };
}

async function runCase(each: Case, runtime: Runtime, server: VendorServer | undefined): Promise<Outcome> {
  const job = jobOf(each);
  const spec = runtime.config.jobs[job];
  if (spec === undefined) throw new Error(`${job} is not in the config`);
  const outcome = { case: each, reason: undefined, wallMs: null, bundleBytes: null, node: [] };
  const found: Found = { bundleError: undefined, record: undefined, server: null };
  const judged = () => ({
    fault: faultOf(each, found),
    reason: "refused" in each ? reasonOf(each, found) : undefined,
  });
  try {
    const { code, sourceMap } = await runtime.bundle(spec);
    const input = JSON.stringify(server === undefined ? null : { origin: server.origin });
    const { done } = await runtime.scheduler.submit({ job, input, trigger: { kind: "test" } });
    const record = await done;
    found.record = record;
    if (server !== undefined) found.server = { problems: server.problems, served: server.served() };
    return {
      ...outcome,
      ...judged(),
      wallMs: record.usage.wallMs,
      bundleBytes: code.length,
      node: nodeModulesIn(sourceMap),
    };
  } catch (error) {
    if (!(error instanceof MayflyError && error.code === "bundle_failed")) throw error;
    found.bundleError = describeError(error);
    return { ...outcome, ...judged() };
  }
}

/** Their names in a bundle are `mayfly:node/fs`, and for a free identifier `mayfly:node/global-Buffer`. */
function nodeModulesIn(sourceMap: string): string[] {
  const { sources } = JSON.parse(sourceMap) as { sources: string[] };
  const names = sources.flatMap((source) => /mayfly:node\/([\w/-]+)$/.exec(source)?.[1] ?? []);
  return [...new Set(names.map((name) => name.replace(/^global-/, "")))]
    .filter((name) => name !== "prelude" && !/^(?:constants|addon)\//.test(name))
    .sort();
}

/** As a resource asks (RFC 7662): the token is active, and that very job's. */
function makeTokenCheck(job: string, issuerUrl: () => Promise<string>): TokenCheck {
  return async (token) => {
    const response = await fetch(`${await issuerUrl()}/introspect`, {
      method: "POST",
      body: new URLSearchParams({ token }),
    });
    const { active, aud, sub } = (await response.json()) as Record<string, unknown>;
    if (active !== true) throw new Error("the token that came is none of the run's");
    if (aud !== audience || !String(sub).includes(`/${job}/`))
      throw new Error(`the token that came is for ${aud}, of ${sub}`);
  };
}

function urlOf(issuer: object | undefined): string {
  if (issuer !== undefined && "url" in issuer && typeof issuer.url === "string") return issuer.url;
  throw new Error("the issuer of the tokens has no URL");
}
