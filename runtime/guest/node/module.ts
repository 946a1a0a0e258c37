// What of node:module needs no file: the names of Node's modules. A bundle has its modules in it, so the `require` that
// packages make for themselves refuses when it is called. The rest refuses (refuse.ts).
import constants from "mayfly:constants/module";
import { refusing } from "./refuse.ts";

const builtins = new Set(constants.builtinModules);
const instead = "a bundle has all its modules in it: import each by its own name";

export default {
  builtinModules: [...constants.builtinModules],
  isBuiltin: (name: unknown) => typeof name === "string" && builtins.has(name.replace(/^node:/, "")),
  createRequire: () =>
    Object.assign(refusing("module.createRequire(…)", instead), {
      resolve: refusing("module.createRequire(…).resolve", instead),
      cache: {},
      extensions: {},
      main: undefined,
    }),
};
