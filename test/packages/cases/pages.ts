// Text that becomes markup, and markup that becomes text.
import type { Case } from "../case.ts";

export const pages: readonly Case[] = [
  {
    package: "cheerio",
    does: "selects, reads and changes elements",
    yields: { price: 4.5, items: ["Tea 4.50", "Jam"], html: '<li class="new" data-id="2">Jam</li>', text: "x & y" },
  },
  {
    package: "ejs",
    does: "renders a loop, with what is escaped and what isn't",
    yields: "<li>Tea &amp; Jam</li><hr>",
  },
  {
    package: "handlebars",
    does: "compiles a template with a helper and an else",
    yields: ["0: Tea &lt;green&gt; 4.50\n", "none"],
  },
  {
    package: "htmlparser2",
    does: "parses HTML that comes in pieces",
    yields: { links: ["/x?a=1&b=2"], text: "see this ©" },
  },
  {
    package: "liquidjs",
    does: "renders filters in a loop",
    yields: "TEA: 8, JAM: 6",
  },
  {
    package: "marked",
    does: "renders a table, and links by a renderer of the job's",
    yields:
      '<h1>Prices</h1>\n<table>\n<thead>\n<tr>\n<th>item</th>\n<th align="right">price</th>\n</tr>\n</thead>\n<tbody><tr>\n<td>tea</td>\n<td align="right">4.50</td>\n</tr>\n</tbody></table>\n<p><a rel="nofollow" href="https://example.org/">more</a></p>\n',
  },
  {
    package: "mustache",
    does: "renders sections and a partial",
    yields: "&lt;tea&gt; <b>; end",
  },
  {
    package: "nunjucks",
    does: "renders a macro and a filter, escaped",
    yields: "&lt;tea&gt; 4.50;",
  },
  {
    package: "sanitize-html",
    does: "takes scripts, handlers and styles out of HTML",
    yields: '<p>Hi <a>a</a> <a href="https://example.org/" style="color:red">b</a></p>',
  },
  {
    package: "turndown",
    does: "turns HTML into Markdown",
    yields: "# Prices\n\n-   Tea **4.50**\n\n[more](https://example.org/)",
  },
  {
    package: "unified",
    does: "takes Markdown to HTML with remark and rehype",
    yields: "<h1>Prices</h1>\n<ul>\n<li>tea, <strong>4.50</strong></li>\n<li>jam </li>\n</ul>",
  },
];
