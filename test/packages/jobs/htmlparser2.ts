import { Parser } from "htmlparser2";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const links: string[] = [];
  let text = "";
  const parser = new Parser(
    {
      onopentag: (name, { href }) => void (name === "a" && href && links.push(href)),
      ontext: (part) => {
        text += part;
      },
    },
    { decodeEntities: true },
  );
  for (const piece of ["<p>see <a hr", 'ef="/x?a=1&amp;b=2">this</', "a> &copy;</p>"]) parser.write(piece);
  parser.end();
  return { links, text };
});
