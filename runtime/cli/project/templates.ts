// What `mayfly init` and `mayfly new job` write: text that a person is to read and to change.

export interface TemplateFile {
  /** From the config's directory. */
  path: string;
  text: string;
}

export const configName = "sandbox.config.ts";

export const configFile: TemplateFile = {
  path: configName,
  text: `// What this installation permits. Each job can do what stands under its name here, and nothing else.
import { defineConfig } from "mayfly";

export default defineConfig({
  jobs: {
    hello: {
      entry: "./jobs/hello.ts",
      limits: { wall: "30s" },
      // To reach a server: network: { allow: ["GET https://api.example.com/v1/*"] },
    },
  },
});
`,
};

export function jobFile(name: string, config = configName): TemplateFile {
  return {
    path: jobPath(name),
    text: `// What this job may do stands in ${config}, under its name; what it has is its context.
import { defineJob } from "mayfly";

export default defineJob(async ({ input, log }) => {
  log.info("${name} runs", { input });
  return { hello: input ?? "world" };
});
`,
  };
}

/** A module whatever package.json says, so that Node runs it as it is. */
export function testFile(name: string, config = configName): TemplateFile {
  return {
    path: `test/${name}.test.mts`,
    text: `// Runs the job in a real isolate, under its grants in ${config}. The network and the credential are the test's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { testRun } from "mayfly/testkit";

test("${name} says hello to its input", async () => {
  const run = await testRun("${name}", { input: "you" });
  assert.equal(run.state, "succeeded", JSON.stringify(run.error));
  assert.deepEqual(run.result, { hello: "you" });
});
`,
  };
}

/** Of what Node runs: modules as the bundler and Node take them, and no syntax that needs a compiler. */
export const tsconfigFile: TemplateFile = {
  path: "tsconfig.json",
  text: `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["es2024"],
    "types": ["node"],
    "module": "preserve",
    "noEmit": true,
    "strict": true,
    "skipLibCheck": true,
    "verbatimModuleSyntax": true,
    "erasableSyntaxOnly": true
  },
  "include": ["sandbox.config.ts", "test"]
}
`,
};

/** Of jobs, whose globals are others. */
export const jobsTsconfigFile: TemplateFile = {
  path: "jobs/tsconfig.json",
  text: `// Jobs run in an isolate: tsc knows its globals here, and says what to use instead of Node's.
{
  "extends": "mayfly/jobs/tsconfig.json",
  "include": ["."]
}
`,
};

export const ignoreFile: TemplateFile = { path: ".gitignore", text: "node_modules/\n.mayfly/\n" };

/** Spellings that leave the state directory out already. */
const ignored = new Set([".mayfly", ".mayfly/", "/.mayfly", "/.mayfly/"]);

/** What a .gitignore lacks, to be put at its end; undefined when it lacks nothing. */
export function ignoreAddition(text: string): string | undefined {
  const lines = text.split(/\r?\n/);
  if (lines.some((line) => ignored.has(line.trim()))) return undefined;
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  return `${text === "" || text.endsWith("\n") ? "" : end}.mayfly/${end}`;
}

export function jobPath(name: string): string {
  return `jobs/${name}.ts`;
}

/** The value of a new job in the config, as source. */
export function jobEntry(name: string): string {
  return `{ entry: "./${jobPath(name)}", limits: { wall: "30s" } }`;
}
