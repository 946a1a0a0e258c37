// What of a credential tells anything. The head of every JWT of an issuer looks alike, a key begins as all keys of its
// kind do, and a run of zeros is no secret: a window of a text counts only where it holds enough that nothing else would.
// Else any token in a log would end a lease, and any page of zeros be blanked. Pure.

/** Units of a text that give it away when they stand together: of random letters and digits, some 70 bits. */
export const windowUnits = 12;
/** Shorter texts are not looked for: they stand in any log by chance, and each find would end a lease. */
export const textUnitsMin = 8;
/** Of a window's units, so many must be the credential's own, and so many different from each other. */
const ownUnitsMin = 8;
const differentUnitsMin = 5;
/** Of a longer text its beginning and its end are looked for, half of this each: it bounds the memory of a run. */
export const tellingUnitsMax = 2_048;

/** A text as UTF-8 bytes or as UTF-16 units. */
export interface Units {
  values: readonly number[];
  /** 1 where a window that begins with this unit gives the text away. */
  telling: Uint8Array;
}

/** Three ways to take a text apart; undefined when nothing in it could be told from other text. */
export interface TextUnits {
  bytes: Units;
  /** The bytes, from their end. */
  backwards: Units;
  wide: Units;
}

/** @param known texts that are in everybody's hands, wherever they stand in it. */
export function unitsOf(text: string, known: readonly string[]): TextUnits | undefined {
  if (text.length < textUnitsMin) return undefined;
  const own = ownUnits(text, known);
  const ownBytes = byByte(text, own);
  const values = [...Buffer.from(text)];
  const bytes = toUnits(values, ownBytes);
  if (!bytes.telling.includes(1)) return undefined;
  const wide = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return { bytes, backwards: toUnits(values.toReversed(), ownBytes.toReversed()), wide: toUnits(wide, own) };
}

function toUnits(values: readonly number[], own: readonly boolean[]): Units {
  const width = Math.min(windowUnits, values.length);
  const last = values.length - width;
  const telling = new Uint8Array(values.length);
  let owned = 0;
  for (let end = 1; end <= values.length; end += 1) {
    owned += own[end - 1] === true ? 1 : 0;
    const start = end - width;
    if (start < 0) continue;
    const isBetween = start >= tellingUnitsMax / 2 && start < last - tellingUnitsMax / 2;
    if (!isBetween && owned >= ownUnitsMin && areDifferent(values, start, end)) telling[start] = 1;
    owned -= own[start] === true ? 1 : 0;
  }
  return { values, telling };
}

function areDifferent(values: readonly number[], from: number, to: number): boolean {
  let count = 0;
  for (let index = from; index < to && count < differentUnitsMin; index += 1)
    if (values.indexOf(values[index] as number, from) === index) count += 1;
  return count === differentUnitsMin;
}

/** By UTF-16 unit: false for what many texts of its kind have in common, and for what is known. */
export function ownUnits(text: string, known: readonly string[]): boolean[] {
  const own = new Array<boolean>(text.length).fill(true);
  const give = (from: number, length: number) => void own.fill(false, from, from + length);
  // A JWT without its signature is a statement that nobody has to believe (RFC 7515). Claims are not secret, and the head
  // is that of every token of its issuer.
  give(0, /^eyJ[\w-]+\.[\w-]*\.(?=[\w-]{16,}$)/.exec(text)?.[0].length ?? 0);
  for (const { index, 0: found } of [...text.matchAll(armour), ...text.matchAll(heads)]) give(index, found.length);
  for (const each of known) {
    if (each === "") continue;
    for (let at = text.indexOf(each); at >= 0; at = text.indexOf(each, at + 1)) give(at, each.length);
  }
  return own;
}

/** RFC 7468. */
const armour = /-----(?:BEGIN|END) [A-Z0-9 ]+-----/g;
/**
 * Where a private key begins in Base64: version, algorithm and lengths, the same in all keys of a kind (RFC 5958, RFC 8017).
 * And how session tokens of AWS begin.
 */
const heads =
  /(?<![A-Za-z0-9+/])(?:IQoJb3JpZ2luX2Vj|FwoGZXIvYXdzE|MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg|MHcCAQEEI|MC4CAQAwBQYDK2VwBCIEI|MII[A-Za-z0-9+/]{47}|b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{64})/g;

/** `own` by UTF-8 byte in place of by UTF-16 unit. */
function byByte(text: string, own: readonly boolean[]): boolean[] {
  let index = 0;
  return [...text].flatMap((character) => {
    const each = new Array<boolean>(Buffer.byteLength(character)).fill(own[index] ?? true);
    index += character.length;
    return each;
  });
}
