// The system calls that an executor may make: what Node, V8, isolated-vm and the C library were seen to need behind
// these walls, and the same calls under the names that other versions of them use. Everything else doesn't exist for it.
// The numbers are the kernel's, per architecture (asm/unistd_64.h; asm-generic/unistd.h); null where it has no such call.
//
// Not here, and therefore refused: whatever makes, connects or passes a socket; processes, signals to others, tracing and
// reading of others' memory; mounts, namespaces, modules, reboot, swap, quotas, the clock; keys, BPF, performance counters,
// userfaultfd, io_uring, asynchronous I/O, memory files; writing to, linking and listing of files. How the few that are
// allowed in one form only are bounded stands in seccomp.ts.

export type Architecture = "x64" | "arm64";

/** Name, number on x86-64, number on arm64. The most frequent first: older kernels walk the list at each call. */
export const allowedCalls: readonly (readonly [name: string, x64: number | null, arm64: number | null])[] = [
  ["futex", 202, 98],
  ["read", 0, 63],
  ["write", 1, 64],
  ["epoll_pwait", 281, 22],
  ["epoll_wait", 232, null],
  ["clock_gettime", 228, 113],
  ["madvise", 28, 233],
  ["mmap", 9, 222],
  ["munmap", 11, 215],
  ["mprotect", 10, 226],
  ["mremap", 25, 216],
  ["brk", 12, 214],
  ["membarrier", 324, 283],

  // Threads of this process
  ["sched_yield", 24, 124],
  ["clock_nanosleep", 230, 115],
  ["nanosleep", 35, 101],
  ["set_robust_list", 273, 99],
  ["set_tid_address", 218, 96],
  ["rseq", 334, 293],
  ["gettid", 186, 178],
  ["sched_getaffinity", 204, 123],
  ["sched_getparam", 143, 121],
  ["sched_getscheduler", 145, 120],
  ["arch_prctl", 158, null],
  ["exit", 60, 93],
  ["exit_group", 231, 94],
  ["restart_syscall", 219, 128],

  // Its own signals: abort, and what the C library tells its threads when the user changes
  ["rt_sigaction", 13, 134],
  ["rt_sigprocmask", 14, 135],
  ["rt_sigreturn", 15, 139],
  ["sigaltstack", 131, 132],
  ["tgkill", 234, 131],

  // The event loop, over descriptors that it was born with
  ["epoll_create1", 291, 20],
  ["epoll_ctl", 233, 21],
  ["eventfd2", 290, 19],
  ["pipe2", 293, 59],
  ["poll", 7, null],
  ["ppoll", 271, 73],
  ["readv", 19, 65],
  ["writev", 20, 66],
  ["close", 3, 57],
  ["fcntl", 72, 25],
  ["getsockname", 51, 204],
  ["getsockopt", 55, 209],
  ["shutdown", 48, 210],

  // The files that it is made of
  ["openat", 257, 56],
  ["open", 2, null],
  ["pread64", 17, 67],
  ["lseek", 8, 62],
  ["fstat", 5, 80],
  ["newfstatat", 262, 79],
  ["statx", 332, 291],
  ["stat", 4, null],
  ["lstat", 6, null],
  ["access", 21, null],
  ["faccessat", 269, 48],
  ["faccessat2", 439, 439],
  ["readlink", 89, null],
  ["readlinkat", 267, 78],
  ["getcwd", 79, 17],

  // What it is and what the machine is
  ["getpid", 39, 172],
  ["getppid", 110, 173],
  ["getuid", 102, 174],
  ["geteuid", 107, 175],
  ["getgid", 104, 176],
  ["getegid", 108, 177],
  ["capget", 125, 90],
  ["getrusage", 98, 165],
  ["getrandom", 318, 278],
  ["gettimeofday", 96, 169],
  ["clock_getres", 229, 114],
  ["uname", 63, 160],
  ["sysinfo", 99, 179],

  // Becoming nobody; with `no_new_privs` there is no way back
  ["setgroups", 116, 159],
  ["setgid", 106, 144],
  ["setuid", 105, 146],

  // bubblewrap's: the exec of Node comes behind the filter, so it can't be refused. A process made by it is this one
  // under another program, behind the same walls; a second one can't be made. Its first process waits for this one.
  ["execve", 59, 221],
  ["wait4", 61, 260],
];

/** Allowed in one form each. */
export const boundedCalls = {
  clone: { x64: 56, arm64: 220 },
  ioctl: { x64: 16, arm64: 29 },
  prctl: { x64: 157, arm64: 167 },
  prlimit64: { x64: 302, arm64: 261 },
} as const;
