// Tries attacks one after the other, or some at a time, and stops between them when it is told to.
import type { Clock } from "../../ports/clock.ts";
import type { Attack, Row } from "./attack.ts";
import { judge } from "./judge.ts";
import type { Lab } from "./lab.ts";

export interface AttackRunParts {
  lab: Lab;
  clock: Clock;
  /** How many at a time; more than one only where no attack looks at what another one does. */
  atOnce: number;
  /** Called before each, with its place in the row. */
  onTry?: (attack: Attack, number: number, of: number) => void;
  onRow?: (row: Row) => void;
  signal?: AbortSignal;
}

/** Rows in the order of the attacks. Rejects with the signal's reason once it is aborted. */
export async function runAttacks({ lab, clock, atOnce, onTry, onRow, signal }: AttackRunParts): Promise<Row[]> {
  const { attacks } = lab;
  const rows: Row[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < attacks.length; at = next++) {
      const attack = attacks[at] as Attack;
      onTry?.(attack, at + 1, attacks.length);
      const row = await judge(attack, lab.benchFor(attack), clock);
      signal?.throwIfAborted();
      rows[at] = row;
      onRow?.(row);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return rows;
}
