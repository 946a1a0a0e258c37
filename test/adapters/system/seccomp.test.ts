// The filter of system calls, instruction by instruction, for both architectures on any machine: a small interpreter of
// classic BPF asks the program what the kernel would. What the kernel itself does with it: test/executor/calls.test.ts.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { endianness } from "node:os";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { seccompProgram, whyNoSeccomp } from "../../../runtime/adapters/system/seccomp.ts";
import { type Architecture, allowedCalls, boundedCalls } from "../../../runtime/adapters/system/seccomp-table.ts";

const audit = { x64: 0xc000003e, arm64: 0xc00000b7, i386: 0x40000003, arm: 0x40000028 };
const architectures = ["x64", "arm64"] as const;
const isLittle = endianness() === "LE";
const cloneOfThread = 0x3d0f00;

interface Asked {
  number: number;
  arguments?: number[];
  entry?: number;
}

/** What the kernel would answer: "allow", "kill" or an errno. */
function ask(architecture: Architecture, asked: Asked, program = seccompProgram(architecture)): string | number {
  if (program === undefined) throw new Error("no program");
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  const data = new Map([
    [0, asked.number],
    [4, asked.entry ?? audit[architecture]],
    ...(asked.arguments ?? []).map((value, index) => [16 + 8 * index, value] as const),
  ]);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, operand] = [view.getUint16(at, isLittle), view.getUint32(at + 4, isLittle)];
    const jump = (isTrue: boolean) => {
      at += 8 * view.getUint8(at + (isTrue ? 2 : 3));
    };
    if (code === 0x20) accumulator = (data.get(operand) ?? 0) >>> 0;
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x15) jump(accumulator === operand);
    else if (code === 0x35) jump(accumulator >= operand);
    else if (code === 0x06) return verdict(operand);
    else throw new Error(`instruction ${code.toString(16)}`);
  }
  throw new Error("the program runs off its end");
}

function verdict(action: number): string | number {
  if (action === 0x7fff0000) return "allow";
  if (action === 0x80000000) return "kill";
  if (action >>> 16 === 5) return action & 0xffff;
  throw new Error(`action ${action.toString(16)}`);
}

const numbersOf = (architecture: Architecture) =>
  allowedCalls.flatMap(([, x64, arm64]) => (architecture === "x64" ? x64 : arm64) ?? []);

for (const architecture of architectures) {
  t.test(`${architecture}: a call that is in no table, among all that there are`, async (t) => {
    const listed = new Set(numbersOf(architecture));
    const bounded = new Set<number>(Object.values(boundedCalls).map((numbers) => numbers[architecture]));
    t.ok(listed.size > 60 && listed.size < 90, `${listed.size} calls are listed`);
    for (let number = 0; number < 2_000; number += 1) {
      if (bounded.has(number)) continue;
      const answer = ask(architecture, { number });
      if (answer !== (listed.has(number) ? "allow" : 38)) t.fail(`number ${number}: ${answer}`);
    }
    for (const number of [2 ** 31, 2 ** 32 - 1, 0xffff]) t.equal(ask(architecture, { number }), 38, `number ${number}`);
  });

  t.test(
    `${architecture}: a call through the entry of another architecture, whose numbers mean other calls`,
    async (t) => {
      for (const entry of Object.values(audit).filter((each) => each !== audit[architecture]))
        for (const number of [0, 1, 11, 59, 102, 221]) t.equal(ask(architecture, { number, entry }), "kill");
    },
  );

  t.test(`${architecture}: a process where a thread was meant, and a thread in a namespace of its own`, async (t) => {
    const number = boundedCalls.clone[architecture];
    const clone = (flags: number) => ask(architecture, { number, arguments: [flags] });
    t.equal(clone(cloneOfThread), "allow");
    t.equal(clone(17), 1, "fork");
    t.equal(clone(0x4111), 1, "vfork");
    for (const namespace of [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
      t.equal(clone(cloneOfThread | namespace), 1, `namespace ${namespace.toString(16)}`);
  });

  t.test(`${architecture}: calls of many faces, each in the form that it is allowed in and in others`, async (t) => {
    const { ioctl, prctl, prlimit64 } = boundedCalls;
    const on = (numbers: { x64: number; arm64: number }, ...args: number[]) =>
      ask(architecture, { number: numbers[architecture], arguments: args });
    t.equal(on(ioctl, 3, 0x5421), "allow", "FIONBIO");
    t.equal(on(ioctl, 0, 0x5412), 1, "TIOCSTI: typing into another's terminal");
    t.equal(on(ioctl, 0x5421, 0x5412), 1, "the request is the second argument, whatever the first is");
    t.equal(on(prctl, 15), "allow", "PR_SET_NAME");
    for (const option of [4, 22, 24, 38, 1_499_557_217]) t.equal(on(prctl, option), 1, `option ${option}`);
    t.equal(on(prlimit64, 0), "allow", "its own limits");
    t.equal(on(prlimit64, 1), 1, "another's");
  });
}

t.test("x32: the numbers of x86-64 under another interface, by which filters were passed before", async (t) => {
  for (const number of numbersOf("x64")) {
    const answer = ask("x64", { number: number + 0x40000000 });
    if (answer !== 38) t.fail(`number ${number}: ${answer}`);
  }
});

t.test(
  "the interpreter isn't blind: a program that allows is seen to allow, one without an end to have none",
  async (t) => {
    const program = new DataView(new ArrayBuffer(8));
    program.setUint16(0, 6, isLittle);
    program.setUint32(4, 0x7fff0000, isLittle);
    t.equal(ask("x64", { number: 101 }, new Uint8Array(program.buffer)), "allow");
    t.throws(() => ask("x64", { number: 101 }, new Uint8Array(0)), /off its end/);
  },
);

const headers: Record<Architecture, string[]> = {
  x64: ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"],
  arm64: ["/usr/include/asm-generic/unistd.h"],
};

for (const architecture of architectures) {
  t.test(`${architecture}: a number that is another call's`, async (t) => {
    const path = headers[architecture].find(existsSync);
    if (path === undefined) return t.comment("the kernel's headers are not installed here");
    const text = readFileSync(path, "utf8");
    const numberOf = (name: string) =>
      Number(new RegExp(`^#define __NR(?:3264)?_${name}\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
    const generic = (name: string) => (name === "newfstatat" && architecture === "arm64" ? "fstatat" : name);
    for (const [name, x64, arm64] of allowedCalls) {
      const number = architecture === "x64" ? x64 : arm64;
      if (number !== null && numberOf(generic(name)) !== number)
        t.fail(`${name} is ${numberOf(generic(name))}, not ${number}`);
    }
    for (const [name, numbers] of Object.entries(boundedCalls)) t.equal(numbers[architecture], numberOf(name), name);
  });
}

t.test("a machine that can't filter: another architecture, or a kernel without the means", async (t) => {
  t.equal(seccompProgram("riscv64"), undefined);
  const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
  t.teardown(removeCallback);
  t.match(whyNoSeccomp(join(directory, "none")), /no seccomp/);
  const few = join(directory, "few");
  writeFileSync(few, "log allow\n");
  t.match(whyNoSeccomp(few), /offers only log allow/);
  writeFileSync(few, "kill_process errno log allow\n");
  t.equal(whyNoSeccomp(few), undefined);
});
