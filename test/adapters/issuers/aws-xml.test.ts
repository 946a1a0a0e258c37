// The reader of AWS's answers: strict, so that nothing is read out of what is no answer.

import fc from "fast-check";
import t from "tap";
import { elementAt, readXml, textAt } from "../../../runtime/adapters/issuers/aws-xml.ts";

t.test("elements, entities, attributes, the declaration, and RadosGW's two documents", async (t) => {
  const one =
    readXml(`<?xml version="1.0" encoding="UTF-8"?><A xmlns="https://a/"><B>1 &lt; 2 &amp;&#38;&#x26;</B><C/></A>\n`) ??
    [];
  t.equal(textAt(one, "A", "B"), "1 < 2 &&&");
  t.equal(textAt(one, "A", "C"), "");
  t.equal(textAt(one, "A"), undefined, "an element with children has no text");
  t.equal(textAt(one, "A", "D"), undefined);
  const two =
    readXml(`<DeleteResponse></DeleteResponse><?xml version="1.0"?><Error><Code>NoSuchEntity</Code></Error>`) ?? [];
  t.equal(textAt(two, "Error", "Code"), "NoSuchEntity");
  const twice = readXml("<A><B>1</B><B>2</B></A>") ?? [];
  t.equal(elementAt(twice, "A", "B"), undefined, "one of two is a guess");
});

t.test("what is no such XML is nothing", async (t) => {
  const cases = [
    "",
    " ",
    "text",
    "<A>",
    "</A>",
    "<A></B>",
    "<A></A",
    "<A></A>text",
    "<A><B></A></B>",
    "<A>&unknown;</A>",
    "<A>&</A>",
    "<A>&#x110000;</A>",
    "<!DOCTYPE A><A/>",
    '<!DOCTYPE A [<!ENTITY b "c">]><A>&b;</A>',
    "<A><![CDATA[x]]></A>",
    "<A><!-- x --></A>",
    "<A b=c/>",
    "<a:>",
    "<A>&constructor;</A>",
    "<html><br></html>",
    `${"<A>".repeat(33)}${"</A>".repeat(33)}`,
    "<A/>".repeat(20_001),
  ];
  for (const text of cases) t.equal(readXml(text), undefined, text.slice(0, 60));
  t.ok(readXml(`${"<A>".repeat(32)}${"</A>".repeat(32)}`), "the deepest that is read");
  t.ok(readXml("<A/>".repeat(20_000)), "the most that are read");
});

t.test("no text makes it throw, or take long", async (t) => {
  const pieces = fc.constantFrom("<A>", "</A>", "<A/>", "&amp;", "&", "<", ">", "x", "<!", "<?xml ?>", '<A b="', " ");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      readXml(parts.join(""));
    }),
    { numRuns: 2_000 },
  );
  for (const flood of ["<", "&", "<A ", '<A b="c" ', "<A>", "&#"]) {
    const before = performance.now();
    t.equal(readXml(flood.repeat(50_000)), undefined);
    t.ok(performance.now() - before < 2_000, `${flood} times 50,000`);
  }
});
