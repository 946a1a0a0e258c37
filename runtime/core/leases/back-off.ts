// When a revocation that could not be proven is tried again: exponential back-off with full jitter (M. Brooker,
// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that many leases of an issuer that was down don't
// come back in step. The pause is written into the lease's row: a restart neither forgets it nor begins at its start.
import { deadByItselfAt, type Lease } from "../../model/lease.ts";
import type { EpochMs } from "../../model/units.ts";
import type { Random } from "../../ports/random.ts";

/** Upper bound of the first pause: a dropped connection is over by then. */
export const firstPauseMs = 50;
/** While a credential may live, its issuer is asked once a minute at least, whatever Retry-After it sends. */
export const pauseMsMax = 60_000;
/** Past its expiry a try hardly changes anything: less and less often, and once a day in the end. */
export const dailyMs = 86_400_000;

/** From 0 to 1, without 1. */
export function fractionOf(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}

/** Full jitter: anything up to `firstMs`, doubled at each try, and `maxMs` at most. */
export function jitteredMs(tries: number, firstMs: number, maxMs: number, random: Random): number {
  const boundMs = Math.min(maxMs, firstMs * 2 ** Math.min(20, Math.max(0, tries - 1)));
  return Math.round(boundMs * fractionOf(random));
}

/** The issuer's own wish, within our bounds. */
export function wishedMs(retryAfterMs: number | undefined): number {
  return retryAfterMs !== undefined && retryAfterMs > 0 ? Math.min(pauseMsMax, retryAfterMs) : 0;
}

/**
 * The pause after a failed try, ms.
 * @param attempts tries so far, this one included.
 * @param askedAt when this try began.
 */
export function pauseMs(
  lease: Pick<Lease, "attempts" | "expiresAt" | "irrevocableTries">,
  { askedAt, now, retryAfterMs }: { askedAt: EpochMs; now: EpochMs; retryAfterMs: number | undefined },
  random: Random,
): number {
  const lastAt = deadByItselfAt(lease);
  if (askedAt >= lastAt) {
    const pause = irrevocablePauseMs((lease.irrevocableTries ?? 0) + 1);
    return pause - Math.round((pause / 24) * fractionOf(random));
  }
  const pause = Math.max(jitteredMs(lease.attempts, firstPauseMs, pauseMsMax, random), wishedMs(retryAfterMs));
  return Math.max(0, Math.min(pause, lastAt - now)); // the last proof is had the moment that it counts
}

/** A minute, doubled at each try, and a day at most: a passing failure, or a clock that was ahead, doesn't cost a day. */
function irrevocablePauseMs(tries: number): number {
  return Math.min(dailyMs, pauseMsMax * 2 ** Math.min(20, tries - 1));
}

/** How long to wait for a lease's next try, ms; a wall clock that was set back holds up nothing for longer than the pause. */
export function waitMs({ nextAttemptAt, irrevocableTries }: Lease, now: EpochMs): number {
  const longestMs = irrevocableTries === undefined ? pauseMsMax : irrevocablePauseMs(irrevocableTries);
  return Math.min(longestMs, Math.max(0, (nextAttemptAt ?? 0) - now));
}
