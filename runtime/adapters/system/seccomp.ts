// The filter of an executor's system calls: a classic BPF program that the kernel asks at each of them (seccomp(2),
// Documentation/userspace-api/seccomp_filter.rst). It answers "no such call" to all that is not in seccomp-table.ts, since
// every library has a way of its own for kernels that lack one; bubblewrap loads it just before it becomes Node.
//
//   another architecture's entry (32-bit)   the process is killed
//   x32 numbers                             ENOSYS
//   listed                                  allowed
//   clone, ioctl, prctl, prlimit64          allowed in the form below, otherwise EPERM
//   everything else                         ENOSYS (clone3 too, whose flags lie in memory that a filter can't read: the C
//                                           library then takes clone)
import { existsSync, readFileSync } from "node:fs";
import { endianness } from "node:os";
import { type Architecture, allowedCalls, boundedCalls } from "./seccomp-table.ts";

/** AUDIT_ARCH_*: which of its entries the kernel was called by. */
const auditArchitecture: Record<Architecture, number> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
/** On x86-64, numbers with this bit are of the x32 interface. */
const x32Bit = 0x4000_0000;

const action = { allow: 0x7fff_0000, errno: 0x0005_0000, killProcess: 0x8000_0000 };
const EPERM = 1;
const ENOSYS = 38;

/** Where `struct seccomp_data` has what; of an argument the low half, since these four are of 32 bits to the kernel. */
const offset = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index };

const CLONE_THREAD = 0x0001_0000;
/** CLONE_NEWTIME, _NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET */
const cloneNamespaces = 0x0000_0080 | 0x0002_0000 | 0x7e00_0000;
/** TCGETS and TIOCGWINSZ (is it a terminal?), FIONBIO, FIOCLEX, FIONREAD */
const ioctlRequests = [0x5401, 0x5413, 0x5421, 0x5451, 0x541b];
/** PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: names of threads and of memory */
const prctlOptions = [15, 16, 0x53_564d_41];

/** One `struct sock_filter`: jumps count instructions to leave out. */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

const load = (at: number): Instruction => [0x20, 0, 0, at];
const and = (mask: number): Instruction => [0x54, 0, 0, mask];
const ifEqual = (value: number, jumpTrue: number, jumpFalse: number): Instruction => [0x15, jumpTrue, jumpFalse, value];
const ifAtLeast = (value: number, jumpTrue: number, jumpFalse: number): Instruction => [
  0x35,
  jumpTrue,
  jumpFalse,
  value,
];
const end = (value: number): Instruction => [0x06, 0, 0, value];
const allow = end(action.allow);
const refuse = (errno: number) => end(action.errno | errno);

/** The program in the byte order of this machine; undefined when there is no table for it. */
export function seccompProgram(architecture: string): Uint8Array | undefined {
  if (architecture !== "x64" && architecture !== "arm64") return undefined;
  const instructions: Instruction[] = [
    load(offset.architecture),
    ifEqual(auditArchitecture[architecture], 1, 0),
    end(action.killProcess),
    load(offset.number),
    ...(architecture === "x64" ? [ifAtLeast(x32Bit, 0, 1), refuse(ENOSYS)] : []),
    ...allowedCalls.flatMap(([, x64, arm64]) => allowCall(architecture === "x64" ? x64 : arm64)),
    ...boundCalls(architecture),
    refuse(ENOSYS),
  ];
  return assemble(instructions);
}

function allowCall(number: number | null): Instruction[] {
  return number === null ? [] : [ifEqual(number, 0, 1), allow];
}

function boundCalls(architecture: Architecture): Instruction[] {
  const number = (name: keyof typeof boundedCalls) => boundedCalls[name][architecture];
  const isThread = [and(CLONE_THREAD | cloneNamespaces), ...allowValues([CLONE_THREAD])];
  return [
    ...boundCall(number("clone"), 0, isThread),
    ...boundCall(number("ioctl"), 1, allowValues(ioctlRequests)),
    ...boundCall(number("prctl"), 0, allowValues(prctlOptions)),
    ...boundCall(number("prlimit64"), 0, allowValues([0])), // of itself, which it can't raise
  ];
}

/** For this call, `rules` look at one argument; what they don't allow is refused. */
function boundCall(number: number, argument: number, rules: readonly Instruction[]): Instruction[] {
  return [
    ifEqual(number, 0, rules.length + 2),
    load(offset.argument(argument)),
    ...rules,
    refuse(EPERM), // and no further: the accumulator no longer holds the number
  ];
}

function allowValues(values: readonly number[]): Instruction[] {
  return values.flatMap((value) => [ifEqual(value, 0, 1), allow]);
}

function assemble(instructions: readonly Instruction[]): Uint8Array {
  const isLittle = endianness() === "LE";
  const program = new DataView(new ArrayBuffer(instructions.length * 8));
  for (const [index, [code, jumpTrue, jumpFalse, operand]] of instructions.entries()) {
    program.setUint16(index * 8, code, isLittle);
    program.setUint8(index * 8 + 2, jumpTrue);
    program.setUint8(index * 8 + 3, jumpFalse);
    program.setUint32(index * 8 + 4, operand, isLittle);
  }
  return new Uint8Array(program.buffer);
}

const actionsFile = "/proc/sys/kernel/seccomp/actions_avail";

/** Why this kernel can't filter, undefined when it can. */
export function whyNoSeccomp(actions = actionsFile): string | undefined {
  if (!existsSync(actions)) return "this kernel has no seccomp filters";
  const offered = readFileSync(actions, "utf8");
  return /\berrno\b/.test(offered) && /\ballow\b/.test(offered)
    ? undefined
    : `this kernel offers only ${offered.trim()}`;
}
