// The config's door: the words that its author imports, and `parseConfig`, which turns whatever the file exported into
// a complete Config or into one error with all that is wrong. Nothing here reads a file, a variable or the clock: finding
// the file is adapters/system/config-file.ts, fetching an issuer's secret is compose.ts, meaning is core/policy.
// Unknown or missing is an error, never a default that grants.
//   config/author.ts     the words and their units        config/shape.ts       what each value may be
//   config/job.ts        one job becomes a JobSpec        config/relations.ts   what must fit together
//   config/issuers/      a kind of issuer each           config/values.ts      values of any section
//   config/identity.ts   who we are towards others        config/keys.ts       where the key of all keys is
//   config/problems.ts   what is wrong, in words
import { isAbsolute, resolve } from "node:path";
import type { SandboxConfig } from "./config/author.ts";
import { type IdentityConfig, parseIdentity, relateAudiences } from "./config/identity.ts";
import {
  type AuthorAwsIssuer,
  type AuthorJwtIssuer,
  type AuthorOauthIssuer,
  type AuthorPostgresIssuer,
  type AuthorRedisIssuer,
  type AuthorSshIssuer,
  type AuthorVaultIssuer,
  type AuthorX509Issuer,
  type IssuerConfig,
  issuerKinds,
} from "./config/issuers/all.ts";
import { parseJob } from "./config/job.ts";
import { type KeysConfig, parseKeys } from "./config/keys.ts";
import { ConfigInvalid, check, type Problem, problem } from "./config/problems.ts";
import type { Surroundings } from "./config/relations.ts";
import * as shape from "./config/shape.ts";
import { quote } from "./model/error.ts";
import type { JobSpec } from "./model/job.ts";

export type * from "./config/author.ts";
export type { IssuerConfig } from "./config/issuers/all.ts";
export { type KeysConfig, keys } from "./config/keys.ts";
export { ConfigInvalid, type Problem } from "./config/problems.ts";

/** The config, complete: all that the rest of the program sees of it. */
export interface Config {
  /** Absolute; relative paths of the config start here. */
  directory: string;
  /** Absolute path of the file. */
  path: string;
  /** Absolute. */
  stateDirectory: string;
  executor: {
    osSandbox: "required" | "preferred" | null;
    warm: number;
    /** null: each executor serves one run. */
    reuse: { runsMax: number } | null;
  };
  scheduler: { concurrency: number; queueMax: number; drainMs: number };
  identity: IdentityConfig;
  keys: KeysConfig;
  /** No prototype: a name that isn't there is undefined, `constructor` too. */
  issuers: Record<string, IssuerConfig>;
  /** No prototype. */
  jobs: Record<string, JobSpec>;
}

/** For the author's editor: returns its argument, typed. What is wrong with it `parseConfig` says. */
export function defineConfig(config: SandboxConfig): SandboxConfig {
  return config;
}

/** The issuers that come with Mayfly. They return plain data. */
export const issuers = {
  /** Signs short-lived access tokens (RFC 9068) in this process, and answers introspection (RFC 7662) on loopback. */
  jwt(options: Omit<AuthorJwtIssuer, "kind">): AuthorJwtIssuer {
    return { ...options, kind: "jwt" };
  },
  /** Asks an OAuth 2 server for access tokens, by default as a client of its own for each run (RFC 7591, RFC 7592). */
  oauth(options: Omit<AuthorOauthIssuer, "kind">): AuthorOauthIssuer {
    return { ...options, kind: "oauth" };
  },
  /** Makes an IAM role for each run, with the scope as its policy, and gives a session of it. Also Ceph's RadosGW. */
  aws(options: Omit<AuthorAwsIssuer, "kind">): AuthorAwsIssuer {
    return { ...options, kind: "aws" };
  },
  /** Makes a login role for each run, with grants on the tables of its scope. */
  postgres(options: Omit<AuthorPostgresIssuer, "kind">): AuthorPostgresIssuer {
    return { ...options, kind: "postgres" };
  },
  /** Makes an ACL user for each run, with the commands and keys of its scope. */
  redis(options: Omit<AuthorRedisIssuer, "kind">): AuthorRedisIssuer {
    return { ...options, kind: "redis" };
  },
  /** Signs a certificate for each run, good for one command on a host that trusts `ca.pub`, until `revoked.krl` has it. */
  ssh(options: Omit<AuthorSshIssuer, "kind">): AuthorSshIssuer {
    return { ...options, kind: "ssh" };
  },
  /** Signs a TLS client certificate for each run by an authority of its own, and publishes a revocation list. */
  x509(options: Omit<AuthorX509Issuer, "kind"> = {}): AuthorX509Issuer {
    return { ...options, kind: "x509" };
  },
  /** Logs in to Vault or OpenBao as the run, and reads a dynamic credential. */
  vault(options: Omit<AuthorVaultIssuer, "kind">): AuthorVaultIssuer {
    return { ...options, kind: "vault" };
  },
};

/**
 * @param value what the config file exported.
 * @param file absolute `path` of the file and the `directory` that its relative paths start from.
 * @throws MayflyError `config_invalid` (ConfigInvalid) with every problem that was found.
 */
export function parseConfig(value: unknown, file: { directory: string; path: string }): Config {
  if (!isAbsolute(file.directory))
    throw new RangeError(`the config's directory must be absolute, found ${quote(file.directory)}`);
  const problems: Problem[] = [];
  const config = check(shape.configShape, value, [], problems)?.value ?? sectionsOf(value);
  const executor = check(shape.executorShape, config.executor ?? {}, ["executor"], problems)?.value;
  const scheduler = check(shape.schedulerShape, config.scheduler ?? {}, ["scheduler"], problems)?.value;
  const stateDirectory = resolve(file.directory, config.state ?? ".mayfly");
  const identity = parseIdentity(config.identity, problems);
  const keys = parseKeys(config.keys, file.directory, problems);
  const parsedIssuers = parseIssuers(config.issuers ?? {}, file.directory, problems);
  const jobs = parseJobs(
    config.jobs ?? {},
    { directory: file.directory, stateDirectory, issuers: kindsOf(config.issuers ?? {}, parsedIssuers) },
    problems,
  );
  relateAudiences(jobs, parsedIssuers, problems);
  if (executor?.runsMax !== undefined && executor.reuse === undefined) {
    const needed = 'executor.reuse: "same-job" beside it: without that each process serves one run';
    problems.push(problem(["executor", "runsMax"], String(executor.runsMax), needed));
  }
  if (problems.length > 0) throw new ConfigInvalid(file.path, problems);
  return {
    directory: file.directory,
    path: file.path,
    stateDirectory,
    executor: {
      osSandbox: executor?.osSandbox ?? null,
      warm: executor?.warm ?? 2,
      reuse: executor?.reuse === undefined ? null : { runsMax: executor.runsMax ?? 100 },
    },
    scheduler: {
      concurrency: scheduler?.concurrency ?? 4,
      queueMax: scheduler?.queue ?? 1_000,
      drainMs: scheduler?.drain ?? 30_000,
    },
    identity,
    keys,
    issuers: parsedIssuers,
    jobs,
  };
}

interface Sections {
  state?: string | undefined;
  executor?: unknown;
  scheduler?: unknown;
  identity?: unknown;
  keys?: unknown;
  issuers?: Record<string, unknown> | undefined;
  jobs?: Record<string, unknown>;
}

// A config whose own keys are wrong (the problem is noted by now) still has sections to look at.
function sectionsOf(value: unknown): Sections {
  if (typeof value !== "object" || value === null) return {};
  const { executor, scheduler, identity, keys, issuers: named, jobs } = value as Sections;
  return {
    ...{ executor, scheduler, identity, keys },
    ...(isRecord(named) ? { issuers: named } : {}),
    ...(isRecord(jobs) ? { jobs } : {}),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJobs(jobs: Record<string, unknown>, around: Surroundings, problems: Problem[]): Record<string, JobSpec> {
  const parsed: Record<string, JobSpec> = Object.create(null);
  for (const [name, value] of Object.entries(jobs)) {
    const job = parseJob(name, value, around, problems);
    if (job !== undefined) parsed[name] = job;
  }
  return parsed;
}

function parseIssuers(named: Record<string, unknown>, directory: string, problems: Problem[]): Config["issuers"] {
  const parsed: Config["issuers"] = Object.create(null);
  for (const [name, value] of Object.entries(named)) {
    const path = ["issuers", name];
    check(shape.nameShape, name, path, problems);
    const issuer = parseIssuer(name, value, directory, problems);
    if (issuer !== undefined) parsed[name] = issuer;
  }
  return parsed;
}

function parseIssuer(name: string, value: unknown, directory: string, problems: Problem[]): IssuerConfig | undefined {
  const path = ["issuers", name];
  const kind = check(shape.issuerKindShape, value, path, problems)?.value.kind;
  return kind === undefined ? undefined : issuerKinds[kind].parse(value, { name, directory, path, problems });
}

// Issuers with problems count as there: a job that names one is not wrong for that.
function kindsOf(named: Record<string, unknown>, parsed: Config["issuers"]): Surroundings["issuers"] {
  return new Map(Object.keys(named).map((name) => [name, parsed[name]?.kind]));
}
