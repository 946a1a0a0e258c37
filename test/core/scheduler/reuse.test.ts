// Whose runs may share an executor: what two runs must have in common.
import t from "tap";
import { reuseKeyOf } from "../../../runtime/core/scheduler/reuse.ts";
import type { RunOrder } from "../../../runtime/core/scheduler/run.ts";

const keyOf = (tenant: string, name: string, digest: string) =>
  reuseKeyOf({ spec: { tenant, name }, bundle: { digest } } as unknown as RunOrder);

t.test("[ISO-20] another tenant, another job, another bundle: another executor", async (t) => {
  const own = keyOf("acme", "sync", "sha256:1");
  t.equal(keyOf("acme", "sync", "sha256:1"), own);
  for (const other of [
    keyOf("other", "sync", "sha256:1"),
    keyOf("acme", "report", "sha256:1"),
    keyOf("acme", "sync", "sha256:2"),
    keyOf("acme,sync", "", "sha256:1"),
    keyOf('acme","sync', "", "sha256:1"),
  ])
    t.not(other, own);
});
