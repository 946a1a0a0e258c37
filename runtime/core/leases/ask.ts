// One question to an issuer: bounded in time whatever the issuer does.
import type { Clock } from "../../ports/clock.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

/** An issuer has this long for one answer, ms. */
export const issuerTimeoutMs = 10_000;

/** Rejects with IssuerFailure `issuer_unavailable` when the time is over; the signal tells the issuer. */
export async function withTimeout<T>(clock: Clock, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = clock.setTimer(issuerTimeoutMs, () => {
    const late = new IssuerFailure("issuer_unavailable", `the issuer gave no answer within ${issuerTimeoutMs} ms`);
    stop.abort(late);
    reject(late);
  });
  try {
    return await Promise.race([ask(stop.signal), promise]);
  } finally {
    cancel();
  }
}
