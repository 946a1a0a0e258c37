// `mayfly new job <name>`: a job, its test, and its entry in the config. The entry is put in where the config's text leaves
// no doubt and the config that comes of it differs by that job alone; otherwise it is said, for its author to write.
import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { loadConfigFile } from "../../adapters/system/config-file.ts";
import { makeProjectFiles, type ProjectFiles } from "../../adapters/system/project-files.ts";
import { nameNeeded, namePattern } from "../../config/values.ts";
import { type Config, parseConfig } from "../../config.ts";
import { MayflyError, quote } from "../../model/error.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, say } from "../print.ts";
import { withJob } from "../project/config-entry.ts";
import * as template from "../project/templates.ts";
import { nextSteps, type ProjectChange, sayChanges, sayNext, writeNew } from "./init.ts";

export async function newJob(name: string, options: ConfigOption & { json?: boolean }): Promise<void> {
  if (!namePattern.test(name)) {
    throw new MayflyError({
      code: "usage",
      message: "a job can't have that name",
      found: quote(name),
      needed: nameNeeded,
    });
  }
  const config = await loadConfig(options);
  const configName = basename(config.path);
  if (config.jobs[name] !== undefined) {
    throw new MayflyError({
      code: "usage",
      message: `there is a job ${quote(name)} already`,
      found: `jobs.${name} in ${configName}`,
      next: "take another name",
    });
  }
  const files = makeProjectFiles(config.directory);
  const changes: ProjectChange[] = [];
  for (const file of [template.jobFile(name, configName), template.testFile(name, configName)])
    changes.push(await writeNew(files, file));
  if (!files.has(template.jobsTsconfigFile.path)) changes.push(await writeNew(files, template.jobsTsconfigFile));
  const isAdded = await addEntry(files, config, name);
  changes.push(
    isAdded
      ? { path: configName, done: "extended", why: `by jobs.${name}` }
      : { path: configName, done: "kept", why: "where its jobs are isn't plain from its text" },
  );
  const entry = `${JSON.stringify(name)}: ${entryOf(config, name)},`;
  const next = nextSteps(files, name);
  if (options.json)
    await printJson({ directory: config.directory, files: changes, ...(isAdded ? {} : { entry }), next });
  sayChanges(changes);
  if (!isAdded) say(`\nwrite under jobs in ${configName}:\n\n    ${entry}`);
  sayNext(next);
}

function entryOf({ path }: Config, name: string): string {
  const entry = template.jobEntry(name);
  return path.endsWith(".json") ? entry.replace(/(\w+):/g, '"$1":') : entry;
}

async function addEntry(files: ProjectFiles, config: Config, name: string): Promise<boolean> {
  const file = basename(config.path);
  const text = await files.read(file);
  const kind = file.endsWith(".json") ? "json" : "code";
  const changed = text === undefined ? undefined : withJob(text, kind, name, entryOf(config, name));
  if (changed === undefined) return false;
  try {
    await files.replace(file, changed, (candidate) => requireOnlyJob(config, candidate, name));
    return true;
  } catch (error) {
    if (error instanceof MayflyError) return false;
    throw error;
  }
}

/** Rejects with MayflyError for a config that isn't the one before and that job. */
async function requireOnlyJob(before: Config, candidate: string, name: string): Promise<void> {
  const { value } = await loadConfigFile(candidate, before.directory);
  const after = parseConfig(value, before);
  const { [name]: added, ...others } = after.jobs;
  const isSame = isDeepStrictEqual({ ...after, jobs: others }, { ...before, jobs: { ...before.jobs } });
  if (isSame && added?.entry.endsWith(`/${template.jobPath(name)}`)) return;
  throw new MayflyError({ code: "config_invalid", message: `the entry of ${quote(name)} would change the config` });
}
