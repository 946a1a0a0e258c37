import ejs from "ejs";
import { defineJob } from "mayfly";

export default defineJob(() =>
  ejs.render("<% for (const { name } of lines) { %><li><%= name %></li><% } %><%- raw %>", {
    lines: [{ name: "Tea & Jam" }],
    raw: "<hr>",
  }),
);
