// What stands in a recording where a credential stood: a text of the same length and kind. Letters become other letters,
// digits other digits; what tells nothing (a JWT's head and claims, a key's armour, the run's own id) and what is neither
// letter nor digit stays, so that a job which takes the text apart finds the same parts in it.
import type { Random } from "../../ports/random.ts";
import { ownUnits } from "../leases/leak-units.ts";

/** One text for another, each unit drawn anew: nothing of the text is in it but its form. */
export function disguise(
  text: string,
  known: readonly string[],
  random: Random,
  /** Texts that have a placeholder already: within this one they have the same. */
  before: ReadonlyMap<string, string> = new Map(),
): string {
  const own = ownUnits(text, known);
  const drawn = random.bytes(text.length * 2);
  const hexOnly = !/[g-z]/i.test([...text].filter((_, index) => own[index]).join(""));
  const units = Array.from({ length: text.length }, (_, index) => {
    const unit = text[index] as string;
    const chance = ((drawn[index * 2] as number) << 8) | (drawn[index * 2 + 1] as number);
    return own[index] ? another(unit, chance, hexOnly) : unit;
  });
  for (const [part, placeholder] of before) {
    if (part === "" || part === text) continue;
    for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length))
      units.splice(at, part.length, ...Array.from({ length: part.length }, (_, index) => placeholder[index] ?? ""));
  }
  return units.join("");
}

const digits = "0123456789";
const letters = "abcdefghijklmnopqrstuvwxyz";
const hexLetters = "abcdef";

function another(unit: string, chance: number, hexOnly: boolean): string {
  if (digits.includes(unit)) return pick(digits, chance);
  const kind = hexOnly ? hexLetters : letters;
  if (letters.includes(unit)) return pick(kind, chance);
  return letters.includes(unit.toLowerCase()) && /[A-Z]/.test(unit) ? pick(kind, chance).toUpperCase() : unit;
}

function pick(from: string, chance: number): string {
  return from[chance % from.length] as string;
}
