// `mayfly init`: a project's first files, in the working directory. It only adds: what is there already is kept, and said
// to be. The config comes last, so that one which is there has its job beside it.
import { configNames } from "../../adapters/system/config-file.ts";
import { makeProjectFiles, type ProjectFiles } from "../../adapters/system/project-files.ts";
import { printJson, say, table } from "../print.ts";
import * as template from "../project/templates.ts";

export interface ProjectChange {
  /** From the project's directory. */
  path: string;
  done: "written" | "extended" | "kept" | "left out";
  why?: string;
}

export interface NextStep {
  command: string;
  what: string;
}

export async function init(options: { json?: boolean }): Promise<void> {
  const directory = process.cwd();
  const files = makeProjectFiles(directory);
  const config = configNames.find((name) => files.has(name));
  const changes: ProjectChange[] = [];
  for (const file of [template.jobFile("hello"), template.jobsTsconfigFile, template.testFile("hello")]) {
    const why = `there is a config; \`npx mayfly new job <name>\` adds a job to it`;
    changes.push(config === undefined ? await writeNew(files, file) : { path: file.path, done: "left out", why });
  }
  changes.push(await writeNew(files, template.tsconfigFile), await ignoreState(files));
  changes.push(config === undefined ? await writeNew(files, template.configFile) : { path: config, done: "kept" });
  const next = nextSteps(files, config === undefined ? "hello" : undefined);
  if (options.json) await printJson({ directory, files: changes, next });
  sayChanges(changes);
  sayNext(next);
}

export async function writeNew(files: ProjectFiles, { path, text }: template.TemplateFile): Promise<ProjectChange> {
  const isNew = await files.writeNew(path, text);
  return isNew ? { path, done: "written" } : { path, done: "kept", why: "it is there already" };
}

async function ignoreState(files: ProjectFiles): Promise<ProjectChange> {
  const { path } = template.ignoreFile;
  const text = await files.read(path);
  if (text === undefined) return writeNew(files, template.ignoreFile);
  const addition = template.ignoreAddition(text);
  if (addition === undefined) return { path, done: "kept", why: "it leaves .mayfly/ out already" };
  await files.append(path, addition);
  return { path, done: "extended", why: "by .mayfly/" };
}

/** @param job one that can be run now. */
export function nextSteps(files: ProjectFiles, job: string | undefined): NextStep[] {
  const steps: NextStep[] = [];
  if (!files.finds("mayfly")) {
    const what = "in this directory, for tests and editors: it isn't installed here";
    steps.push({ command: "npm install <the package of Mayfly>", what });
  }
  if (job === undefined) return [...steps, { command: "npx mayfly check", what: "see which jobs there are" }];
  const node = files.has("node_modules/.bin/node") ? "npx node" : "node";
  return [
    ...steps,
    { command: `npx mayfly run ${job}`, what: "run it" },
    { command: `npx mayfly dev ${job}`, what: "run it whenever you save it" },
    { command: `${node} --test ${template.testFile(job).path}`, what: "run its test" },
  ];
}

export function sayChanges(changes: readonly ProjectChange[]): void {
  const rows = changes.map(({ path, done, why }) => [done, path, why === undefined ? "" : `(${why})`]);
  say(table(rows).replace(/ +$/gm, ""));
}

export function sayNext(steps: readonly NextStep[]): void {
  say("\nnext:");
  say(table(steps.map(({ command, what }) => [`  ${command}`, what])));
}
