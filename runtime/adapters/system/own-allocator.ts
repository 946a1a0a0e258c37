// The C library's allocator in a process that lives long. Left to itself it takes the largest buffer that was ever freed for
// the size from which memory is the system's again as soon as it is free, so that after one body of 14 MiB all others stay
// where they were, with holes between them: after ten thousand hostile runs 77 MiB of holes, and 20 MiB in use.
// With a size that is set, large buffers leave no trace. It reads such settings when a process begins.

/** By glibc's mallopt(3): bytes, but for the number of arenas. Another C library doesn't know them, and takes no notice. */
export const allocatorSettings: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: String(131_072),
  MALLOC_TRIM_THRESHOLD_: String(1_048_576),
};

type Environment = Readonly<Record<string, string | undefined>>;

/** What `env` lacks of them; what an operator has set is left as it is. Empty when there is nothing to settle. */
export function unsettled(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(allocatorSettings).filter(([name]) => env[name] === undefined));
}

/** Begins this process once more, under the same id and with the same words, where its allocator isn't settled. */
export function settleAllocator(env: Environment): void {
  const missing = unsettled(env);
  if (process.platform !== "linux" || process.execve === undefined || Object.keys(missing).length === 0) return;
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, words, { ...env, ...missing } as Record<string, string>);
}
