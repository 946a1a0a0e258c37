// One hostile run beside a benign one. The hostile run holds a credential; it must end for the reason that is true, its
// process be gone and its credential dead, in this order; the neighbour must not notice.
import type { Test } from "tap";
import type { RunRecord } from "../../runtime/model/run.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import type { JobUnderTest, Runs } from "../support/runs.ts";

export interface Attack extends JobUnderTest {
  /** Codes of which any is the truth. */
  endsBy: readonly string[];
}

/** Past the deadline; a slow machine may take its time, a run that isn't ended would take its 24 hours. */
const graceMs = 20_000;

/** Body of a job that fetches its credential first. */
export function holding(body: string): string {
  return `await c.credential.fetch(); ${body}`;
}

export async function attack(t: Test, runs: Runs, job: string, endsBy: readonly string[]): Promise<RunRecord> {
  const neighbour = await runs.neighbour();
  const hostile = await runs.start(job);
  const record = await hostile.done;
  t.ok(endsBy.includes(record.error?.code ?? ""), `${job} ended by ${record.error?.code}: ${record.error?.message}`);
  t.equal(record.state, "limit");
  t.equal(record.result, null);
  t.ok(record.usage.wallMs < record.limits.wallMs + graceMs, `after ${record.usage.wallMs} ms`);
  t.notOk(hostile.isThere(), "its process is gone");
  t.match(record.teardown, {
    isolate: "confirmed",
    process: "confirmed",
    directory: "confirmed",
    sockets: "confirmed",
    lease: "confirmed",
  });
  t.match(record.lease, { state: "revoked", proof: /revoked/ });
  t.ok(inOrder(runs.events, record.id), "issued, ended, everything taken away, and only then called ended");
  const kept = await neighbour.done();
  t.match(
    kept,
    { state: "succeeded", result: { own: neighbour.own }, error: null },
    "the neighbour has its own result",
  );
  return record;
}

/** A twin without the limit: what ended the attack was the limit, and nothing else. */
export async function survives(t: Test, runs: Runs, job: string): Promise<RunRecord> {
  const record = await runs.run(job);
  t.equal(record.state, "succeeded", `without the limit nothing ends it: ${record.error?.message}`);
  return record;
}

function inOrder(events: readonly RunEvent[], runId: string): boolean {
  const seen = events
    .filter((event) => event.runId === runId)
    .map((event) => {
      if (event.type === "lease") return `lease ${event.state}`;
      return event.type === "teardown" ? `${event.type} ${event.step}` : event.type;
    });
  const at = (what: string) => seen.indexOf(what);
  const gone = ["lease revoked", "teardown lease", "teardown process", "teardown sockets", "teardown directory"];
  return (
    at("launched") < at("lease issued") &&
    at("lease issued") < at("result") &&
    gone.every((what) => at("result") < at(what) && at(what) < at("ended"))
  );
}
