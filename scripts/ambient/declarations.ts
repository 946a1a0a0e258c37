// The declarations that are written from tables: what a job hasn't of global names (model/absent-names.ts), and of Node's
// modules (adapters/system/node-names.ts). Each is a type that holds the words, so that tsc's own message has them: of a name
// whose members are used, the words are its type; what is called or constructed takes no argument but the words.
import { insteadOf, readNodeName, refusedModules } from "../../runtime/adapters/system/node-names.ts";
import { type AbsentKind, absenceOf, absentNames, grantedNames } from "../../runtime/model/absent-names.ts";

/** By path from runtime/ambient. */
export function declarations(): Map<string, string> {
  return new Map([
    ["absent.d.ts", absent()],
    ["node/refused.d.ts", refused()],
  ]);
}

const typeOf: Record<AbsentKind, (words: string) => string> = {
  object: (words) => words,
  function: (words) => `AbsentFunction<${words}>`,
  class: (words) => `AbsentClass<${words}>`,
  text: (words) => `AbsentText<${words}>`,
};

function absent(): string {
  const names = [...absentNames].map(([name, { kind }]) => `declare var ${name}: ${typeOf[kind](wordsFor(name))};`);
  const granted = [...grantedNames].map(([name, key]) =>
    name === "WebAssembly"
      ? `declare var ${name}: MayflyGrants extends { ${key}: infer Granted } ? Granted : ${wordsFor(name)};`
      : `declare var ${name}: ${wordsFor(name)};`,
  );
  return `// Written by \`npm run ambient\` from model/absent-names.ts: global names that a job hasn't. tsc's message about what is
// done with one says what to do instead. What the config can turn on is declared by web-assembly.d.ts and shared-memory.d.ts.

interface AbsentFunction<Words extends string> {
  (absent: Words, ...more: any[]): Words;
}

interface AbsentClass<Words extends string> {
  new (absent?: Words, ...more: any[]): Words;
}

/** A symbol, which no text can be made with. */
type AbsentText<Words extends string> = symbol & { readonly absent: Words };

/** What the declarations beside this one add to. */
interface MayflyGrants {}

${[...names, ...granted].join("\n")}
`;
}

/** Types of such a module without which those of another are wrong. */
const typesOf: Readonly<Record<string, string>> = {
  dns: "  namespace refused {\n    interface LookupOptions {\n      hints?: number;\n    }\n  }\n",
};

function refused(): string {
  const modules = refusedModules.map((name) => {
    const words = JSON.stringify(`node:${name} is not for jobs: ${insteadOf(name)}`);
    const types = typesOf[name] ?? "";
    const own = `declare module "node:${name}" {\n  const refused: ${words};\n${types}  export = refused;\n}\n`;
    if (readNodeName(name) === undefined) return own; // without the scheme it is a package's
    return `${own}declare module "${name}" {\n  import refused = require("node:${name}");\n  export = refused;\n}\n`;
  });
  return `// Written by \`npm run ambient\` from adapters/system/node-names.ts: modules of Node that no job can have. A job that imports
// one is not bundled; what a package's types name of one is unknown here.

${modules.join("\n")}`;
}

function wordsFor(name: string): string {
  return JSON.stringify(absenceOf(name));
}
