// The job's input from the command line: JSON, or nothing.
import { readInputFile } from "../adapters/system/input-file.ts";
import { MayflyError, messageOf, quote } from "../model/error.ts";

export interface InputOptions {
  input?: string;
  inputFile?: string;
}

/** The input as JSON text; "null" without one. @throws MayflyError `input_invalid`, `usage`. */
export function readInput({ input, inputFile }: InputOptions): string {
  if (input !== undefined && inputFile !== undefined) {
    throw new MayflyError({
      code: "usage",
      message: "both --input and --input-file were given",
      needed: "one of them",
    });
  }
  const text = input ?? (inputFile === undefined ? "null" : readInputFile(inputFile));
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (cause) {
    throw new MayflyError({
      code: "input_invalid",
      message: `the input is no JSON: ${messageOf(cause)}`,
      found: quote(text),
      needed: `JSON, for example --input '{"month": "2026-10"}'`,
      next: "quote it for the shell, or use --input-file <path>",
      cause,
    });
  }
}
