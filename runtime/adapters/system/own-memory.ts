// The memory of a process that lives long: two settings that can only be made as it begins.
//
// The C library's allocator, left to itself, takes the largest buffer that was ever freed for the size from which memory is
// the system's again as soon as it is free, so that after one body of 14 MiB all others stay where they were, with holes
// between them: after ten thousand hostile runs 77 MiB of holes, and 20 MiB in use.
//
// V8's young generation grows to 64 MiB in a supervisor that is busy, and stays so; with 16 the same ten thousand runs
// needed 40 MiB less throughout.

/** By glibc's mallopt(3): bytes, but for the number of arenas. Another C library doesn't know them, and takes no notice. */
export const allocatorSettings: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: String(131_072),
  MALLOC_TRIM_THRESHOLD_: String(1_048_576),
};

/** Half of the young generation, MiB. */
export const youngSpaceFlag = "--max-semi-space-size=8";

type Environment = Readonly<Record<string, string | undefined>>;

/** What is missing of both; what an operator has set is left as it is. Empty when there is nothing to settle. */
export function unsettled(
  env: Environment,
  execArgv: readonly string[],
): { env: Record<string, string>; flags: string[] } {
  const missing = Object.entries(allocatorSettings).filter(([name]) => env[name] === undefined);
  const given = [...execArgv, env.NODE_OPTIONS ?? ""].some((words) => /--max[-_]semi[-_]space[-_]size/.test(words));
  return { env: Object.fromEntries(missing), flags: given ? [] : [youngSpaceFlag] };
}

/** Begins this process once more, under the same id and with the same words, where its memory isn't settled. */
export function settleMemory(env: Environment): void {
  const missing = unsettled(env, process.execArgv);
  const isSettled = Object.keys(missing.env).length === 0 && missing.flags.length === 0;
  if (process.platform !== "linux" || process.execve === undefined || isSettled) return;
  const words = [process.execPath, ...process.execArgv, ...missing.flags, ...process.argv.slice(1)];
  process.execve(process.execPath, words, { ...env, ...missing.env } as Record<string, string>);
}
