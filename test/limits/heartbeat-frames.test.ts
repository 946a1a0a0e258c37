// The supervisor's heartbeat and memory beside what an executor sends that was taken over: garbage, depth, bodies that nobody
// asked for. heartbeat.ts says how it is measured; heartbeat.test.ts has what jobs send, and the twin.
import t from "tap";
import { floods } from "./floods.ts";
import { proveHeartbeat } from "./heartbeat.ts";

proveHeartbeat(
  t,
  Object.entries(floods).filter(([, { onLaunch }]) => onLaunch !== undefined),
);
