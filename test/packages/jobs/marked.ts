import { Marked } from "marked";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const marked = new Marked({ gfm: true });
  marked.use({ renderer: { link: ({ href, text }) => `<a rel="nofollow" href="${href}">${text}</a>` } });
  return marked.parse("# Prices\n\n| item | price |\n|---|--:|\n| tea | 4.50 |\n\n[more](https://example.org/)\n");
});
