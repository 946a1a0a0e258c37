// What an executor does to itself before it says that it is ready: gives up the rights that it needed to load, and ties
// its life to the supervisor's.
import type { Socket } from "node:net";

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

/** The pipe's end is the supervisor's end. Nothing is left to clean up here, and nobody to tell. */
export function endWithSupervisor(pipe: Socket): void {
  const { reallyExit } = process as unknown as { reallyExit(code: number): never }; // runs no handlers: none may delay it
  const exit = () => reallyExit.call(process, 0);
  pipe.on("end", exit);
  pipe.on("error", exit);
  pipe.on("close", exit);
}
