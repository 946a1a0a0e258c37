import * as acorn from "acorn";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const { body } = acorn.parse("import x from 'y'; const f = async (a = 1, ...b) => a ?? b;", {
    ecmaVersion: "latest",
    sourceType: "module",
  });
  let wrong = "";
  try {
    acorn.parse("const = 1", { ecmaVersion: 2024 });
  } catch (error) {
    wrong = (error as Error).message;
  }
  return { types: body.map(({ type }) => type), wrong };
});
