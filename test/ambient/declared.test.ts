// What tsc knows of a job's globals, beside what is there in real runs: every name, and every member of what has any. A
// declaration that says more than there is sends a job into a TypeError, and one that says less keeps it from what it has.
import { readFileSync } from "node:fs";
import t, { type Test } from "tap";
import { absentNames, grantedNames } from "../../runtime/model/absent-names.ts";
import { declarations } from "../../scripts/ambient/declarations.ts";
import { guestGlobals } from "../escape/walk.ts";
import { openRuns } from "../support/runs.ts";
import { grantedTsconfig, makeTypesProject } from "../support/types-project.ts";

/** Names of what is reached by prototypes, up to the language's own objects; and what a class has itself. */
const look = `
  const namesOf = (start, stop) => {
    const names = new Set();
    for (let at = start; at !== null && at !== stop; at = Object.getPrototypeOf(at))
      for (const key of Reflect.ownKeys(at)) if (typeof key === "string") names.add(key);
    return [...names];
  };
  const own = ["length", "name", "prototype", "arguments", "caller"];
  const lookAt = (holder) => {
    const found = {};
    for (const name of Object.getOwnPropertyNames(holder)) {
      const value = holder[name];
      if (typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null) {
        found[name] = { statics: namesOf(value, Function.prototype).filter((each) => !own.includes(each)),
          members: namesOf(value.prototype, Object.prototype).filter((each) => each !== "constructor") };
      } else if (typeof value === "object" && value !== null && value !== globalThis) found[name] = { members: namesOf(value, Object.prototype).filter((each) => each !== "constructor") };
    }
    return found;
  };
`;

interface Found {
  [name: string]: { statics?: string[]; members: string[] };
}

const granted = { webAssembly: true, sharedMemory: true };
const runs = await openRuns({
  all: {
    body: `${look} return { names: Object.getOwnPropertyNames(globalThis), found: lookAt(globalThis), wasm: lookAt(WebAssembly) };`,
    isolate: granted,
  },
  none: { body: "return Object.getOwnPropertyNames(globalThis);" },
});

interface All {
  names: string[];
  found: Found;
  wasm: Found;
}

const all = (await runs.run("all")).result as All;

const union = (names: readonly string[]) =>
  names.length === 0 ? "never" : names.map((name) => JSON.stringify(name)).join(" | ");

/** A line that tsc takes where what is declared is there, and nothing else; else the differences are in its message. */
function same(declared: string, there: readonly string[]): string {
  const names = union(there);
  const found = `{ of: ${JSON.stringify(declared)}; declared: Exclude<${declared}, ${names}>; there: Exclude<${names}, ${declared}> }`;
  return `{ const differs: { of: string; declared: never; there: never } = null! as ${found}; differs; }`;
}

/** A line that tsc takes where what is declared is there. */
function within(declared: string, there: readonly string[]): string {
  const found = `{ of: ${JSON.stringify(declared)}; declared: Exclude<${declared}, ${union(there)}> }`;
  return `{ const differs: { of: string; declared: never } = null! as ${found}; differs; }`;
}

function checked(t: Test, lines: readonly string[]): void {
  t.ok(lines.length > 0);
  const project = makeTypesProject(t, {
    "jobs/tsconfig.json": grantedTsconfig,
    "jobs/looks.ts": `${lines.join("\n")}\nexport {};\n`,
  });
  t.same(project.check(), []);
}

t.test("a declaration that was written from a table which says something else now", async (t) => {
  for (const [path, text] of declarations()) {
    const found = readFileSync(new URL(`../../runtime/ambient/${path}`, import.meta.url), "utf8");
    t.equal(found, text, `${path}: npm run ambient writes it anew`);
  }
});

t.test("a global that is declared and not there, or there and not declared", async (t) => {
  const absent = [...absentNames.keys()];
  t.same(
    all.names.filter((name) => absentNames.has(name)),
    [],
    "a name that is there is not said to be absent",
  );
  checked(t, [same("keyof typeof globalThis", [...all.names, ...absent])]);
  const without = (await runs.run("none")).result as string[];
  t.same(
    all.names.filter((name) => !without.includes(name)).sort(),
    [...grantedNames.keys()].sort(),
    "by grant come those of the table, and no others",
  );
  t.same(
    guestGlobals.filter((name) => !all.names.includes(name)),
    [],
  );
});

/** Each instance's own, which no prototype has. */
const ofInstances = ["isTrusted", "stack", "cause"];

/** Leftovers of the packages that made them, which no standard has and nobody is to use. */
const strays: Readonly<Record<string, string[]>> = {
  Request: ["attribute"],
  WritableStreamDefaultController: ["abortReason"],
};

t.test("a member of the web's interfaces that is declared and not there, or there and not declared", async (t) => {
  const lines: string[] = [];
  for (const name of guestGlobals) {
    const { statics, members } = all.found[name] ?? { members: [] };
    if (members.length === 0) continue;
    const object = statics === undefined ? `typeof ${name}` : `(typeof ${name})["prototype"]`;
    const known = members.filter((each) => !strays[name]?.includes(each));
    lines.push(same(`Exclude<keyof (${object}) & string, ${union(ofInstances)}>`, known));
    if (statics !== undefined) lines.push(same(`Exclude<keyof typeof ${name}, "prototype">`, statics));
  }
  t.ok(lines.length > 90, `${lines.length} of them`);
  checked(t, lines);
});

/** V8 has them as an instance's own, on Object's and Function's prototypes, or when a job sets them. */
const ofLanguageInstances = [
  ...["next", "return", "throw", "prepareStackTrace"],
  ...[
    "lastIndex",
    "length",
    "errors",
    "error",
    "suppressed",
    "name",
    "prototype",
    "arguments",
    "caller",
    "constructor",
  ],
  ...Object.getOwnPropertyNames(Object.prototype),
  ...Object.getOwnPropertyNames(Function.prototype),
];

t.test("a part of the language that TypeScript's libraries know, and V8 hasn't", async (t) => {
  const lines: string[] = [];
  for (const [name, { statics, members }] of Object.entries(all.found)) {
    if (guestGlobals.includes(name) || name === "WebAssembly") continue;
    const object = statics === undefined ? `typeof ${name}` : `(typeof ${name})["prototype"]`;
    lines.push(within(`Extract<keyof (${object}), string>`, [...members, ...ofInstances, ...ofLanguageInstances]));
    if (statics !== undefined)
      lines.push(within(`Extract<keyof typeof ${name}, string>`, [...statics, ...ofLanguageInstances]));
  }
  t.ok(lines.length > 80, `${lines.length} of them`);
  checked(t, lines);
});

t.test("WebAssembly, where it is granted", async (t) => {
  const lines = [same("keyof typeof WebAssembly", all.found.WebAssembly?.members ?? [])];
  for (const [name, { statics, members }] of Object.entries(all.wasm)) {
    if (statics === undefined) continue;
    const object = `(typeof WebAssembly.${name})["prototype"]`;
    const known = members.filter((each) => !ofInstances.includes(each));
    lines.push(same(`Exclude<keyof ${object} & string, ${union(ofInstances)}>`, known));
    lines.push(same(`Exclude<keyof typeof WebAssembly.${name}, "prototype">`, statics));
  }
  checked(t, lines);
});

t.test("declarations that contradict each other, which tsc doesn't look at where it skips them", async (t) => {
  const types = ["globals", "web-assembly", "shared-memory"];
  const project = makeTypesProject(t, {
    "jobs/tsconfig.json": JSON.stringify({ extends: "mayfly/jobs/tsconfig.json", compilerOptions: { types } }),
    "jobs/a.ts": "export {};\n",
  });
  const twice = [...grantedNames.keys()].filter((name) => name !== "WebAssembly");
  const told = project.check(["--skipLibCheck", "false"]);
  t.same(
    told.filter((line) => !twice.some((name) => line.includes(`'${name}'`))),
    [],
    "but for the words in the place of what was granted",
  );
});

t.test("at the end nothing is left", (t) => runs.end(t));
