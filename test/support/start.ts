// `mayfly start` as a child process, ready to take submissions, and what is left of it on this machine.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ControlClient, makeControlClient } from "../../runtime/adapters/system/control-client.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import { type CliOptions, launch, type Project, type Running, type Scope } from "./cli.ts";

export interface Started extends Running {
  client: ControlClient;
}

/** Resolves once it says `ready`. */
export async function startMayfly(t: Scope, project: Project, options?: CliOptions): Promise<Started> {
  const running = launch(t, project, ["start", "--allow-missing-sandbox"], options);
  await running.says(/^ready: /m);
  return { ...running, client: clientOf(project) };
}

export function clientOf(project: Project): ControlClient {
  return makeControlClient(join(project.state, "mayfly.sock"));
}

/** Follows a run to its end. */
export async function recordAtEnd(client: ControlClient, id: string) {
  for await (const event of client.events(id) as AsyncIterable<RunEvent>)
    if (event.type === "ended") return event.record;
  throw new Error(`the stream of ${id} ended before its run`);
}

/** Processes whose command line names the project's state: its executors, whoever is their parent now. */
export function processesOf(project: Project): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && commandOf(pid).includes(project.state));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it ended in between
  }
}
