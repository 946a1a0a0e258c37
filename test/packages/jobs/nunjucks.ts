import { defineJob } from "mayfly";
import nunjucks from "nunjucks";

export default defineJob(() => {
  const environment = new nunjucks.Environment(null, { autoescape: true });
  environment.addFilter("money", (cents: number) => (cents / 100).toFixed(2));
  const page =
    "{% macro row(item) %}{{ item.name }} {{ item.cents | money }}{% endmacro %}{% for each in items %}{{ row(each) }};{% endfor %}";
  return environment.renderString(page, { items: [{ name: "<tea>", cents: 450 }] });
});
