// What is said of an executor's walls: one line a layer, whether this machine arms it, and what would. It raises none of
// them; sandbox.ts does, from the same findings.
import type { Layer } from "../../model/run.ts";
import type { FoundCgroups } from "./cgroup.ts";

export const nobodyUid = 65_534;

/** Paths of the tools that raise walls, as far as they are installed. */
export interface Tools {
  bwrap: string | undefined;
  prlimit: string | undefined;
  setpriv: string | undefined;
}

/** The filter of system calls, or why there is none. */
export type Filter = { program: Uint8Array } | { missing: string; hint: string };

export interface Findings {
  cgroups: FoundCgroups;
  /** Why bubblewrap turned out not to work here, once it was tried. */
  bwrapBroken?: string;
  tools: Tools;
  isRoot: boolean;
  readable: boolean;
  filter: Filter;
}

const installTools = "apt-get install bubblewrap util-linux";

/** Every wall that can be required, armed or not, with what would arm it. */
export function describeLayers({ tools, cgroups, bwrapBroken, isRoot, readable, filter }: Findings): Layer[] {
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
    "program" in filter
      ? layer("seccomp", bwrap, namespaces("only the system calls that Node needs: no socket, no second process"), hint)
      : layer("seccomp", false, filter.missing, filter.hint),
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
