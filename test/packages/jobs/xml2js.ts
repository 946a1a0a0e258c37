import { defineJob } from "mayfly";
import { Builder, parseStringPromise } from "xml2js";

export default defineJob(async () => {
  const read = await parseStringPromise('<order id="7"><line sku="tea">2</line><line sku="jam">1</line></order>');
  const text = new Builder({ headless: true, renderOpts: { pretty: false } }).buildObject({
    a: { $: { b: "c" }, d: ["1", "<"] },
  });
  return { read, text };
});
