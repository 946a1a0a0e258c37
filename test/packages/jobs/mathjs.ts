import { derivative, evaluate, format } from "mathjs";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  determinant: evaluate("det([2, 1; 1, 3])"),
  inches: format(evaluate("12.7 cm to inch"), { precision: 6 }),
  complex: format(evaluate("sqrt(-4) + 1")),
  derivative: derivative("x^3 + 2 x", "x").toString(),
}));
