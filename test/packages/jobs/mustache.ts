import { defineJob } from "mayfly";
import Mustache from "mustache";

export default defineJob(() =>
  Mustache.render(
    "{{#lines}}{{name}} {{{raw}}}; {{/lines}}{{^none}}{{> foot}}{{/none}}",
    { lines: [{ name: "<tea>", raw: "<b>" }] },
    { foot: "end" },
  ),
);
