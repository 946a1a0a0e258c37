// The walls around an executor: which of them this machine offers, and the command line that raises them. It decides
// nothing about a run; whether a missing wall is fatal is the caller's word (`osSandbox`).
//
//   as root, with bubblewrap       prlimit → bwrap (its own namespaces, caps for setuid only, filter of system calls)
//                                  → node, which becomes nobody
//   as a user, with bubblewrap     prlimit → bwrap (user namespace, filter of system calls) → node
//   without bubblewrap             prlimit → setpriv (no_new_privs, dies with parent) → env -i → node, with uid nobody
//                                  where readable
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import type { Layer } from "../../model/run.ts";
import type { ExecutorClass } from "../../ports/executor-process.ts";
import type { FoundCgroups } from "./cgroup.ts";
import type { ExecutorFiles } from "./executor-files.ts";
import { describeLayers, type Filter, nobodyUid, type Tools } from "./sandbox-layers.ts";
import { seccompProgram, whyNoSeccomp } from "./seccomp.ts";

/** Of coreutils: where it is on every Linux. */
const envTool = "/usr/bin/env";

/** Descriptor on which bwrap tells the pid of the namespace's first process. */
export const infoFd = 4;
/** Descriptor from which bwrap reads the filter of system calls, to its end. */
export const seccompFd = 5;

/** What counts under RLIMIT_DATA before any job runs, where it has not been measured: 1.1 GB on Node 26, x86-64, most of it reserved by V8. */
const dataBaselineBytesMax = 1_280 * 1_048_576;
/**
 * An executor's private memory before any job runs, bytes: measured 12 to 18 MiB. Some 45 MiB of Node's own program are
 * resident beside it and shared by all executors, so that one's peak is at most 1.5 times the job's limit and 96 MiB.
 */
const privateBaselineBytes = 48 * 1_048_576;
/** Descriptors: Node's own are about 20. */
const filesMax = 64;
/** Threads: Node's own are about 12. */
const tasksMax = 64;

export interface Sandbox {
  readonly layers: readonly Layer[];
  /** True when every operating-system wall that can be required is armed. */
  readonly complete: boolean;
  /** @param dataBaselineBytes what a ready executor counts under RLIMIT_DATA, with room, once that is known. */
  command(
    wanted: ExecutorClass,
    dataBaselineBytes?: number,
  ): { file: string; args: string[]; uid?: number; gid?: number };
  cgroupLimits(wanted: ExecutorClass): { memoryBytes: number; pidsMax: number };
  /** Whether the process that we spawn is bwrap's outer one rather than node itself. */
  readonly nested: boolean;
  /** The filter of system calls, to be written to `seccompFd`; undefined when this machine can't have one. */
  readonly seccomp: Uint8Array | undefined;
}

export interface SandboxOptions {
  files: ExecutorFiles;
  cgroups: FoundCgroups;
  /** The supervisor's PATH. */
  path: string;
  /** Why bubblewrap turned out not to work here, once it was tried. */
  bwrapBroken?: string;
  /** Of `process.arch`, and why the kernel can't filter system calls: what this machine has, unless a test says otherwise. */
  architecture?: string;
  noSeccomp?: string | undefined;
}

export function planSandbox(options: SandboxOptions): Sandbox {
  const tools = findTools(options.path);
  const bwrap = options.bwrapBroken === undefined ? tools.bwrap : undefined;
  const isRoot = process.getuid?.() === 0;
  const readable = isRoot && bwrap === undefined && readableByOthers(Object.values(options.files));
  const filter = planSeccomp({ architecture: process.arch, noSeccomp: whyNoSeccomp(), ...options });
  const seccomp = bwrap !== undefined && "program" in filter ? filter.program : undefined;
  const layers = describeLayers({ ...options, tools: { ...tools, bwrap }, isRoot, readable, filter });
  const walls =
    bwrap === undefined
      ? plainArgs(tools.setpriv)
      : [bwrap, ...bwrapArgs(options.files, libraries(), isRoot), ...seccompArgs(seccomp)];
  return {
    layers,
    complete: layers.every((layer) => layer.armed),
    nested: bwrap !== undefined,
    seccomp,
    command: (wanted, dataBaselineBytes = dataBaselineBytesMax) => {
      const limits = tools.prlimit === undefined ? [] : [tools.prlimit, ...rlimits(wanted, dataBaselineBytes)];
      const paths = bwrap === undefined ? options.files : insideNames;
      const [file = "", ...args] = [...limits, ...walls, ...nodeArgs(paths, wanted)];
      return readable ? { file, args, uid: nobodyUid, gid: nobodyUid } : { file, args };
    },
    cgroupLimits: (wanted) => ({
      memoryBytes: privateBaselineBytes + Math.ceil(wanted.memoryBytes * 1.5),
      pidsMax: tasksMax,
    }),
  };
}

function planSeccomp({ architecture, noSeccomp }: { architecture: string; noSeccomp: string | undefined }): Filter {
  if (noSeccomp !== undefined) return { missing: noSeccomp, hint: "use a kernel with CONFIG_SECCOMP_FILTER" };
  const program = seccompProgram(architecture);
  if (program !== undefined) return { program };
  return { missing: `no table of system calls for ${architecture}`, hint: "use an x86-64 or arm64 machine" };
}

function seccompArgs(program: Uint8Array | undefined): string[] {
  return program === undefined ? [] : ["--seccomp", String(seccompFd)];
}

function nodeArgs(files: ExecutorFiles, wanted: ExecutorClass): string[] {
  return [
    files.node,
    "--permission",
    "--disable-sigusr1", // which would open the inspector
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

function rlimits(wanted: ExecutorClass, dataBaselineBytes: number): string[] {
  return [
    "--core=1", // none at all; with 0 a program that core_pattern names would still be handed one
    "--fsize=0",
    `--nofile=${filesMax}`,
    "--msgqueue=0",
    "--memlock=0",
    `--cpu=${cpuSecondsMax(wanted)}`,
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

/** RLIMIT_CPU of such an executor, s: behind the supervisor's watching, warming included. */
export function cpuSecondsMax({ cpuMs }: ExecutorClass): number {
  return Math.ceil(cpuMs / 1_000) + 5;
}
