// Who is next: what was accepted waits here, and whichever tenant has the fewest places gets the next one. No tenant can
// keep the others from starting, however much it submits:
//
//   within a tenant      first come, first served
//   among tenants        the one with the fewest runs goes first; of equals, the one that was served longest ago
//   the last free place  is kept for a tenant that has none, as long as there is such a tenant and more than one place
//   the queue            is shared out evenly: a tenant that fills its part leaves the others' alone
//
// The kept place costs a busy tenant one of its places while the others are idle. In exchange a quiet tenant's run never
// waits for the end of somebody else's.

export interface FairQueueOptions {
  /** Runs at once. */
  places: number;
  /** Entries that may wait, of all tenants. */
  waitingMax: number;
  /** All tenants that may ever submit. */
  tenants: readonly string[];
}

export interface FairQueue<Entry> {
  readonly length: number;
  /** Entries of this tenant that wait, and how many may. */
  shareOf(tenant: string): { waiting: number; waitingMax: number };
  push(tenant: string, entry: Entry): void;
  /** The next to start, taken out; undefined when nobody waits, or none of those may have a place now. */
  next(running: readonly string[]): Entry | undefined;
  /** Takes out the entry that fits. */
  remove(fits: (entry: Entry) => boolean): Entry | undefined;
  find(fits: (entry: Entry) => boolean): Entry | undefined;
  count(fits: (entry: Entry) => boolean): number;
}

export function makeFairQueue<Entry>({ places, waitingMax, tenants }: FairQueueOptions): FairQueue<Entry> {
  const waiting: { tenant: string; entry: Entry }[] = [];
  const share = Math.max(1, Math.floor(waitingMax / Math.max(1, tenants.length)));
  /** The one that was served longest ago stands first. */
  const turns = [...new Set(tenants)];

  function mayTake(tenant: string, running: readonly string[]): boolean {
    const isLast = running.length === places - 1;
    const hasNone = (each: string) => !running.includes(each);
    return !isLast || places === 1 || hasNone(tenant) || !turns.some(hasNone);
  }

  function nextTenant(running: readonly string[]): string | undefined {
    const placesOf = (tenant: string) => running.filter((each) => each === tenant).length;
    return turns
      .filter((tenant) => waiting.some((each) => each.tenant === tenant) && mayTake(tenant, running))
      .reduce<string | undefined>(
        (best, tenant) => (best === undefined || placesOf(tenant) < placesOf(best) ? tenant : best),
        undefined,
      );
  }

  function takeAt(at: number): Entry | undefined {
    return at < 0 ? undefined : waiting.splice(at, 1)[0]?.entry;
  }

  return {
    get length() {
      return waiting.length;
    },
    shareOf: (tenant) => ({ waiting: waiting.filter((each) => each.tenant === tenant).length, waitingMax: share }),
    push(tenant, entry) {
      if (!turns.includes(tenant)) turns.push(tenant);
      waiting.push({ tenant, entry });
    },
    next(running) {
      if (running.length >= places) return undefined;
      const tenant = nextTenant(running);
      if (tenant === undefined) return undefined;
      turns.push(...turns.splice(turns.indexOf(tenant), 1));
      return takeAt(waiting.findIndex((each) => each.tenant === tenant));
    },
    remove: (fits) => takeAt(waiting.findIndex(({ entry }) => fits(entry))),
    find: (fits) => waiting.find(({ entry }) => fits(entry))?.entry,
    count: (fits) => waiting.filter(({ entry }) => fits(entry)).length,
  };
}
