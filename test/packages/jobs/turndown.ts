import { defineJob } from "mayfly";
import TurndownService from "turndown";

export default defineJob(() =>
  new TurndownService({ headingStyle: "atx", bulletListMarker: "-" }).turndown(
    '<h1>Prices</h1><ul><li>Tea <strong>4.50</strong></li></ul><p><a href="https://example.org/">more</a></p>',
  ),
);
