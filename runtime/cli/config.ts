// Loads the config for a command.
import { loadConfigFile } from "../adapters/system/config-file.ts";
import { type Config, parseConfig } from "../config.ts";
import { MayflyError, nearestWord, quote } from "../model/error.ts";
import type { JobSpec } from "../model/job.ts";

export interface ConfigOption {
  config?: string;
}

/** @throws MayflyError `config_missing`, `config_throws`, `config_invalid`. */
export async function loadConfig({ config }: ConfigOption): Promise<Config> {
  const file = await loadConfigFile(config, process.cwd());
  return parseConfig(file.value, file);
}

/** @throws MayflyError `job_unknown` with the nearest name. */
export function jobOf(config: Config, name: string): JobSpec {
  const spec = config.jobs[name];
  if (spec !== undefined) return spec;
  const names = Object.keys(config.jobs);
  const near = nearestWord(name, names);
  throw new MayflyError({
    code: "job_unknown",
    message: `there is no job ${quote(name)} in ${config.path}`,
    needed: names.length === 0 ? "a job in the config" : `one of: ${names.join(", ")}`,
    ...(near === undefined ? {} : { next: `did you mean ${near}?` }),
  });
}
