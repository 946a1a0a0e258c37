// Looks at a living executor from outside, through /proc, and says of each layer whether it is really there, whatever
// the plan was (proc(5), namespaces(7)).
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { nobodyUid } from "./sandbox-layers.ts";

export interface Finding {
  name: string;
  armed: boolean;
  /** How it was tried, and what was seen. */
  how: string;
}

export function inspectExecutor(pid: number): Finding[] {
  const status = statusOf(pid);
  const uid = Number(status.Uid?.split(/\s+/)[0]);
  return [
    emptyEnvironment(pid),
    {
      name: "no-new-privs",
      armed: status.NoNewPrivs === "1",
      how: `/proc/<pid>/status: NoNewPrivs ${status.NoNewPrivs}`,
    },
    {
      name: "unprivileged-uid",
      armed: uid !== 0 && Number.parseInt(status.CapEff ?? "1", 16) === 0,
      how: `/proc/<pid>/status: uid ${uid}${uid === nobodyUid ? " (nobody)" : ""}, effective capabilities ${status.CapEff}`,
    },
    ...["net", "mnt", "pid", "ipc", "uts"].map((kind) => ownNamespace(pid, kind)),
    emptyRoot(pid),
    {
      name: "seccomp",
      armed: status.Seccomp === "2",
      how: `/proc/<pid>/status: Seccomp ${status.Seccomp ?? "not there"}`,
    },
    rlimits(pid),
    cgroup(pid),
  ];
}

function statusOf(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
}

function emptyEnvironment(pid: number): Finding {
  const environment = tryRead(() => readFileSync(`/proc/${pid}/environ`, "utf8"));
  const names =
    environment
      ?.split("\0")
      .filter(Boolean)
      .map((entry) => entry.split("=")[0]) ?? [];
  // bubblewrap sets PWD; anything else would come from us.
  const armed = environment !== undefined && names.every((name) => name === "PWD");
  return {
    name: "empty-environment",
    armed,
    how: `/proc/<pid>/environ: ${environment === undefined ? "not readable" : names.length === 0 ? "empty" : names.join(", ")}`,
  };
}

function ownNamespace(pid: number, kind: string): Finding {
  const [theirs, ours] = [pid, "self"].map((of) => tryRead(() => readlinkSync(`/proc/${of}/ns/${kind}`)));
  const armed = theirs !== undefined && theirs !== ours;
  return { name: `${kind}-namespace`, armed, how: `/proc/<pid>/ns/${kind}: ${theirs ?? "not readable"}, ours ${ours}` };
}

function emptyRoot(pid: number): Finding {
  const names = tryRead(() => readdirSync(`/proc/${pid}/root`)) ?? [];
  const foreign = names.filter((name) => ["proc", "dev", "etc", "home", "root", "tmp", "var"].includes(name));
  const armed = names.length > 0 && foreign.length === 0;
  return {
    name: "mount-tree",
    armed,
    how: `/proc/<pid>/root: ${names.length === 0 ? "not readable" : names.sort().join(", ")}`,
  };
}

function rlimits(pid: number): Finding {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const soft = (name: string) => new RegExp(`^${name}\\s+(\\S+)`, "m").exec(limits)?.[1] ?? "unknown";
  const values = {
    data: soft("Max data size"),
    core: soft("Max core file size"),
    files: soft("Max open files"),
    fsize: soft("Max file size"),
    cpu: soft("Max cpu time"),
  };
  const armed =
    values.data !== "unlimited" &&
    ["0", "1"].includes(values.core) &&
    values.fsize === "0" &&
    values.cpu !== "unlimited";
  return {
    name: "rlimits",
    armed,
    how: `/proc/<pid>/limits: ${Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}`,
  };
}

function cgroup(pid: number): Finding {
  const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8")
    .split("\n")
    .filter((line) => line.includes("mayfly-"));
  const paths = groups.map((line) => {
    const [, controllers = "", path = ""] = line.split(":");
    return controllers === ""
      ? `/sys/fs/cgroup${path}/memory.max`
      : `/sys/fs/cgroup/${controllers}${path}/${controllers === "memory" ? "memory.limit_in_bytes" : "pids.max"}`;
  });
  const values = paths
    .filter(existsSync)
    .map((path) => `${path.split("/").at(-1)} ${readFileSync(path, "utf8").trim()}`);
  return {
    name: "cgroup",
    armed: values.length > 0,
    how: values.length > 0 ? `its own group: ${values.join(", ")}` : "it is in no group of its own",
  };
}

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
