// Reads the file, or standard input, that a command was given for a job's input.
import { readFileSync } from "node:fs";
import { MayflyError, messageOf } from "../../model/error.ts";

const standardInput = 0;

/** @param path `-` for standard input. @throws MayflyError `input_invalid`. */
export function readInputFile(path: string): string {
  try {
    return readFileSync(path === "-" ? standardInput : path, "utf8");
  } catch (cause) {
    throw new MayflyError({
      code: "input_invalid",
      message: "the input file can't be read",
      found: `${path}: ${messageOf(cause)}`,
      needed: "a readable file with JSON",
      cause,
    });
  }
}
