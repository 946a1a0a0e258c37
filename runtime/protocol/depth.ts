// How deep a JSON text nests, told from its bytes before anything parses it: one pass, no memory. A text that isn't JSON gets
// some answer too; the parser says the rest.

const quote = 0x22;
const backslash = 0x5c;
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

/** True when objects and arrays in this text stand more than `levelsMax` in one another. */
export function nestsDeeper(json: Uint8Array, levelsMax: number): boolean {
  let levels = 0;
  let inString = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] as number;
    if (inString) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (opening.has(byte)) {
      levels += 1;
      if (levels > levelsMax) return true;
    } else if (closing.has(byte)) levels -= 1;
  }
  return false;
}
