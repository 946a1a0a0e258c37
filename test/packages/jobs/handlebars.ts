import Handlebars from "handlebars";
import { defineJob } from "mayfly";

export default defineJob(() => {
  Handlebars.registerHelper("money", (cents: number) => (cents / 100).toFixed(2));
  const page = Handlebars.compile("{{#each lines}}{{@index}}: {{name}} {{money cents}}\n{{else}}none{{/each}}");
  return [page({ lines: [{ name: "Tea <green>", cents: 450 }] }), page({ lines: [] })];
});
