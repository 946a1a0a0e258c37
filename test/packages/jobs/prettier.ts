import { defineJob } from "mayfly";
import babel from "prettier/plugins/babel";
import estree from "prettier/plugins/estree";
import { format } from "prettier/standalone";

export default defineJob(() =>
  format("const a={b:1,\nc:[1,2,3]};foo( a )", { parser: "babel", plugins: [babel, estree], singleQuote: true }),
);
