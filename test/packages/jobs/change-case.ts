import * as changeCase from "change-case";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  camel: changeCase.camelCase("order-line ID"),
  constant: changeCase.constantCase("orderLineId"),
  sentence: changeCase.sentenceCase("orderLineId"),
}));
