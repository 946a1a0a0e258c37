// Stands in for the package of that name when the guest is built: its table of 246 KB stays outside, and names that
// are not plain ASCII are asked of the executor, whose Node has the same table.
import { tell } from "./mailbox.ts";

const plain = /^[a-z0-9._-]*$/;

/** The ASCII form of a domain, or null when it has none (UTS #46). */
export function toASCII(domain: string): string | null {
  const lower = domain.toLowerCase();
  if (plain.test(lower) && !lower.includes("xn--")) return lower;
  return tell("domainToASCII", domain) || null;
}
