// What is left of runs on this machine when all are over: processes below this one, descriptors of this one, private
// directories, control groups. It only looks; what was there when the watch began is not counted.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** One installation, as far as it leaves traces outside this process. */
export interface ResidueScope {
  stateDirectory: string;
  /** 8 hex digits: part of its control groups' names. */
  installation: string;
}

export interface ResidueWatch {
  /** What is there now and was not when the watch began, one line each; empty when nothing is left. */
  look(scope: ResidueScope): string[];
  /** Looks until nothing is left, at most `waitMs`: the kernel takes a moment over closed sockets and empty groups. */
  settle(scope: ResidueScope, waitMs: number): Promise<string[]>;
}

const pauseMs = 10;

export function watchResidue(): ResidueWatch {
  const processesBefore = new Set(descendants(process.pid));
  const descriptorsBefore = new Set(descriptors());

  function look({ stateDirectory, installation }: ResidueScope): string[] {
    return [
      ...descendants(process.pid)
        .filter((each) => !processesBefore.has(each))
        .map((each) => `process ${each}`),
      ...descriptors()
        .filter((each) => !descriptorsBefore.has(each))
        .map((each) => `descriptor ${each}`),
      ...namesIn(join(stateDirectory, "runs")).map((name) => `run directory ${name}`),
      ...controlGroups(installation).map((path) => `control group ${path}`),
    ];
  }

  return {
    look,
    async settle(scope, waitMs) {
      let left = look(scope);
      for (let waited = 0; left.length > 0 && waited < waitMs; waited += pauseMs) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        left = look(scope);
      }
      return left;
    },
  };
}

// Pid and command. esbuild's service lives as long as this process, and belongs to no run.
function descendants(pid: number): string[] {
  return childrenOf(pid).flatMap((child) => {
    const command = commandOf(child);
    return command === "esbuild" ? [] : [`${child} ${command}`, ...descendants(child)];
  });
}

function childrenOf(pid: number): number[] {
  return namesIn(`/proc/${pid}/task`).flatMap((task) =>
    textOf(`/proc/${pid}/task/${task}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/comm`).trim() || "(gone)";
}

/** `number → what it is`; sockets and pipes carry their inode, so that a number that is used again shows. */
function descriptors(): string[] {
  return namesIn("/proc/self/fd").flatMap((number) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${number}`);
      // libuv keeps one on /dev/null in reserve, from the first stream on; such a one holds nothing.
      return target === "/dev/null" ? [] : [`${number} → ${target}`];
    } catch {
      return []; // the one that listed the directory
    }
  });
}

// Version 1 names a hierarchy by its controllers, version 2 has one without a name (cgroups(7)).
function controlGroups(installation: string): string[] {
  const hierarchies = textOf("/proc/self/cgroup").split("\n").filter(Boolean);
  return hierarchies.flatMap((line) => {
    const [, controllers = "", path = ""] = line.split(":");
    const root = controllers === "" ? join("/sys/fs/cgroup", path) : join("/sys/fs/cgroup", controllers);
    const name = `mayfly-${installation}`;
    return namesIn(root).includes(name) ? [join(root, name)] : [];
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
