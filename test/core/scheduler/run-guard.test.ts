// The leak guard at a run's record, when the credential holds what names the run: names at issuers are made from its id.
import t from "tap";
import type { RunOrder, RunParts } from "../../../runtime/core/scheduler/run.ts";
import { guardRun } from "../../../runtime/core/scheduler/run-guard.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import { grant, newRunId, rowOf } from "../leases/world.ts";

const order = (id: string) => ({ id, spec: { name: "sync", grants: { credential: grant } } }) as unknown as RunOrder;

t.test(
  "a secret with the run's digits, or a part of them, in it: the record keeps its id, and loses the secret",
  async (t) => {
    const { record } = rowOf(newRunId(), "me", "failed");
    const digits = runIdDigits(record.id);
    for (const name of [`mayfly_0badcafe_${digits}`, `mayfly-${digits.slice(0, 16)}`]) {
      const secret = `${name}:Vk3nT9qLw2xZ8mRb`;
      const guarded = guardRun(order(record.id), { onEvent: () => undefined } as unknown as RunParts, () => undefined);
      guarded.guard.arm([secret]);
      const error = { code: "job_threw", message: `no entry for ${secret}` };
      const kept = guarded.record({ ...record, error });
      t.match(kept, { id: record.id, job: "sync", trigger: record.trigger });
      t.notMatch(kept.error?.message, /Vk3nT9qLw2xZ8mRb/);
    }
  },
);
