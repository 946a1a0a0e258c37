// System calls from inside an executor's walls, tried for real: a helper interpreter stands in Node's place and makes each
// of them raw. Behind the filter the kernel answers that there is no such call; its twin, behind the same walls without
// the filter, gets the kernel's own answer. Connecting is tried with either wall alone.
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import t from "tap";
import { behindWalls, type Gap, whyNoWalls } from "./behind-walls.ts";

const ENOSYS = 38;
const EPERM = 1;
const perl = "/usr/bin/perl";
const missing = whyNoWalls() ?? (existsSync(perl) ? undefined : "perl, by which the calls are made, is not installed");
const only = missing === undefined ? {} : { skip: missing };

/** By family: name, number on x86-64, number on arm64, arguments. Harmless where they are let through. */
type Try = readonly [name: string, x64: number | null, arm64: number | null, ...args: (number | string)[]];
const families: Record<string, readonly Try[]> = {
  "sockets, of any family [NET-37]": [
    ["socket (inet)", 41, 198, 2, 1, 0],
    ["socket (inet6)", 41, 198, 10, 2, 0],
    ["socket (unix)", 41, 198, 1, 1, 0],
    ["socket (netlink)", 41, 198, 16, 3, 0],
    ["socket (packet)", 41, 198, 17, 3, 0],
    ["socket (vsock)", 41, 198, 40, 1, 0],
    ["socket (alg)", 41, 198, 38, 5, 0],
    ["socketpair", 53, 199, 1, 1, 0, "................"],
    ["connect", 42, 203, 9, 0, 0],
    ["bind", 49, 200, 9, 0, 0],
    ["listen", 50, 201, 9, 1],
    ["accept", 43, 202, 9, 0, 0],
    ["accept4", 288, 242, 9, 0, 0, 0],
    ["sendto", 44, 206, 9, 0, 0, 0, 0, 0],
    ["sendmsg (passes descriptors)", 46, 211, 9, 0, 0],
    ["recvmsg (takes descriptors)", 47, 212, 9, 0, 0],
    ["sendmmsg", 307, 269, 9, 0, 0, 0],
    ["setsockopt", 54, 208, 9, 1, 2, 0, 0],
  ],
  "tracing, and others' memory and descriptors": [
    ["ptrace", 101, 117, 0x4200, 1, 0, 0],
    ["process_vm_readv", 310, 270, 1, 0, 0, 0, 0, 0],
    ["process_vm_writev", 311, 271, 1, 0, 0, 0, 0, 0],
    ["process_madvise", 440, 440, -1, 0, 0, 0, 0],
    ["pidfd_open", 434, 434, 1, 0],
    ["pidfd_getfd", 438, 438, -1, 0, 0],
    ["kcmp", 312, 272, 1, 1, 0, 0, 0],
    ["perf_event_open", 298, 241, 0, 0, 0, -1, 0],
    ["userfaultfd", 323, 282, 0],
  ],
  "signals to other processes": [
    ["kill", 62, 129, 1, 0],
    ["tkill", 200, 130, 1, 0],
    ["rt_sigqueueinfo", 129, 138, 1, 0, 0],
    ["pidfd_send_signal", 424, 424, -1, 0, 0, 0],
  ],
  "programs of the kernel's own: BPF, io_uring, asynchronous I/O": [
    ["bpf", 321, 280, 0, 0, 0],
    ["io_uring_setup", 425, 425, 1, 0],
    ["io_uring_enter", 426, 426, -1, 0, 0, 0, 0],
    ["io_uring_register", 427, 427, -1, 0, 0, 0],
    ["io_setup", 206, 0, 1, 0],
  ],
  keys: [
    ["add_key", 248, 217, 0, 0, 0, 0, 0],
    ["request_key", 249, 218, 0, 0, 0, 0],
    ["keyctl", 250, 219, 0, -3, 0],
  ],
  "mounts, roots and handles of files": [
    ["mount", 165, 40, 0, 0, 0, 0, 0],
    ["umount2", 166, 39, 0, 0],
    ["pivot_root", 155, 41, 0, 0],
    ["chroot", 161, 51, 0],
    ["open_tree", 428, 428, -1, 0, 0],
    ["move_mount", 429, 429, -1, 0, -1, 0, 0],
    ["fsopen", 430, 430, 0, 0],
    ["fsconfig", 431, 431, -1, 0, 0, 0, 0],
    ["mount_setattr", 442, 442, -1, 0, 0, 0, 0],
    ["name_to_handle_at", 303, 264, -1, 0, 0, 0, 0],
    ["open_by_handle_at", 304, 265, -1, 0, 0],
    ["openat2", 437, 437, -1, 0, 0, 0],
  ],
  "namespaces and processes [RES-22]": [
    ["unshare", 272, 97, 0x10000000],
    ["setns", 308, 268, -1, 0],
    ["clone3", 435, 435, 0, 0],
    ["fork", 57, null],
    ["execveat", 322, 281, -1, 0, 0, 0, 0],
  ],
  "the machine: modules, kernels, reboot, swap, quotas, accounting": [
    ["init_module", 175, 105, 0, 0, 0],
    ["finit_module", 313, 273, -1, 0, 0],
    ["delete_module", 176, 106, 0, 0],
    ["kexec_load", 246, 104, 0, 0, 0, 0],
    ["reboot", 169, 142, 0, 0, 0, 0],
    ["swapon", 167, 224, 0, 0],
    ["swapoff", 168, 225, 0],
    ["quotactl", 179, 60, 0, 0, 0, 0],
    ["acct", 163, 89, 0],
    ["syslog", 103, 116, 10, 0, 0],
    ["sethostname", 170, 161, 0, -1],
    ["iopl", 172, null, 0],
  ],
  "the clock": [
    ["settimeofday", 164, 170, 0, 0],
    ["clock_settime", 227, 112, 0, 0],
    ["adjtimex", 159, 171, 0],
    ["clock_adjtime", 305, 266, 0, 0],
  ],
  "another personality, another filter, memory without a name": [
    ["personality", 135, 92, 0xffffffff],
    ["seccomp", 317, 277, 2, 0, 0],
    ["memfd_create", 319, 279, "name", 0],
    ["memfd_secret", 447, 447, 0],
    ["setpriority", 141, 140, 0, 0, 0],
    ["sched_setaffinity", 203, 122, 0, 0, 0],
  ],
  "files: to make, to link, to list, to watch": [
    ["mkdirat", 258, 34, -100, "/made", 0],
    ["unlinkat", 263, 35, -100, "/none", 0],
    ["linkat", 265, 37, -100, "/none", -100, "/b", 0],
    ["symlinkat", 266, 36, "/a", -100, "/node"],
    ["renameat2", 316, 276, -100, "/none", -100, "/b", 0],
    ["getdents64", 217, 61, -1, 0, 0],
    ["inotify_init1", 294, 26, 0],
    ["fanotify_init", 300, 262, 0, 0],
    ["truncate", 76, 45, "/none", 0],
    ["mknodat", 259, 33, -100, "/made", 0o10644, 0],
  ],
};

/** Allowed in one form; these are others. */
const forms: readonly Try[] = [
  ["clone (a process)", 56, 220, 17, 0, 0, 0, 0],
  ["clone (a user namespace)", 56, 220, 0x10000011, 0, 0, 0, 0],
  ["prctl (be traced by anyone)", 157, 167, 0x59616d61, -1, 0, 0, 0],
  ["prctl (dumpable)", 157, 167, 4, 1, 0, 0, 0],
  ["ioctl (type into the terminal)", 16, 29, 0, 0x5412, "x"],
  ["prlimit64 (of the first process)", 302, 261, 1, 7, 0, 0],
];

/** errno by name of the try; 0 where the kernel did it. A try that makes a process ends that process at once. */
async function answers(tries: readonly Try[], without: readonly "seccomp"[] = []): Promise<Record<string, number>> {
  const column = process.arch === "arm64" ? 2 : 1;
  const lines = tries.flatMap((each) => {
    const number = each[column];
    if (number === null) return [];
    const args = each.slice(3).map((arg) => (typeof arg === "number" ? arg : `my $s = ${JSON.stringify(arg)}`));
    const exit = process.arch === "arm64" ? 94 : 231;
    return [
      `$! = 0; $r = syscall(${[number, ...args.map(String)].join(", ")}); syscall(${exit}, 0) if $r == 0 && $$ != syscall(${process.arch === "arm64" ? 172 : 39}); print ${JSON.stringify(`${each[0]}=`)}, ($r == -1 ? $! + 0 : 0), "\\n";`,
    ];
  });
  const script = `$| = 1; my $r; ${lines.join("\n")}`;
  const text = await behindWalls({ interpreter: perl, script, without });
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.lastIndexOf("=")), Number(line.slice(line.lastIndexOf("=") + 1))]),
  );
}

for (const [family, tries] of Object.entries(families)) {
  t.test(`system calls that an executor has no use for: ${family}`, only, async (t) => {
    const behind = await answers(tries);
    const free = await answers(tries, ["seccomp"]);
    for (const [name, errno] of Object.entries(behind)) t.equal(errno, ENOSYS, `${name}: there is no such call`);
    const differing = Object.entries(free).filter(([name, errno]) => errno !== behind[name]);
    t.ok(
      differing.length >= Object.keys(free).length / 2,
      `without the filter this kernel answers most of them itself: ${JSON.stringify(free)}`,
    );
  });
}

t.test("[RES-22] calls of many faces, in a form that isn't a thread's or the event loop's", only, async (t) => {
  const behind = await answers(forms);
  for (const [name, errno] of Object.entries(behind)) t.equal(errno, EPERM, name);
  const free = await answers(forms, ["seccomp"]);
  for (const name of ["clone (a process)", "prctl (dumpable)", "prlimit64 (of the first process)"])
    t.equal(free[name], 0, `${name}: done, without the filter`);
});

const connecting = (port: number) => `
  const socket = require("node:net").connect(${port}, "127.0.0.1");
  const say = (text) => { console.log(text); process.exit(0); };
  socket.on("connect", () => say("connected")).on("error", (error) => say(error.code + " " + error.syscall));
`;

t.test("[NET-37] a connection from the executor's process: each of three walls is enough alone", only, async (t) => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const script = connecting((server.address() as { port: number }).port);
  const left = async (...without: Gap[]) => (await behindWalls({ script, without })).trim();
  t.match(await left(), /^ERR_ACCESS_DENIED/, "all of them");
  t.match(await left("seccomp", "network-namespace"), /^ERR_ACCESS_DENIED/, "Node's permissions: it doesn't try");
  t.match(await left("node-permission", "network-namespace"), /^ENOSYS/, "the filter: there are no sockets");
  const nowhere = await left("node-permission", "seccomp");
  t.match(nowhere, /^E(CONNREFUSED|NETUNREACH)/, "the namespace: a socket, and nobody within reach");
  t.equal(connections, 0, "nothing has reached the listener");
  t.equal(await left("node-permission", "seccomp", "network-namespace"), "connected", "without all three it connects");
  t.equal(connections, 1, "and the listener sees it");
  await new Promise((resolve) => server.close(resolve));
});
