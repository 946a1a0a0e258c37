// How verdicts are printed: a line each, the short form of `mayfly doctor`, the long one of `--attack`.
import colors from "picocolors";
import type { Row, Verdict } from "./attack.ts";

const paint: Record<Verdict, (text: string) => string> = {
  held: colors.green,
  BROKEN: colors.red,
  "not armed": colors.yellow,
};

/** `held      limit       wall               tried an endless loop; expected …; saw …  312 ms` */
export function attackLine({ group, name, tries, expects, saw, verdict, hint, durationMs }: Row): string {
  const verdictText = paint[verdict](verdict.padEnd(9));
  const armed = hint === undefined ? "" : `; to arm: ${hint}`;
  return `${verdictText} ${group.padEnd(10)} ${name.padEnd(30)} tried ${tries}; expected ${expects}; saw ${saw}${armed} (${durationMs} ms)`;
}

/** What `mayfly doctor` says of a defence: relied upon by programs. */
export interface LookRow {
  kind: "version" | "layer" | "limit";
  name: string;
  armed: boolean;
  /** How it was tried and what was seen. */
  how: string;
  hint?: string;
}

export function lookRow({ group, name, tries, saw, verdict, hint }: Row): LookRow {
  const kind = group === "version" || group === "layer" ? group : "limit";
  return {
    kind,
    name: kind === group ? name : `${group}: ${name}`,
    armed: verdict === "held",
    how: kind === "limit" ? `tried ${tries}: ${saw}` : saw,
    ...(hint === undefined ? {} : { hint }),
  };
}

export function lookLine({ kind, name, armed, how, hint }: LookRow): string {
  const verdict = armed ? colors.green("armed ") : colors.red("absent");
  return `${verdict} ${kind.padEnd(7)} ${name.padEnd(28)} ${how}${hint === undefined ? "" : `; to arm: ${hint}`}`;
}
