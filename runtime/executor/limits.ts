// What an executor does to itself before it says that it is ready: gives up the rights that it needed to load, and ties
// its life to the supervisor's.

/**
 * Started as root (in a mount tree that another user could not read): becomes nobody before any guest exists. Clearing
 * the uid clears every capability with it; `no_new_privs` keeps it so.
 */
export function becomeNobody(uid: number): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}

/** Under Node's permission model: no file can be read and no addon loaded from here on. A seat belt, by Node's own words. */
export function dropPowers(): void {
  const permission = (process as { permission?: { drop?(scope: string): void } }).permission;
  if (permission?.drop === undefined) return;
  permission.drop("fs.read");
  permission.drop("addon");
}

/** The pipe's end is the supervisor's end. Nothing is left to clean up here, and nobody to tell: no handler may delay it. */
export function endWithSupervisor(): void {
  (process as unknown as { reallyExit(code: number): never }).reallyExit(0);
}
