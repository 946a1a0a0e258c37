// RES-10 and every other flood, from jobs: the supervisor's heartbeat and memory beside them (heartbeat.ts says how).
import t from "tap";
import { floods } from "./floods.ts";
import { flooded, proveHeartbeat } from "./heartbeat.ts";

proveHeartbeat(
  t,
  Object.entries(floods).filter(([, { onLaunch }]) => onLaunch === undefined),
);

t.test("[RES-10] the watch isn't blind: a supervisor that computes for 600 ms is seen to stand still", async (t) => {
  const { longestMs, stallMs } = await flooded("an error with a long stack", "blocking");
  t.ok(longestMs >= 500, `${Math.round(longestMs)} ms, this machine's own ${Math.round(stallMs)} ms`);
});
