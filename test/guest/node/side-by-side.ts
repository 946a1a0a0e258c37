// The same questions asked of Node itself and of a job that imports the same modules: the answers must be the same.
import type { Test } from "tap";
import { type JobUnderTest, openRuns, type Runs } from "../../support/runs.ts";

/** Bodies of async functions, by what they are about. Modules stand under the names of `modules`. */
export type Questions = Record<string, readonly string[]>;

/** An expression: what stands for a value in JSON, so that kinds of values differ too. */
const show = `(function show(value, depth = 0) {
  if (value === undefined) return "undefined";
  if (typeof value === "bigint") return value + "n";
  if (typeof value === "symbol" || typeof value === "function") return typeof value;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > 8) return "…";
  const inner = (each) => show(each, depth + 1);
  if (value instanceof Error) return { error: value.name, code: inner(value.code), message: value.message };
  if (value instanceof Date) return { date: value.getTime() };
  if (value instanceof Uint8Array) return { bytes: Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  if (value instanceof ArrayBuffer) return { buffer: inner(new Uint8Array(value)) };
  if (value instanceof Map) return { map: [...value].map(inner) };
  if (value instanceof Set) return { set: [...value].map(inner) };
  if (Array.isArray(value)) return Array.from(value, inner);
  return Object.fromEntries(Object.keys(value).map((key) => [key, inner(value[key])]));
})`;

const attempt = `(async (ask) => { try { return show(await ask()); } catch (error) { return { threw: show(error) }; } })`;

function moduleText(modules: Record<string, string>, questions: Questions, before: string): string {
  const imports = Object.entries(modules).map(
    ([name, specifier]) => `import ${name} from ${JSON.stringify(specifier)};`,
  );
  const asked = Object.entries(questions).map(
    ([about, bodies]) => `${JSON.stringify(about)}: [${bodies.map((body) => `async () => { ${body} }`).join(",\n")}]`,
  );
  return `import { defineJob } from "mayfly";
${imports.join("\n")}
const show = ${show};
const attempt = ${attempt};
${before}
const questions = { ${asked.join(",\n")} };
export default defineJob(async (c) => {
  const answers = {};
  for (const [about, asks] of Object.entries(questions)) {
    answers[about] = [];
    for (const ask of asks) answers[about].push(await attempt(ask));
  }
  return answers;
});
`;
}

type Ask = (...modules: unknown[]) => Promise<unknown>;
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (...args: string[]) => Ask;

async function answersOfNode(modules: Record<string, string>, body: string, before: string): Promise<unknown> {
  const names = Object.keys(modules);
  const values = await Promise.all(
    Object.values(modules).map(async (specifier) => ((await import(specifier)) as { default: unknown }).default),
  );
  const ask = new AsyncFunction(
    ...names,
    `const show = ${show}; const attempt = ${attempt}; ${before}\nreturn attempt(async () => { ${body} });`,
  );
  return JSON.parse(JSON.stringify((await ask(...values)) ?? null));
}

export interface SideBySide {
  modules: Record<string, string>;
  questions: Questions;
  /** Declarations that the questions share; two where Node and the job differ in them. */
  before?: string | { node: string; job: string };
  job?: Partial<JobUnderTest>;
  /** Further jobs of the same test. */
  jobs?: Record<string, JobUnderTest>;
  names?: Record<string, string[]>;
}

/** Declares one test for each subject, and gives the runs for others. Whoever opened it ends it. */
export async function askBoth(t: Test, asked: SideBySide): Promise<Runs> {
  const { modules, questions, before = "", job = {}, jobs = {}, names = {} } = asked;
  const [beforeNode, beforeJob] = typeof before === "string" ? [before, before] : [before.node, before.job];
  const asking = { limits: { wallMs: 60_000, cpuMs: 60_000, resultBytes: 4 << 20 }, ...job };
  const runs = await openRuns(
    { ...jobs, asking: { ...asking, module: moduleText(modules, questions, beforeJob) } },
    { names },
  );
  const record = await runs.run("asking");
  const answers = record.result as Record<string, unknown[]> | undefined;
  t.equal(record.state, "succeeded", record.error?.message ?? "the job answered");
  for (const [about, bodies] of Object.entries(questions)) {
    t.test(`${about}: as Node answers`, async (t) => {
      for (const [index, body] of bodies.entries()) {
        t.strictSame(answers?.[about]?.[index] ?? null, await answersOfNode(modules, body, beforeNode), body);
      }
    });
  }
  return runs;
}
