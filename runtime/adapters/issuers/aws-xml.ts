// The XML that AWS's Query API answers in, as much of it as there is: elements, text, and the five entities with their
// numeric kin. Attributes are passed over (`xmlns`). Whatever else XML can be (a DOCTYPE, CDATA, comments) is no answer of
// that API and is refused, so that no entity is ever expanded. RadosGW puts two documents behind each other where one says
// that there was no such thing; so a text is a list of roots.

export interface Element {
  name: string;
  children: Element[];
  /** Of an element without children. */
  text: string;
}

const depthMax = 32;
const elementsMax = 20_000;

/** undefined for what is no such XML. */
export function readXml(source: string): Element[] | undefined {
  const top: Element = { name: "", children: [], text: "" };
  const open: Element[] = [top];
  const token =
    /<\?xml [^<>]*\?>|<(\/?)([A-Za-z][A-Za-z0-9_.:-]*)((?:\s+[A-Za-z][A-Za-z0-9_.:-]*="[^"<]*")*)\s*(\/?)>|[^<]+/y;
  let elements = 0;
  while (token.lastIndex < source.length) {
    const match = token.exec(source);
    const here = open.at(-1);
    if (match === null || here === undefined) return undefined;
    const [whole, closes, name, , isEmpty] = match;
    if (name === undefined) {
      if (whole.startsWith("<")) continue; // the declaration
      const text = unescapeXml(whole);
      if (text === undefined || (here === top && text.trim() !== "")) return undefined;
      here.text += text;
    } else if (closes === "/") {
      if (here.name !== name || open.length < 2) return undefined;
      open.pop();
    } else {
      elements += 1;
      if (open.length > depthMax || elements > elementsMax) return undefined;
      const element: Element = { name, children: [], text: "" };
      here.children.push(element);
      if (isEmpty !== "/") open.push(element);
    }
  }
  return open.length === 1 && top.children.length > 0 ? top.children : undefined;
}

/** The one element at the end of this way from the roots; undefined when there is none, or more than one. */
export function elementAt(roots: readonly Element[], ...way: readonly string[]): Element | undefined {
  let found = roots;
  for (const [index, name] of way.entries()) {
    const named = found.filter((element) => element.name === name);
    if (named.length !== 1) return undefined;
    if (index === way.length - 1) return named[0];
    found = named[0]?.children ?? [];
  }
  return undefined;
}

export function textAt(roots: readonly Element[], ...way: readonly string[]): string | undefined {
  const element = elementAt(roots, ...way);
  return element === undefined || element.children.length > 0 ? undefined : element.text.trim();
}

const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescapeXml(text: string): string | undefined {
  let isWhole = true;
  const plain = text.replace(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]+));|&/g, (_all, decimal, hex, name) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined;
    if (code !== undefined && code <= 0x10ffff) return String.fromCodePoint(code);
    const character = name !== undefined && Object.hasOwn(named, name) ? named[name] : undefined;
    isWhole &&= character !== undefined;
    return character ?? "";
  });
  return isWhole ? plain : undefined;
}
