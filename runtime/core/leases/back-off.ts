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
  lease: Pick<Lease, "attempts" | "expiresAt" | "irrevocableSince">,
  { askedAt, now, retryAfterMs }: { askedAt: EpochMs; now: EpochMs; retryAfterMs: number | undefined },
  random: Random,
): number {
  const lastAt = deadByItselfAt(lease);
  if (askedAt >= lastAt) return irrevocablePauseMs(askedAt - (lease.irrevocableSince ?? askedAt), random);
  const pause = Math.max(jitteredMs(lease.attempts, firstPauseMs, pauseMsMax, random), wishedMs(retryAfterMs));
  return Math.max(0, Math.min(pause, lastAt - now)); // the last proof is had the moment that it counts
}

/** As long again as it has been so already, within a minute and a day: a passing failure is not paid for with a day. */
function irrevocablePauseMs(sinceMs: number, random: Random): number {
  const pause = Math.min(dailyMs, Math.max(pauseMsMax, sinceMs));
  return pause - Math.round((pause / 24) * fractionOf(random));
}

/** How long to wait for a lease's next try, ms; a wall clock that was set back holds up nothing for longer than the pause. */
export function waitMs({ nextAttemptAt, irrevocableSince }: Lease, now: EpochMs): number {
  const at = nextAttemptAt ?? 0;
  // The pause was no longer than the time from `irrevocableSince` to the try before it.
  const longestMs = irrevocableSince === undefined ? 0 : Math.min(dailyMs, (at - irrevocableSince) / 2);
  return Math.min(Math.max(pauseMsMax, longestMs), Math.max(0, at - now));
}
