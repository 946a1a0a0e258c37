// The walls around an executor: which of them this machine offers, and the command line that raises them. It decides
// nothing about a run; whether a missing wall is fatal is the caller's word (`osSandbox`).
//
//   as root, with bubblewrap       prlimit → bwrap (its own namespaces, caps for setuid only) → node, which becomes nobody
//   as a user, with bubblewrap     prlimit → bwrap (user namespace) → node
//   without bubblewrap             prlimit → setpriv (no_new_privs, dies with parent) → env -i → node, with uid nobody
//                                  where readable
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import type { Layer } from "../../model/run.ts";
import type { ExecutorClass } from "../../ports/executor-process.ts";
import type { FoundCgroups } from "./cgroup.ts";
import type { ExecutorFiles } from "./executor-files.ts";

export const nobodyUid = 65_534;

/** Of coreutils: where it is on every Linux. */
const envTool = "/usr/bin/env";

/** Descriptor on which bwrap tells the pid of the namespace's first process. */
export const infoFd = 4;

/** What V8's reserved ranges count as under RLIMIT_DATA before any job runs, bytes: measured 1.1 GB (Node 26, x86-64). */
const dataBaselineBytes = 1_280 * 1_048_576;
/** An executor's own memory before any job runs, bytes: measured 50 to 60 MiB resident. */
const executorBaselineBytes = 96 * 1_048_576;
/** Descriptors: Node's own are about 20. */
const filesMax = 64;
/** Threads: Node's own are about 12. */
const tasksMax = 64;

export interface Sandbox {
  readonly layers: readonly Layer[];
  /** True when every operating-system wall that can be required is armed. */
  readonly complete: boolean;
  command(wanted: ExecutorClass): { file: string; args: string[]; uid?: number; gid?: number };
  cgroupLimits(wanted: ExecutorClass): { memoryBytes: number; pidsMax: number };
  /** Whether the process that we spawn is bwrap's outer one rather than node itself. */
  readonly nested: boolean;
}

interface Tools {
  bwrap: string | undefined;
  prlimit: string | undefined;
  setpriv: string | undefined;
}

export interface SandboxOptions {
  files: ExecutorFiles;
  cgroups: FoundCgroups;
  /** The supervisor's PATH. */
  path: string;
  /** Why bubblewrap turned out not to work here, once it was tried. */
  bwrapBroken?: string;
}

export function planSandbox(options: SandboxOptions): Sandbox {
  const tools = findTools(options.path);
  const bwrap = options.bwrapBroken === undefined ? tools.bwrap : undefined;
  const isRoot = process.getuid?.() === 0;
  const readable = isRoot && bwrap === undefined && readableByOthers(Object.values(options.files));
  const layers = describeLayers({ ...options, tools: { ...tools, bwrap }, isRoot, readable });
  const walls =
    bwrap === undefined ? plainArgs(tools.setpriv) : [bwrap, ...bwrapArgs(options.files, libraries(), isRoot)];
  return {
    layers,
    complete: layers.every((layer) => layer.armed),
    nested: bwrap !== undefined,
    command: (wanted) => {
      const limits = tools.prlimit === undefined ? [] : [tools.prlimit, ...rlimits(wanted)];
      const paths = bwrap === undefined ? options.files : insideNames;
      const [file = "", ...args] = [...limits, ...walls, ...nodeArgs(paths, wanted)];
      return readable ? { file, args, uid: nobodyUid, gid: nobodyUid } : { file, args };
    },
    cgroupLimits: (wanted) => ({
      memoryBytes: executorBaselineBytes + Math.ceil(wanted.memoryBytes * 1.5),
      pidsMax: tasksMax,
    }),
  };
}

function nodeArgs(files: ExecutorFiles, wanted: ExecutorClass): string[] {
  return [
    files.node,
    "--permission",
    "--allow-addons",
    `--allow-fs-read=${files.entry}`,
    `--allow-fs-read=${files.guest}`,
    `--allow-fs-read=${files.codeCache}`,
    "--disable-warning=SecurityWarning",
    files.entry,
    files.addon,
    files.guest,
    files.codeCache,
    String(wanted.memoryBytes),
    String(nobodyUid),
  ];
}

/** What the executor's files are called inside the mount tree. */
const insideNames: ExecutorFiles = {
  node: "/node",
  addon: "/isolate.node",
  entry: "/executor.cjs",
  guest: "/guest.js",
  codeCache: "/guest.cache",
};

function rlimits(wanted: ExecutorClass): string[] {
  return [
    "--core=0",
    "--fsize=0",
    `--nofile=${filesMax}`,
    "--msgqueue=0",
    "--memlock=0",
    `--cpu=${Math.ceil(wanted.cpuMs / 1_000) + 5}`, // behind the supervisor's watching, warming included
    `--data=${dataBaselineBytes + Math.ceil(wanted.memoryBytes * 1.5)}`,
  ];
}

function bwrapArgs(files: ExecutorFiles, libraries: readonly Bind[], isRoot: boolean): string[] {
  const binds = [
    ...libraries,
    ...(Object.keys(insideNames) as (keyof ExecutorFiles)[]).map((key) => [files[key], insideNames[key]] as const),
  ];
  return [
    ...(isRoot ? ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] : ["--unshare-user"]),
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "mayfly",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--info-fd",
    String(infoFd),
    ...binds.flatMap(([source, inside]) => ["--ro-bind", source, inside]),
    "--remount-ro",
    "/",
    "--chdir",
    "/",
  ];
}

// The environment is emptied here too, as bwrap does: tools that trace a program add variables to what it spawns.
function plainArgs(setpriv: string | undefined): string[] {
  const walls = setpriv === undefined ? [] : [setpriv, "--no-new-privs", "--pdeathsig", "SIGKILL"];
  return isExecutable(envTool) ? [...walls, envTool, "-i"] : walls;
}

/** Path here, path inside. */
type Bind = readonly [string, string];

// The shared libraries that this very node has mapped are those that the executor's node needs.
function libraries(): Bind[] {
  const paths = new Set<string>();
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const path = line.slice(line.indexOf("/"));
    if (
      /\.so(\.\d+)*$/.test(path) &&
      line.includes("/") &&
      /^(lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|atomic)|ld-linux[^/]*)\.so/.test(basename(path))
    ) {
      paths.add(path);
    }
  }
  return [...paths].flatMap((path) => {
    const soname = /^(.*?\.so\.\d+)/.exec(basename(path))?.[1] ?? basename(path);
    const own = [path, join(dirname(path), soname)] as const;
    return soname.startsWith("ld-linux")
      ? [own, [path, join(process.arch === "x64" ? "/lib64" : "/lib", soname)] as const]
      : [own];
  });
}

function findTools(path: string): Tools {
  const find = (name: string) =>
    path
      .split(delimiter)
      .map((directory) => join(directory, name))
      .find(isExecutable);
  return { bwrap: find("bwrap"), prlimit: find("prlimit"), setpriv: find("setpriv") };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// Nobody can run what stands below a directory that others may not enter, such as root's home.
function readableByOthers(paths: readonly string[]): boolean {
  return paths.every((path) => {
    for (let at = path; at !== "/"; at = dirname(at)) {
      const mode = statSync(at).mode;
      if ((mode & (at === path ? 0o004 : 0o001)) === 0) return false;
    }
    return true;
  });
}

interface Findings extends SandboxOptions {
  tools: Tools;
  isRoot: boolean;
  readable: boolean;
}

const installTools = "apt-get install bubblewrap util-linux";

function describeLayers({ tools, cgroups, bwrapBroken, isRoot, readable }: Findings): Layer[] {
  const layer = (name: string, armed: boolean, detail: string, hint?: string): Layer =>
    armed || hint === undefined ? { name, armed, detail } : { name, armed, detail, hint };
  const bwrap = tools.bwrap !== undefined;
  const noBwrap =
    bwrapBroken === undefined ? "bubblewrap (bwrap) is not installed" : `bubblewrap doesn't work here: ${bwrapBroken}`;
  const hint = bwrapBroken === undefined ? installTools : "sysctl kernel.unprivileged_userns_clone=1, or start as root";
  // The kernel forgets a parent-death signal when a process changes its user (prctl(2)).
  const keepsSignal = !isRoot || readable;
  const namespaces = (what: string) => (bwrap ? what : noBwrap);
  return [
    layer("process", true, "one process a run, empty environment, one pipe"),
    layer("node-permission", true, "--permission: no file, no child, no worker; dropped further once loaded"),
    layer(
      "rlimits",
      tools.prlimit !== undefined,
      tools.prlimit === undefined ? "prlimit is not installed" : "core, fsize, nofile, cpu, data",
      "apt-get install util-linux",
    ),
    layer(
      "no-new-privs",
      bwrap || tools.setpriv !== undefined,
      bwrap ? "by bubblewrap" : tools.setpriv ? "by setpriv" : "setpriv is not installed",
      "apt-get install util-linux",
    ),
    layer(
      "unprivileged-uid",
      !isRoot || bwrap || readable,
      uidDetail(isRoot, bwrap, readable),
      "start as an ordinary user, or install bubblewrap: apt-get install bubblewrap",
    ),
    layer("network-namespace", bwrap, namespaces("no network interface but an empty loopback"), hint),
    layer("mount-tree", bwrap, namespaces("its own files, read-only; no /proc, /dev, /tmp"), hint),
    layer("pid-namespace", bwrap, namespaces("sees no other process"), hint),
    layer(
      "die-with-parent",
      bwrap || (tools.setpriv !== undefined && keepsSignal),
      bwrap ? "by bubblewrap, and at the pipe's end" : signalDetail(tools.setpriv, keepsSignal),
      keepsSignal
        ? "apt-get install util-linux"
        : "start as an ordinary user, or install bubblewrap: apt-get install bubblewrap",
    ),
    "cgroups" in cgroups
      ? layer("cgroup", true, cgroups.cgroups.detail)
      : layer(
          "cgroup",
          false,
          cgroups.missing,
          "delegate a cgroup to this user (systemd: Delegate=memory pids), or start as root",
        ),
  ];
}

function signalDetail(setpriv: string | undefined, keepsSignal: boolean): string {
  if (setpriv === undefined) return "at the pipe's end only: setpriv is not installed";
  if (!keepsSignal) return "at the pipe's end only: becoming nobody, it loses the signal that setpriv arranged";
  return "by setpriv, and at the pipe's end";
}

function uidDetail(isRoot: boolean, bwrap: boolean, readable: boolean): string {
  if (!isRoot) return `the supervisor's own, uid ${process.getuid?.() ?? "unknown"}`;
  return bwrap || readable ? `uid ${nobodyUid}` : "root: the installation's files can't be read by another user";
}
