// Every attack that we have, in the order in which they are tried.
import type { Attack, Place } from "../attack.ts";
import { credentialAttacks } from "./credential.ts";
import { egressAttacks } from "./egress.ts";
import { endingAttacks } from "./endings.ts";
import { fileAttacks } from "./files.ts";
import { isolationAttacks } from "./isolation.ts";
import { limitAttacks } from "./limits.ts";
import { wallAttacks } from "./walls.ts";

export function allAttacks(place: Place): Attack[] {
  return [
    ...isolationAttacks(),
    ...limitAttacks(place),
    ...fileAttacks(place),
    ...egressAttacks(place),
    ...wallAttacks(),
    ...credentialAttacks(place),
    ...endingAttacks(),
  ];
}

/** What `start` tries before it serves. */
export function quickAttacks(place: Place): Attack[] {
  return allAttacks(place).filter(({ quick }) => quick === true);
}

/** What `mayfly doctor` tries of itself: the limits, and one attack on each thing that must be granted. */
export function lookAttacks(place: Place): Attack[] {
  const denials = ["a file outside", "a request without a grant", "a fetch without a grant"];
  return allAttacks(place).filter(({ group, name }) => group === "limit" || denials.includes(name));
}
