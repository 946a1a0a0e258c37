// What tsc says of jobs: nothing of one that uses what it has, and of one that uses what it hasn't, what to do instead. Also
// where a package brings the types of Node along.
import t from "tap";
import { refusedModules, servedModules } from "../../runtime/adapters/system/node-names.ts";
import { type AbsentKind, absenceOf, absentNames } from "../../runtime/model/absent-names.ts";
import { grantedTsconfig, makeTypesProject } from "../support/types-project.ts";
import { everything } from "./everything.ts";

/** A package whose types ask for Node's, and name some that no job has. */
const packageForNode = {
  "node_modules/for-node/package.json": `{ "name": "for-node", "version": "1.0.0", "types": "index.d.ts" }`,
  "node_modules/for-node/index.d.ts": `/// <reference types="node" />
import { Socket } from "net";
import { Readable } from "node:stream";
export function read(): Readable;
export function bytes(): Buffer;
export function socket(): Socket;
export const env: NodeJS.ProcessEnv;
`,
};
const imports =
  'import { bytes, env, read, socket } from "for-node";\nread().resume(); bytes().toString("hex"); env.X; socket();\n';

/** How each kind is used, and what tsc then says; `words` as they stand in the table. */
const uses: Record<AbsentKind, (name: string, words: string) => [code: string, message: string][]> = {
  object: (name, words) => [
    [`${name}.x;`, `error TS2339: Property 'x' does not exist on type '"${words}"'.`],
    [`globalThis.${name}.x;`, `error TS2339: Property 'x' does not exist on type '"${words}"'.`],
  ],
  function: (name, words) => [
    [`${name}("x");`, `error TS2345: Argument of type '"x"' is not assignable to parameter of type '"${words}"'.`],
    [`${name}.x;`, `error TS2339: Property 'x' does not exist on type 'AbsentFunction<"${words}">'.`],
  ],
  class: (name, words) => [
    [`new ${name}("x");`, `error TS2345: Argument of type '"x"' is not assignable to parameter of type '"${words}"'.`],
    [`new ${name}().x;`, `error TS2339: Property 'x' does not exist on type '"${words}"'.`],
    [`${name}.x;`, `error TS2339: Property 'x' does not exist on type 'AbsentClass<"${words}">'.`],
  ],
  text: (name, words) => [
    [
      `isNaN(${name});`,
      `error TS2345: Argument of type 'AbsentText<"${words}">' is not assignable to parameter of type 'number'.`,
    ],
    [`${name} + "/x";`, "error TS2469: The '+' operator cannot be applied to type 'symbol'."],
  ],
};

for (const [where, before] of [
  ["alone", ""],
  ["beside a package with Node's types", imports],
] as const) {
  t.test(`a name that a job hasn't, ${where}: each with our words`, async (t) => {
    const lines: string[] = [];
    const expected: string[] = [];
    for (const [name, { kind }] of absentNames) {
      for (const [code, message] of uses[kind](name, absenceOf(name) ?? "")) {
        lines.push(code);
        expected.push(message);
      }
    }
    for (const name of ["WebAssembly", "SharedArrayBuffer", "Atomics"]) {
      lines.push(`${name}.x;`);
      expected.push(`error TS2339: Property 'x' does not exist on type '"${absenceOf(name)}"'.`);
    }
    const offset = before.split("\n").length - 1;
    const project = makeTypesProject(t, {
      ...packageForNode,
      "jobs/a.ts": `${before}${lines.join("\n")}\nexport {};\n`,
    });
    const told = project.check();
    t.same(
      told.map((line) => line.replace(/^jobs\/a\.ts\((\d+),\d+\): /, (_, at) => `${Number(at) - offset} `)),
      expected.map((message, index) => `${index + 1} ${message}`),
    );
  });
}

t.test("names that code asks about before it uses them", async (t) => {
  const project = makeTypesProject(t, {
    "jobs/a.ts": `export const where = typeof window === "undefined" ? "not in a browser" : "in one";
export const isNode = typeof process !== "undefined";
export const has = "WebAssembly" in globalThis;
`,
  });
  t.same(project.check(), []);
});

t.test("a job that uses all that it has", async (t) => {
  const job = `${imports}${everything}`;
  t.same(makeTypesProject(t, { ...packageForNode, "jobs/a.ts": everything }).check(), []);
  t.same(makeTypesProject(t, { ...packageForNode, "jobs/a.ts": job }).check(), [], "and a package with Node's types");
  t.same(makeTypesProject(t, { "jobs/tsconfig.json": grantedTsconfig, "jobs/a.ts": everything }).check(), []);
});

t.test("what the config grants is there with a declaration more", async (t) => {
  const job = `
const { instance } = await WebAssembly.instantiate(new Uint8Array(8), { env: { memory: new WebAssembly.Memory({ initial: 1 }) } });
const module: WebAssembly.Module = await WebAssembly.compileStreaming(fetch("https://a.example/x.wasm"));
const shared = new Int32Array(new SharedArrayBuffer(8));
export const all = [instance.exports.x, WebAssembly.Module.exports(module), Atomics.add(shared, 0, 1)];
`;
  t.same(makeTypesProject(t, { "jobs/tsconfig.json": grantedTsconfig, "jobs/a.ts": job }).check(), []);
});

t.test("Node's modules: those of the layer have their types, the others words", async (t) => {
  const known = Object.keys(servedModules).filter((name) => name !== "sys");
  const lines = known.map((name, index) => `import * as served${index} from "node:${name}"; served${index};`);
  t.same(makeTypesProject(t, { "jobs/a.ts": `${lines.join("\n")}\n` }).check(), [], "each is found");

  const refused = refusedModules.map((name, index) => `import refused${index} from "node:${name}"; refused${index}.x;`);
  const told = makeTypesProject(t, { "jobs/a.ts": `${refused.join("\n")}\n` }).check();
  t.equal(told.length, refusedModules.length);
  for (const [index, name] of refusedModules.entries())
    t.match(told[index], `Property 'x' does not exist on type '"node:${name} is not for jobs: `);

  const named = makeTypesProject(t, {
    "jobs/a.ts": `import { connect } from "net";\nimport test from "test";\nconnect(test);\n`,
  });
  t.match(named.check(), [/Module '"net"' has no exported member 'connect'/, /Cannot find module 'test'/]);
});

t.test(
  "what is none of it: a member that browsers have, a runtime's option, an argument of the wrong kind",
  async (t) => {
    const wrong: [code: string, message: RegExp][] = [
      ["navigator.onLine;", /'onLine' does not exist on type 'Navigator'/],
      ["performance.mark('x');", /'mark' does not exist on type 'Performance'/],
      ["fetch('https://a.example/', { dispatcher: 1 });", /'dispatcher' does not exist in type 'RequestInit'/],
      ["new CompressionStream('zip');", /'"zip"' is not assignable to parameter of type 'CompressionFormat'/],
      ["setTimeout('code', 1);", /'string' is not assignable to parameter of type '\(\) => void'/],
      ["const id: object = setTimeout(() => {}, 1); id;", /'number' is not assignable to type 'object'/],
      ["crypto.getRandomValues(new Float32Array(1));", /not assignable to parameter of type 'IntegerArray'/],
      ["import { defineConfig } from 'mayfly'; defineConfig;", /has no exported member 'defineConfig'/],
      ["import { testRun } from 'mayfly/testkit'; testRun;", /Cannot find module 'mayfly\/testkit'/],
    ];
    const code = wrong.map(([line]) => line).join("\n");
    const told = makeTypesProject(t, { "jobs/a.ts": `${code}\n` }).check();
    t.equal(told.length, wrong.length, told.join("\n"));
    for (const [index, [, message]] of wrong.entries()) t.match(told[index], message);
  },
);

t.test(
  "a result that JSON can't carry, an input that is not what the job says, a context that has no more",
  async (t) => {
    const result = (kind: string) =>
      new RegExp(`is not assignable to type '"a job's result is JSON, which can't carry ${kind}"'`);
    const wrong: [body: string, message: RegExp][] = [
      ["async () => ({ a: [new Map()] })", result("a Map")],
      ["async () => new Set([1])", result("a Set")],
      ["async () => ({ f: () => 1 })", result("a function")],
      ["() => 1n", result("a bigint")],
      ["({ files }) => files.read('/x')", result("bytes")],
      ["async ({ files }) => ({ stat: files.stat('/x') })", result("a promise within it")],
      ["({ fetch }) => fetch('https://a.example/')", result("a function")],
      ["async ({ env }) => env", /Property 'env' does not exist on type 'JobContext<Json>'/],
      ["async ({ run }) => run.tenant", /Property 'tenant' does not exist/],
    ];
    const lines = wrong.map(([body], index) => `export const job${index} = defineJob(${body});`);
    const told = makeTypesProject(t, {
      "jobs/a.ts": `import { defineJob } from "mayfly";\n${lines.join("\n")}\n`,
    }).check();
    t.equal(told.length, wrong.length, told.join("\n"));
    for (const [index, [body, message]] of wrong.entries()) t.match(told[index], message, body);
  },
);

t.test("results that JSON can carry, by types that say so in many ways", async (t) => {
  const job = `import { defineJob, type Json } from "mayfly";
interface Order { id: string; at?: Date; items: Order[]; total: number | undefined }
declare const order: Order, anything: any, unknown: unknown, json: Json;
export const jobs = [
  defineJob(async ({ input, run }) => ({ order, input, anything, unknown, json, id: run.id })),
  defineJob(async ({ files }) => ({ list: await files.list("/"), stat: await files.stat("/"), part: order as Partial<Order> | null })),
  defineJob<{ since: string }>(async ({ input }) => input.since),
  defineJob<{ since: string }, { n: number }>(async ({ input }) => ({ n: input.since.length })),
  defineJob(async ({ credential }) => (await credential.query("select 1")).rows),
  defineJob(({ log }) => log.info("nothing")),
  defineJob(async () => { throw new Error("never"); }),
  defineJob(async ({ fetch }) => (await fetch("https://a.example/")).json()),
  defineJob(async (): Promise<Record<string, unknown>> => ({ a: 1 })),
  defineJob(async ({ input }) => { if (input === null) return; return [1, ["x", null]] as const; }),
];
`;
  t.same(makeTypesProject(t, { "jobs/a.ts": job }).check(), []);
});

t.test("a tsconfig.json of one's own, with the globals alone", async (t) => {
  const own = {
    compilerOptions: {
      target: "es2024",
      lib: ["es2024"],
      types: ["mayfly/globals"],
      module: "preserve",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    },
  };
  const project = makeTypesProject(t, {
    "jobs/tsconfig.json": JSON.stringify(own),
    "jobs/a.ts": "export const x = [new URL('https://a.example/'), process.env];\n",
  });
  t.match(project.check(), [/Property 'env' does not exist on type '"a job has no process: /]);
});
