import { defineJob } from "mayfly";
import sanitizeHtml from "sanitize-html";

export default defineJob(() =>
  sanitizeHtml(
    '<p onclick="steal()">Hi <script>steal()</script><a href="javascript:steal()">a</a> <a href="https://example.org/" style="color: red; position: fixed">b</a></p>',
    {
      allowedTags: ["p", "a"],
      allowedAttributes: { a: ["href", "style"] },
      allowedStyles: { a: { color: [/^red$/] } },
    },
  ),
);
