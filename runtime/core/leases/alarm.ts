// Tells the operator of leases that are not proven dead: once a lease and kind, gathered by issuer, so that ten thousand
// leases of one dead issuer are a few lines and not ten thousand.
import { escapeLine } from "../../model/error.ts";
import type { LeaseId } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";

export type AlarmKind = "unconfirmed" | "irrevocable";

/**
 * Between two alerts of a kind about one issuer, ms. The first is to be heard within a minute, with the patience before it
 * is raised (revoker.ts); for what has expired an hour is soon enough.
 */
export const gatherMs: Readonly<Record<AlarmKind, number>> = { unconfirmed: 15_000, irrevocable: 3_600_000 };
const namedMax = 3;

export interface Alarm {
  raise(lease: Lease, kind: AlarmKind): void;
  /** Says what waits to be said. */
  flush(): Promise<void>;
}

export interface AlarmParts {
  store: Store;
  clock: Clock;
  /** One line for the operator. */
  onAlert: (message: string) => void;
}

interface Gathering {
  kind: AlarmKind;
  issuer: string;
  leases: Map<LeaseId, Lease>;
  cancel: (() => void) | undefined;
  saidAtMs: number;
}

export function makeAlarm({ store, clock, onAlert }: AlarmParts): Alarm {
  const gatherings = new Map<string, Gathering>();

  function gatheringOf(kind: AlarmKind, issuer: string): Gathering {
    const key = `${kind} ${issuer}`;
    const before = gatherings.get(key);
    if (before !== undefined) return before;
    const made = { kind, issuer, leases: new Map(), cancel: undefined, saidAtMs: Number.NEGATIVE_INFINITY };
    gatherings.set(key, made);
    return made;
  }

  async function say(gathering: Gathering): Promise<void> {
    const { kind, issuer } = gathering;
    gathering.cancel?.();
    gathering.cancel = undefined;
    const leases = [...gathering.leases.values()];
    gathering.leases.clear();
    if (leases.length === 0) return;
    gathering.saidAtMs = clock.monotonicMs();
    const message = inWords(kind, issuer, leases);
    onAlert(message);
    const one = leases.length === 1 ? leases[0] : undefined;
    const about = one === undefined ? {} : { runId: one.runId, job: one.job, leaseId: one.id };
    const audit = { type: "alert", ...about, code: `lease_${kind}`, target: issuer, detail: message } as const;
    await store.commit([{ audit }]).catch(() => undefined); // the operator was told; the lease's own row says it too
  }

  return {
    raise(lease, kind) {
      const gathering = gatheringOf(kind, lease.issuer);
      gathering.leases.set(lease.id, lease);
      if (gathering.cancel !== undefined) return;
      const waitMs = gathering.saidAtMs + gatherMs[kind] - clock.monotonicMs();
      if (waitMs > 0) gathering.cancel = clock.setTimer(waitMs, () => void say(gathering));
      else void say(gathering);
    },
    async flush() {
      await Promise.all([...gatherings.values()].map(say));
    },
  };
}

function inWords(kind: AlarmKind, issuer: string, leases: readonly Lease[]): string {
  const named = leases.slice(0, namedMax).map(({ id }) => id);
  const more = leases.length > namedMax ? ` and ${leases.length - namedMax} more` : "";
  const count = leases.length === 1 ? "a lease" : `${leases.length} leases`;
  const last = leases.at(-1)?.lastError ?? "no answer yet";
  const state =
    kind === "unconfirmed"
      ? "not proven dead, and tried again until proven"
      : "irrevocable: expired, and still not proven dead; tried again daily. End it at the issuer by hand";
  return `${count} at issuer ${issuer} ${leases.length === 1 ? "is" : "are"} ${state} (${named.join(", ")}${more}): ${escapeLine(last, 200)}; see \`mayfly leases\``;
}
