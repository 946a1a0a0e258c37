// `mayfly check`: everything about config and jobs that can be found out without running anything.
import { makeBundler } from "../../adapters/system/esbuild-bundler.ts";
import { exitCodes, MayflyError } from "../../model/error.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, say } from "../print.ts";

interface JobCheck {
  job: string;
  ok: boolean;
  digest?: string;
  bytes?: number;
  error?: { code: string; message: string };
}

export async function check(options: ConfigOption & { json?: boolean }): Promise<void> {
  const config = await loadConfig(options);
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
  if (options.json) await printJson({ config: config.path, jobs: checks });
  for (const each of checks)
    say(
      each.ok
        ? `ok     ${each.job}  ${each.bytes} bytes  ${each.digest}`
        : `failed ${each.job}  ${each.error?.message}`,
    );
  if (checks.some((each) => !each.ok)) process.exitCode = exitCodes.usage;
}
