// Attacks on the walls around an executor, from inside: a process of ours stands in its place (executor/attacker.ts) and
// tries what a job could that had left its isolate. Each names the layer that is there to refuse it. Most are tried without
// Node's permission model, so that the operating system itself is asked.
import type { Attack, Bench, InsideKind, Seen } from "../attack.ts";

const fromInside: readonly (readonly [name: string, tries: string, needs: string, attempt: string])[] = [
  ["a connection", "connect() to a listener on loopback", "network-namespace", "connect"],
  ["a file of the machine", "reading /etc/passwd", "mount-tree", "/etc/passwd"],
  ["a file for everyone", "reading one outside", "mount-tree", "read"],
  ["the state directory", "listing it", "mount-tree", "list"],
  ["writing outside", "making a file beside another one", "mount-tree", "write"],
  ["another process", "spawning a child", "seccomp", "child"],
  ["root again", "setuid(0)", "unprivileged-uid", "root again"],
  ["the supervisor", "sending it a signal", "pid-namespace", "signal"],
  ["many descriptors", "256 open files", "rlimits", "descriptors"],
];

export function wallAttacks(): Attack[] {
  return [...fromInside.map(([name, tries, needs, attempt]) => refused(name, tries, needs, attempt)), ...others];
}

async function attemptsOf(bench: Bench, kind: InsideKind): Promise<Readonly<Record<string, string>>> {
  const report = await bench.inside(kind);
  if ("attempts" in report) return report.attempts;
  const { signal, code, stderr } = report.ended;
  throw new Error(`the attacker ended before it could tell: ${signal ?? `code ${code}`} ${stderr}`);
}

function refused(name: string, tries: string, needs: string, attempt: string): Attack {
  return {
    group: "walls",
    name,
    tries: `${tries}, from the executor's process`,
    expects: "refused",
    needs,
    jobs: {},
    async run(bench): Promise<Seen> {
      const said = (await attemptsOf(bench, "walls"))[attempt] ?? "not tried";
      const { connects, signals } = await bench.inside("walls");
      const reached = (attempt === "connect" && connects > 0) || (attempt === "signal" && signals > 0);
      const held = said.startsWith("refused: ") && !reached && bench.place.bait.untouched();
      return { held, saw: `${said}${reached ? "; and it arrived" : ""}` };
    },
  };
}

const others: readonly Attack[] = [
  {
    group: "walls",
    name: "the environment",
    tries: "reading it from the executor's process",
    expects: "empty",
    needs: "process",
    jobs: {},
    async run(bench) {
      const said = (await attemptsOf(bench, "walls")).environment;
      return { held: said === "did: 0", saw: said === "did: 0" ? "no variable" : String(said) };
    },
  },
  {
    group: "walls",
    name: "the user",
    tries: "asking who the executor is",
    expects: "not root",
    needs: "unprivileged-uid",
    jobs: {},
    async run(bench) {
      const said = (await attemptsOf(bench, "walls")).user ?? "not tried";
      return { held: /^did: [1-9]\d*$/.test(said), saw: said.replace("did: ", "uid ") };
    },
  },
  {
    group: "walls",
    name: "Node's permission model",
    tries: "reading, listing, writing and spawning, as Node itself has it",
    expects: "refused: ERR_ACCESS_DENIED",
    needs: "node-permission",
    jobs: {},
    async run(bench): Promise<Seen> {
      const said = await attemptsOf(bench, "permission");
      const names = ["/etc/passwd", "read", "list", "write", "child"];
      const codes = [...new Set(names.map((name) => said[name] ?? "not tried"))];
      return { held: codes.join() === "refused: ERR_ACCESS_DENIED", saw: codes.join(", ") };
    },
  },
  {
    group: "walls",
    name: "a dead supervisor",
    tries: "SIGKILL to the parent of an executor that ignores its pipe's end",
    expects: "it dies with its parent",
    needs: "die-with-parent",
    jobs: {},
    async run(bench): Promise<Seen> {
      const { orphan = "not tried" } = await attemptsOf(bench, "orphan");
      return { held: orphan === "refused: dead", saw: orphan };
    },
  },
  {
    group: "walls",
    name: "memory, unwatched",
    tries: "512 MiB in an executor for 32, while no supervisor looks",
    expects: "the kernel ends it",
    needs: "cgroup",
    jobs: {},
    async run(bench): Promise<Seen> {
      const report = await bench.inside("memory");
      if ("attempts" in report) return { held: false, saw: `it lives: ${report.attempts.memory}` };
      const { signal, code, outOfMemory } = report.ended;
      return { held: outOfMemory, saw: `ended by ${signal ?? `code ${code}`}${outOfMemory ? ", out of memory" : ""}` };
    },
  },
];
