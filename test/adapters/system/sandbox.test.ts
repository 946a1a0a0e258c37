// The plan of an executor's walls, from what a machine offers: the tools are stand-ins in a PATH of our own, so that every
// machine can be tried. Whether the walls hold is tried in test/executor/walls.test.ts.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import type { FoundCgroups } from "../../../runtime/adapters/system/cgroup.ts";
import { planSandbox } from "../../../runtime/adapters/system/sandbox.ts";

const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
t.teardown(removeCallback);
chmodSync(directory, 0o755); // others may run what is in it
const MiB = 1_048_576;
const wanted = { memoryBytes: 64 * MiB, cpuMs: 10_500 };
const noCgroups: FoundCgroups = { missing: "none in this test" };
const isRoot = process.getuid?.() === 0;

function machine(...tools: string[]): string {
  const path = join(directory, tools.join("-") || "bare");
  mkdirSync(path, { recursive: true });
  for (const tool of tools) writeFileSync(join(path, tool), "", { mode: 0o755 });
  return path;
}
for (const name of ["node", "isolate.node", "executor.cjs", "guest.js", "guest.cache"])
  writeFileSync(join(directory, name), "");
const files = {
  node: join(directory, "node"),
  addon: join(directory, "isolate.node"),
  entry: join(directory, "executor.cjs"),
  guest: join(directory, "guest.js"),
  codeCache: join(directory, "guest.cache"),
};

interface Machine {
  bwrapBroken?: string;
  cgroups?: FoundCgroups;
  architecture?: string;
  noSeccomp?: string;
}

const plan = (path: string, options: Machine = {}) => planSandbox({ files, cgroups: noCgroups, path, ...options });
const armed = (path: string, options = {}) =>
  plan(path, options)
    .layers.filter((layer) => layer.armed)
    .map((layer) => layer.name);
const pairs = (args: readonly string[], flag: string) =>
  args.flatMap((arg, at) => (arg === flag ? [args.slice(at + 1, at + 3)] : []));

t.test(
  "a machine with everything: all namespaces, an empty environment, its own files read-only, no way back",
  async (t) => {
    const path = machine("bwrap", "prlimit", "setpriv");
    const sandbox = plan(path);
    const { file, args } = sandbox.command(wanted);
    t.equal(file, join(path, "prlimit"), "limits first, so that they hold for all that follows");
    t.ok(sandbox.nested);
    for (const flag of [
      "--unshare-net",
      "--unshare-pid",
      "--unshare-ipc",
      "--unshare-uts",
      "--clearenv",
      "--die-with-parent",
      "--new-session",
    ]) {
      t.ok(args.includes(flag), flag);
    }
    t.same(
      pairs(args, "--bind").concat(
        pairs(args, "--dev-bind"),
        pairs(args, "--proc"),
        pairs(args, "--dev"),
        pairs(args, "--tmpfs"),
      ),
      [],
      "nothing writable, no /proc, no /dev",
    );
    const inside = pairs(args, "--ro-bind").map(([, to]) => to);
    for (const to of inside) t.match(to, /^\/(node|isolate\.node|executor\.cjs|guest\.(js|cache)|(usr\/)?lib)/);
    t.ok(args.indexOf("--remount-ro") > args.lastIndexOf("--ro-bind"), "read-only once everything is there");
    t.match(args.join(" "), isRoot ? /--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID/ : /--unshare-user/);
    t.match(args.join(" "), /--seccomp 5 \/node/, "the filter goes up last, so that nothing but Node is behind it");
    t.ok((sandbox.seccomp?.length ?? 0) > 500, "and has instructions");
    const node = args.slice(args.indexOf("/node", args.indexOf("--chdir")));
    t.ok(node.includes("--permission"));
    t.ok(node.includes("--disable-sigusr1"), "a signal doesn't open the inspector");
    t.same(
      node.filter((arg) => arg.startsWith("--allow")).filter((arg) => !arg.startsWith("--allow-fs-read=/")),
      ["--allow-addons"],
    );
    t.notMatch(args.join(" "), /--allow-(fs-write|child-process|worker|wasi|net)|--inspect/);
  },
);

t.test("limits of the operating system follow the job's: numbers in the units that prlimit takes", async (t) => {
  const { args } = plan(machine("bwrap", "prlimit", "setpriv")).command(wanted);
  for (const limit of ["--core=1", "--fsize=0", "--nofile=64", "--cpu=16", `--data=${(1_280 + 96) * MiB}`])
    t.ok(args.includes(limit), limit);
  t.same(plan(machine()).cgroupLimits(wanted), { memoryBytes: (48 + 96) * MiB, pidsMax: 64 });
  const measured = plan(machine("bwrap", "prlimit", "setpriv")).command(wanted, 1_126 * MiB);
  t.ok(measured.args.includes(`--data=${(1_126 + 96) * MiB}`), "tighter, once a ready executor has been measured");
});

t.test(
  "bubblewrap that is there and doesn't work: the next best, and the reason in every layer that is lost",
  async (t) => {
    const path = machine("bwrap", "prlimit", "setpriv");
    const sandbox = plan(path, { bwrapBroken: "no user namespaces" });
    const { args } = sandbox.command(wanted);
    t.notOk(sandbox.nested);
    t.notMatch(args.join(" "), /unshare/);
    t.match(args.join(" "), /setpriv --no-new-privs --pdeathsig SIGKILL \/usr\/bin\/env -i/);
    for (const layer of sandbox.layers.filter(
      (each) => each.name.endsWith("namespace") || each.name === "mount-tree",
    )) {
      t.match(layer, { armed: false, detail: /no user namespaces/, hint: /sysctl|root/ });
    }
  },
);

t.test("a machine that can't filter system calls: all other walls stand, and the layer says why", async (t) => {
  const path = machine("bwrap", "prlimit", "setpriv");
  for (const [options, detail] of [
    [{ architecture: "riscv64" }, /no table of system calls for riscv64/],
    [{ noSeccomp: "this kernel has no seccomp filters" }, /no seccomp filters/],
  ] as const) {
    const sandbox = plan(path, options);
    t.equal(sandbox.seccomp, undefined);
    t.notMatch(sandbox.command(wanted).args.join(" "), /--seccomp/);
    t.ok(sandbox.nested);
    const layer = sandbox.layers.find(({ name }) => name === "seccomp");
    t.match(layer, { armed: false, detail, hint: /kernel|machine/ });
    t.notOk(sandbox.complete, "and where every layer is required, it is missed");
  }
  t.equal(plan(machine("prlimit", "setpriv")).seccomp, undefined, "without bubblewrap there is nobody to load it");
});

t.test("a bare machine: nothing is called armed that isn't, and each layer says how to arm it", async (t) => {
  const sandbox = plan(machine());
  const names = armed(machine()).filter((name) => name !== "unprivileged-uid");
  t.same(names, ["process", "node-permission"]);
  t.notOk(sandbox.complete);
  const { file, args } = sandbox.command(wanted);
  t.same(
    [file, ...args].slice(0, 4),
    ["/usr/bin/env", "-i", files.node, "--permission"],
    "the environment is empty all the same",
  );
  for (const layer of sandbox.layers.filter((each) => !each.armed)) t.ok((layer.hint ?? "").length > 10, layer.name);
});

t.test("one tool more arms its own layers and no others", async (t) => {
  const bare = armed(machine());
  t.same(
    armed(machine("prlimit")).filter((name) => !bare.includes(name)),
    ["rlimits"],
  );
  t.same(
    armed(machine("setpriv")).filter((name) => !bare.includes(name)),
    ["no-new-privs", "die-with-parent"],
  );
  const cgroups = { cgroups: { detail: "stand-in" } } as unknown as FoundCgroups;
  t.same(
    armed(machine(), { cgroups }).filter((name) => !bare.includes(name)),
    ["cgroup"],
  );
  t.ok(plan(machine("bwrap", "prlimit", "setpriv"), { cgroups }).complete);
  t.notOk(plan(machine("bwrap", "prlimit", "setpriv")).complete, "complete is complete");
});

t.test("a tool that can't be run, or is a directory, is not there", async (t) => {
  const path = machine("prlimit", "setpriv", "bwrap", "x");
  chmodSync(join(path, "bwrap"), 0o644);
  mkdirSync(join(directory, "odd", "bwrap"), { recursive: true });
  t.notOk(plan(`${path}:${join(directory, "odd")}:`).nested);
});

t.test(
  "root without bubblewrap: another user, if that user can read the files; root, aloud, if not",
  { skip: !isRoot && "not root" },
  async (t) => {
    const path = machine("prlimit", "setpriv");
    chmodSync(directory, 0o755);
    t.match(plan(path).command(wanted), { uid: 65_534, gid: 65_534 });
    chmodSync(directory, 0o700);
    const closed = plan(path);
    t.match(
      closed.layers.find((layer) => layer.name === "die-with-parent"),
      { armed: false, detail: /loses the signal/ },
    );
    t.notOk("uid" in closed.command(wanted));
    t.match(
      closed.layers.find((layer) => layer.name === "unprivileged-uid"),
      { armed: false, detail: /root/, hint: /ordinary user/ },
    );
  },
);
