// What a series of measurements comes to, and the one source of chance: seeded, so that a run's order can be repeated.

export interface Spread {
  n: number;
  min: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

/** By nearest rank, so that every figure is one that was measured; with few values p99 is the largest. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("a spread needs at least one value");
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
  return { n: sorted.length, min: rank(0), p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: rank(1) };
}

/** Numbers from 0 to 1. Marsaglia's xorshift with 32 bits: enough to mix an order. */
export function makeChance(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4_294_967_296;
  };
}

/** The same items in another order (Fisher and Yates). */
export function shuffled<Item>(items: readonly Item[], chance: () => number): Item[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(chance() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as Item, mixed[last] as Item];
  }
  return mixed;
}

/** Monotonic, and the same clock in every process of this machine (CLOCK_MONOTONIC), ms. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
