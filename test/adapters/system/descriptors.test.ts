// The descriptors that no new work may take, in this very process: its own limit is put down while a request is tried.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import t from "tap";
import { descriptorsForWork } from "../../../runtime/adapters/system/descriptors.ts";
import { descriptorReserve } from "../../../runtime/model/limits.ts";
import { always, clientFor, codeOf, get, ok, peer, targetAt } from "./undici-world.ts";

const softLimit = () => Number(/^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);

/** So many more than are open now. */
function leave(count: number): void {
  setLimit(readdirSync("/proc/self/fd").length + count);
}

function setLimit(soft: number): void {
  const { status, stderr } = spawnSync("prlimit", [`--nofile=${soft}:`, "--pid", String(process.pid)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
}

t.test("[CRASH-11] a job's request takes none of the descriptors that are for the end of runs", async (t) => {
  const before = softLimit();
  t.teardown(() => setLimit(before));
  const here = await peer(t, always(ok));
  const client = clientFor(t);
  leave(descriptorReserve - 4);
  t.ok(descriptorsForWork() < 0);
  t.equal(await codeOf(get(client, targetAt(here.port))), "net_busy");
  t.same(here.received, [], "nobody was dialled");
  setLimit(before);
  t.ok(descriptorsForWork() > 0);
  t.equal((await get(client, targetAt(here.port))).status, 200, "and with room again it goes through (twin)");
});
