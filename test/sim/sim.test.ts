// Histories of a whole installation in simulated time: the product's own broker, revoker, reaper and scheduler under crashes,
// stalls, two owners, lost and repeated messages, full disks and clocks that jump. A few seeds here, a thousand with
// `npm run sim`; and each planted fault is found within two hundred.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import t from "tap";
import { playHistory } from "./history.ts";
import { plants } from "./plants.ts";

const seedsHere = 60;
const seedsForPlants = 200;

t.test(
  `[CRASH-01] [CRASH-05] [CRASH-07] [CRASH-19] ${seedsHere} histories, and no invariant breaks (SCHED-05, SCHED-06, SCHED-07, SCHED-18)`,
  async (t) => {
    const counts = { runs: 0, credentials: 0, faults: 0 };
    for (let seed = 1; seed <= seedsHere; seed += 1) {
      const history = await playHistory(seed);
      for (const what of history.violations) t.fail(`seed ${seed}: ${what}`);
      counts.runs += history.runs;
      counts.credentials += history.credentials;
      counts.faults += history.faults;
    }
    t.comment(JSON.stringify(counts));
    t.ok(
      counts.credentials > 5 * seedsHere && counts.faults > 10 * seedsHere,
      "in which much went on, and much went wrong",
    );
  },
);

t.test("the same seed is the same history, to the last step", async (t) => {
  const tellings = await Promise.all(
    [1, 2].map(async () => {
      const said: string[] = [];
      const history = await playHistory(7, { say: (line) => said.push(line) });
      return { history, said };
    }),
  );
  t.same(tellings[0], tellings[1]);
});

for (const [name, plant] of Object.entries(plants)) {
  t.test(`a planted fault is found: ${name}`, async (t) => {
    for (let seed = 1; seed <= seedsForPlants; seed += 1) {
      const [violation] = (await playHistory(seed, { plant })).violations;
      if (violation === undefined) continue;
      t.pass(`seed ${seed}: ${violation}`);
      return;
    }
    t.fail(`not within ${seedsForPlants} seeds`);
  });
}

t.test(
  "the command: exit 0 when all holds and when a planted fault is found, 1 and the seed otherwise, 2 for nonsense",
  (t) => {
    const script = fileURLToPath(new URL("../../scripts/sim.ts", import.meta.url));
    const sim = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
    t.match(sim("--seeds", "2"), { status: 0, stdout: /^2 histories .* all invariants held\n$/ });
    t.match(sim("--seeds", "20", "--plant", "handle-is-not-noted"), { status: 0, stdout: /^seed \d+: I3 / });
    t.match(sim("--seeds", "2", "--plant", "slots-without-a-kye"), { status: 2, stderr: /needed one of/ });
    t.match(sim("--seeds", "0"), { status: 2, stderr: /whole number/ });
    t.match(sim("--seed", "3"), { status: 0, stdout: /start-1 starts[\s\S]*faults cease/ });
    t.end();
  },
);
