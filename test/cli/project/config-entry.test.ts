// Where a job's entry goes in a config's text, and where it is better not put in at all.
import t from "tap";
import { withJob } from "../../../runtime/cli/project/config-entry.ts";

const value = "{ v: 1 }";
const code = (text: string, name = "second") => withJob(text, "code", name, value);

const places: [what: string, before: string, after: string][] = [
  [
    "after the last of several lines",
    "export default defineConfig({\n  jobs: {\n    a: { x: [1, 2] }, // one\n  },\n});\n",
    "export default defineConfig({\n  jobs: {\n    a: { x: [1, 2] }, // one\n    second: { v: 1 },\n  },\n});\n",
  ],
  [
    "where the last one has no comma",
    "export default {\n\tjobs: {\n\t\ta: 1 // one\n\t\t// two\n\t}\n};\n",
    "export default {\n\tjobs: {\n\t\ta: 1, // one\n\t\t// two\n\t\tsecond: { v: 1 },\n\t}\n};\n",
  ],
  ["on one line", "export default { jobs: { a: 1 } };", "export default { jobs: { a: 1, second: { v: 1 } } };"],
  [
    "on one line with a comma",
    "export default { jobs: { a: 1, } };",
    "export default { jobs: { a: 1, second: { v: 1 } } };",
  ],
  ["into an empty object", "export default { jobs: {} };", "export default { jobs: { second: { v: 1 } } };"],
  [
    "into an empty object of two lines",
    "export default {\r\n  jobs: {\r\n  },\r\n};",
    "export default {\r\n  jobs: {\r\n    second: { v: 1 },\r\n  },\r\n};",
  ],
  [
    "of a constant, with a type",
    'const config: SandboxConfig = { issuers: { jobs: {} }, "jobs": { a: 1 } };\nexport default config satisfies SandboxConfig;',
    'const config: SandboxConfig = { issuers: { jobs: {} }, "jobs": { a: 1, second: { v: 1 } } };\nexport default config satisfies SandboxConfig;',
  ],
  [
    "past strings, comments, templates and patterns that look like more",
    '// export default { jobs: {} }\nconst s = \'export default { jobs: {\' + `}{` + /[/{"]/.source;\nexport default { jobs: { a: "}" } };',
    '// export default { jobs: {} }\nconst s = \'export default { jobs: {\' + `}{` + /[/{"]/.source;\nexport default { jobs: { a: "}", second: { v: 1 } } };',
  ],
];

for (const [what, before, after] of places) {
  t.test(`the entry goes ${what}`, async (t) => t.equal(code(before), after));
}

t.test("a name that is no identifier is quoted, and in JSON every name is", async (t) => {
  t.equal(code("export default { jobs: {} };", "order-sync"), 'export default { jobs: { "order-sync": { v: 1 } } };');
  t.equal(
    withJob('{\n  "jobs": {\n    "a": 1\n  }\n}\n', "json", "second", '{ "v": 1 }'),
    '{\n  "jobs": {\n    "a": 1,\n    "second": { "v": 1 }\n  }\n}\n',
  );
});

for (const text of [
  "",
  "export default makeConfig({ jobs: {} });",
  "export default { jobs };",
  "export default { jobs: make() };",
  "export default { [jobs]: {} };",
  "export default { nested: { jobs: {} } };",
  "export default config;",
  "export default defineConfig({ jobs: { a: 1",
  "module.exports = { jobs: {} };",
]) {
  t.test(`no place in ${JSON.stringify(text)}`, async (t) => t.equal(code(text), undefined));
}
