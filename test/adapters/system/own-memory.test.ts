// Memory that large buffers had is the system's again, also when others were made behind them. What is measured is a process
// of its own, and its twin is one whose allocator is left to itself.
import { spawnSync } from "node:child_process";
import t from "tap";
import { allocatorSettings, unsettled, youngSpaceFlag } from "../../../runtime/adapters/system/own-memory.ts";

const bodies = 4;
const bodyBytes = 14 * 1_048_576;

// A first large buffer is freed; then large ones stand between small ones that stay, and are let go.
const script = `
const body = () => new Uint8Array(${bodyBytes}).fill(1);
const letGo = (bytes) => bytes.buffer.transfer(0);
const small = [];
letGo(body());
const before = process.memoryUsage.rss();
const large = [];
for (let n = 0; n < ${bodies}; n += 1) {
  large.push(body());
  for (let m = 0; m < 200; m += 1) small.push(new Uint8Array(1_000).fill(1));
}
large.forEach(letGo);
console.log(process.memoryUsage.rss() - before, small.length);
`;

function keptBy(settings: Readonly<Record<string, string>>): number {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !(name in allocatorSettings)));
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], {
    env: { ...env, ...settings },
    encoding: "utf8",
  });
  const kept = Number(stdout.split(" ")[0]);
  if (!Number.isFinite(kept)) throw new Error(stderr);
  return kept;
}

t.test("[RES-10] large buffers leave nothing behind; where the allocator is left to itself, they do", async (t) => {
  const [settled, twin] = [keptBy(allocatorSettings), keptBy({})];
  t.ok(settled < bodyBytes / 2, `kept ${settled} bytes`);
  t.ok(twin > bodyBytes, `the twin kept ${twin} bytes`);
});

t.test("what an operator has set is left as it is, and a settled process isn't begun again", async (t) => {
  const [first = "", ...others] = Object.keys(allocatorSettings);
  t.strictSame(Object.keys(unsettled({ [first]: "1" }, []).env), others);
  t.strictSame(unsettled(allocatorSettings, [youngSpaceFlag]), { env: {}, flags: [] });
  t.strictSame(unsettled({}, []), { env: allocatorSettings, flags: [youngSpaceFlag] });
  for (const own of ["--max-semi-space-size=32", "--max_semi_space_size=1"]) {
    t.strictSame(unsettled({}, [own]).flags, [], own);
    t.strictSame(unsettled({ NODE_OPTIONS: own }, []).flags, [], own);
  }
});
