// Reads TAP 14 as tap writes it: subtests are indented by four columns and announced by a comment, and a point's YAML may
// quote source text that looks like points. Answers for what each point was called and below which; running is run.ts's.

/** One `ok` or `not ok`. */
export interface Point {
  ok: boolean;
  title: string;
  /** Titles of the subtests that it stands in, outermost first. */
  within: readonly string[];
  /** Why it was skipped or is still to do; empty when no reason was given, undefined when it really ran. */
  skipped: string | undefined;
}

export interface TapReader {
  /** @returns the point that this line is, if it is one. */
  line(text: string): Point | undefined;
}

const columnsPerLevel = 4;

/** One reader a stream, fed line by line. */
export function makeTapReader(): TapReader {
  const open: string[] = []; // by level
  let yamlIndent: string | undefined;

  function line(text: string): Point | undefined {
    if (yamlIndent !== undefined) {
      if (text === `${yamlIndent}...`) yamlIndent = undefined;
      return undefined;
    }
    const [, indent = "", rest = ""] = /^( *)(.*)$/.exec(text) ?? [];
    if (rest === "---") {
      yamlIndent = indent;
      return undefined;
    }
    const level = indent.length / columnsPerLevel;
    if (!Number.isInteger(level)) return undefined;
    const announced = /^# Subtest: (.*)$/.exec(rest);
    if (announced !== null) {
      open.length = level;
      open[level] = plain(announced[1] ?? "");
      return undefined;
    }
    return pointOf(rest, open.slice(0, level));
  }

  return { line };
}

function pointOf(rest: string, within: readonly string[]): Point | undefined {
  const found = /^(not )?ok \d+(?: - (.*))?$/.exec(rest);
  if (found === null) return undefined;
  const [title = "", ...comments] = (found[2] ?? "").replace(/ \{$/, "").split(/(?<!\\) # /);
  const directive = /^(?:SKIP|TODO)\b\s*(.*)$/i.exec(comments.join(" # ").replace(/\s*time=[\d.]+m?s$/, ""));
  return { ok: found[1] === undefined, title: plain(title), within, skipped: directive?.[1]?.trim() };
}

/** A backslash stands before `#` and before itself. */
function plain(escaped: string): string {
  return escaped.replace(/\\([\\#])/g, "$1");
}
