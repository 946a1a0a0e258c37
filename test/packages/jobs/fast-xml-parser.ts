import { XMLParser, XMLValidator } from "fast-xml-parser";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const xml =
    '<?xml version="1.0"?><order id="7"><line sku="tea">2</line><line sku="jam">1</line><note><![CDATA[<now>]]></note></order>';
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "@" });
  const invalid = XMLValidator.validate("<a><b></a>");
  return { order: parser.parse(xml).order, invalid: invalid === true ? "" : invalid.err.code };
});
