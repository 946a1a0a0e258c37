// RES-25: sources that are too much for whoever reads them: the bundler's parser, the isolate's, the supervisor's own. Each is
// refused or ends its own run; the supervisor, its bundler and the next job go on.
import t from "tap";
import { openRuns } from "../support/runs.ts";
import { attack, holding } from "./attack.ts";

const job = (line: string) =>
  `import { defineJob } from "mayfly";\n${line}\nexport default defineJob(async () => "ran");\n`;
const nested = (open: string, close: string, levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;
const MiB = 1_048_576;
const limits = { wallMs: 20_000, cpuMs: 20_000, memoryBytes: 64 * MiB };

/** As bundled modules. */
const modules: Record<string, string> = {
  "a million parentheses, one in the other": `const x = ${nested("(", ")", 1e6)}; console.log(x);`,
  "two hundred thousand arrays, one in the other": `const x = ${nested("[", "]", 2e5)}; console.log(x);`,
  "a source of twenty million characters": `const x = "${"x".repeat(20e6)}"; console.log(x.length);`,
};

/** As scripts that the isolate compiles. */
const scripts: Record<string, string> = {
  "a hundred thousand arrays, one in the other": `return ${nested("[", "]", 1e5)};`,
  "a hundred thousand functions, one in the other": `return ${nested("() => (", ")", 1e5)};`,
  "a million operators in a row": `return ${"-~".repeat(5e5)}1;`,
  "a regular expression of ten million characters": `return /${"(a|b)".repeat(2e6)}/.test("ab");`,
  "a regular expression that nests": `return /${nested("(", ")", 1e5)}/.test("1");`,
  "a regular expression that is made while it runs": 'return new RegExp("(a|b)".repeat(2e6)).test("ab");',
  "a text that is evaluated": 'return (0, eval)("[".repeat(1e6) + "]".repeat(1e6));',
  "a program of four hundred thousand variables": `let ${Array.from({ length: 4e5 }, (_, i) => `v${i}=${i}`).join()}; return v1;`,
};

const slug = (name: string) => name.replaceAll(/[^a-z]+/gi, "-");
const runs = await openRuns({
  ...Object.fromEntries(Object.entries(modules).map(([name, line]) => [slug(name), { module: job(line), limits }])),
  ...Object.fromEntries(Object.entries(scripts).map(([name, body]) => [slug(name), { body, limits }])),
  benign: { module: job('console.log("here");') },
  "another-benign": { module: job(`console.log(${nested("[", "]", 100)});`) },
  "ten-million": {
    body: holding(`const r = new RegExp("(a+)+".repeat(100) + "$"); for (;;) r.test("a".repeat(60) + "b");`),
    limits: { ...limits, wallMs: 600 },
    credential: true,
  },
});

const outcome = (name: string) =>
  runs.run(slug(name)).then(
    (record) => record.error?.code ?? record.state,
    (thrown: { code: string }) => thrown.code,
  );

for (const name of Object.keys(modules)) {
  t.test(`[RES-25] ${name}: refused, and the bundler goes on for others`, async (t) => {
    const beside = runs.run("benign");
    t.match(await outcome(name), /^(bundle_failed|job_threw)$/);
    t.match(await beside, { state: "succeeded", result: "ran" }, "a job that is bundled at the same time");
    t.match(await runs.run("another-benign"), { state: "succeeded" }, "and one that comes after it");
  });
}

for (const name of Object.keys(scripts)) {
  t.test(`[RES-25] ${name}, for the isolate's parser: the run's own end, and no crash`, async (t) => {
    const neighbour = await runs.neighbour();
    t.match(await outcome(name), /^(job_threw|memory|timeout|cpu|succeeded|job_shape)$/);
    t.match(await neighbour.done(), { state: "succeeded", result: { own: neighbour.own } });
  });
}

t.test("[RES-25] [RES-03] a large expression that also backtracks", (t) =>
  attack(t, runs, "ten-million", ["timeout", "memory"]).then(() => undefined),
);

t.test("what all of them left behind", (t) => runs.end(t));
