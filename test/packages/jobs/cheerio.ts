import * as cheerio from "cheerio";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const $ = cheerio.load('<ul id="l"><li class="a">Tea <b>4.50</b></li><li>Jam</li></ul><p>x &amp; y</p>');
  $("li:not(.a)").addClass("new").attr("data-id", "2");
  return {
    price: Number($("li.a > b").text()),
    items: $("#l li")
      .map((_, each) => $(each).text())
      .get(),
    html: $.html("li.new"),
    text: $("p").text(),
  };
});
