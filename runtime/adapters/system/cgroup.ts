// Memory and process limits by control group, version 1 or 2, where this process may write there. One group an
// executor, under one parent an installation, so that what a crashed supervisor left can be found and removed.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface CgroupLimits {
  memoryBytes: number;
  /** Processes and threads. */
  pidsMax: number;
}

export interface Cgroup {
  /** A command that puts itself into the group and then becomes `file`, so that it never runs outside. */
  entered(file: string, args: readonly string[]): { file: string; args: string[] };
  /** For a command that may not move itself, since it runs as another user. */
  add(pid: number): void;
  /** True when the kernel killed something in it for want of memory. */
  outOfMemory(): boolean;
  /** Succeeds once its processes are gone; false when they are not. */
  remove(): boolean;
}

export interface Cgroups {
  /** For people: "version 1, /sys/fs/cgroup/memory". */
  readonly detail: string;
  make(name: string, limits: CgroupLimits): Cgroup;
  /** Removes groups of executors that are gone. */
  sweep(): void;
  /** Waits for the groups that this process made to be gone, then removes the parent, unless another process uses it. */
  close(): Promise<void>;
}

export type FoundCgroups = { cgroups: Cgroups } | { missing: string };

const root = "/sys/fs/cgroup";

/** A group's last process has a moment between its end and its group's freedom; half a second is plenty. */
const removeTriesMax = 50;
const removePauseMs = 10;

/**
 * Arguments: files by which it moves itself, `--`, the command. A process that moves another takes a lock for which every
 * fork, exec and exit of the machine waits, 5 to 15 ms; a thread that moves itself (0, in `tasks`) doesn't, since Linux 5.6.
 */
const enterScript = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 126; shift; done; shift; exec "$@"';

export function findCgroups(installation: string): FoundCgroups {
  const parent = `mayfly-${installation}`;
  try {
    return existsSync(join(root, "cgroup.controllers")) ? versionTwo(parent) : versionOne(parent);
  } catch (error) {
    return { missing: `no writable cgroup (${(error as NodeJS.ErrnoException).code ?? "unknown reason"})` };
  }
}

function versionOne(parent: string): FoundCgroups {
  const memory = join(root, "memory", parent);
  const pids = join(root, "pids", parent);
  const made = new Set<string>();
  mkdirSync(memory, { recursive: true });
  mkdirSync(pids, { recursive: true });
  const make = (name: string, limits: CgroupLimits): Cgroup => {
    const groups = [join(memory, name), join(pids, name)];
    for (const group of groups) made.add(group);
    for (const group of groups) mkdirSync(group, { recursive: true }); // another process may have removed the parent
    writeFileSync(join(memory, name, "memory.limit_in_bytes"), String(limits.memoryBytes));
    writeFileSync(join(pids, name, "pids.max"), String(limits.pidsMax));
    return cgroup(groups, { own: "tasks", events: join(memory, name, "memory.oom_control") }, made);
  };
  return { cgroups: { detail: "version 1, memory and pids", make, ...ending([memory, pids], made) } };
}

function versionTwo(own: string): FoundCgroups {
  const path = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  const parent = join(root, path, own);
  const made = new Set<string>();
  const prepare = () => {
    mkdirSync(parent, { recursive: true });
    for (const directory of [join(root, path), parent]) {
      const control = join(directory, "cgroup.subtree_control");
      if (!/\bmemory\b.*\bpids\b/.test(readFileSync(control, "utf8"))) writeFileSync(control, "+memory +pids");
    }
  };
  prepare();
  const make = (name: string, limits: CgroupLimits): Cgroup => {
    const group = join(parent, name);
    if (!existsSync(parent)) prepare(); // another process has removed it
    made.add(group);
    mkdirSync(group);
    writeFileSync(join(group, "memory.max"), String(limits.memoryBytes));
    writeFileSync(join(group, "pids.max"), String(limits.pidsMax));
    return cgroup([group], { own: "cgroup.procs", events: join(group, "memory.events") }, made);
  };
  return { cgroups: { detail: "version 2, memory and pids", make, ...ending([parent], made) } };
}

/** @param own the file by which a process of one thread moves itself. */
function cgroup(
  groups: readonly string[],
  { own, events }: { own: string; events: string },
  made: Set<string>,
): Cgroup {
  const members = groups.map((group) => join(group, "cgroup.procs"));
  return {
    entered: (file, args) => ({
      file: "/bin/sh",
      args: ["-c", enterScript, "sh", ...groups.map((group) => join(group, own)), "--", file, ...args],
    }),
    add: (pid) => {
      for (const each of members) writeFileSync(each, String(pid));
    },
    outOfMemory: () => {
      try {
        return Number(/^oom_kill (\d+)$/m.exec(readFileSync(events, "utf8"))?.[1] ?? 0) > 0;
      } catch {
        return false;
      }
    },
    remove: () => {
      for (const group of groups) if (removeGroup(group)) made.delete(group);
      return groups.every((group) => !made.has(group));
    },
  };
}

function ending(parents: readonly string[], made: Set<string>): Pick<Cgroups, "sweep" | "close"> {
  return {
    sweep: () => sweep(parents),
    async close() {
      for (let tries = 0; tries < removeTriesMax; tries += 1) {
        for (const group of made) if (removeGroup(group)) made.delete(group);
        if (made.size === 0) break;
        await new Promise((resolve) => setTimeout(resolve, removePauseMs));
      }
      for (const parent of parents) removeGroup(parent); // says no while groups of others are in it
    },
  };
}

function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function sweep(parents: readonly string[]): void {
  for (const parent of parents) {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (entry.isDirectory()) removeGroup(join(parent, entry.name));
    }
  }
}
