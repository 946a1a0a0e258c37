// `mayfly check`: everything about config and jobs that can be found out without running anything. A root credential that
// isn't there is said and is no failure: a config is checked in places that have none.
import { join } from "node:path";
import { sealedFileName } from "../../adapters/keys/key-files.ts";
import { makeBundler } from "../../adapters/system/esbuild-bundler.ts";
import { makeSecretInspector, type SecretPlace } from "../../adapters/system/secret-place.ts";
import { rootKeyName } from "../../compose/secrets.ts";
import type { Config } from "../../config.ts";
import { exitCodes, MayflyError } from "../../model/error.ts";
import type { SecretSource } from "../../model/issuer.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, say, warn } from "../print.ts";

interface JobCheck {
  job: string;
  ok: boolean;
  digest?: string;
  bytes?: number;
  error?: { code: string; message: string };
}

/** One root credential: where it comes from, and whether it can be had. Never what it is. */
interface CredentialCheck extends SecretPlace {
  /** In the config: "issuers.warehouse.url". */
  key: string;
}

function checkCredentials(config: Config): CredentialCheck[] {
  const sealedFile = (name: string) => join(config.stateDirectory, "keys", sealedFileName(rootKeyName(name)));
  const place = makeSecretInspector({ env: process.env, sealedFile });
  const sources = [...sourcesIn(config.issuers, "issuers"), ...sourcesIn(config.keys, "keys")];
  return sources.map(({ key, source }) => ({ key, ...place(source) }));
}

/** Every place in there where a secret is read from. */
function sourcesIn(value: unknown, key: string): { key: string; source: SecretSource }[] {
  if (typeof value !== "object" || value === null) return [];
  const entries = Object.entries(value);
  const [only] = entries;
  const isSource =
    entries.length === 1 && ["env", "file", "sealed"].includes(only?.[0] ?? "") && typeof only?.[1] === "string";
  if (isSource) return [{ key, source: value as SecretSource }];
  return entries.flatMap(([name, inner]) => sourcesIn(inner, `${key}.${name}`));
}

function sayCredential({ key, place, state, detail, next, warnings }: CredentialCheck): void {
  const mark = { there: "ok    ", missing: "absent", refused: "failed" }[state];
  say(`${mark} ${key}  ${place}${detail === null ? "" : `: ${detail}`}`);
  if (next !== null) say(`         ${next}`);
  for (const warning of warnings) warn(`${key}: ${warning}`);
}

export async function check(options: ConfigOption & { json?: boolean }): Promise<void> {
  const config = await loadConfig(options);
  const credentials = checkCredentials(config);
  const bundler = makeBundler({ directory: config.directory, stateDirectory: config.stateDirectory });
  const checks: JobCheck[] = [];
  try {
    for (const { name, entry } of Object.values(config.jobs)) {
      try {
        const { digest, code } = await bundler.bundle(entry);
        checks.push({ job: name, ok: true, digest, bytes: code.length });
      } catch (error) {
        if (!(error instanceof MayflyError)) throw error;
        checks.push({ job: name, ok: false, error: { code: error.code, message: error.describe() } });
      }
    }
  } finally {
    await bundler.close();
  }
  if (options.json) await printJson({ config: config.path, jobs: checks, credentials });
  for (const each of checks)
    say(
      each.ok
        ? `ok     ${each.job}  ${each.bytes} bytes  ${each.digest}`
        : `failed ${each.job}  ${each.error?.message}`,
    );
  for (const credential of credentials) sayCredential(credential);
  const isRefused = credentials.some(({ state }) => state === "refused");
  if (isRefused || checks.some((each) => !each.ok)) process.exitCode = exitCodes.usage;
}
