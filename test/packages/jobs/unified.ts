import { defineJob } from "mayfly";
import rehypeStringify from "rehype-stringify";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

export default defineJob(async () => {
  const file = await unified()
    .use(remarkParse)
    .use(remarkRehype)
    .use(rehypeStringify)
    .process("# Prices\n\n* tea, **4.50**\n* jam <script>\n");
  return String(file);
});
