// What a run is called towards others: a SPIFFE ID, the `sub` of its tokens and the URI name of its certificates.
//
//   spiffe://<trust domain>/tenant/<tenant>/job/<job>/run/<32 hex digits>
//
// What a verifier grants by comes first and the run last, so that one rule on a prefix fits every run of a job or of a
// tenant. Labels stand before the values: a tenant can't be named so that it reads as another's job.
import { type RunId, runIdDigits } from "./ids.ts";

/** Whoever is named. */
export interface NamedRun {
  runId: RunId;
  job: string;
  tenant: string;
}

/** SPIFFE-ID, 2.3: bytes of a trust domain, and of the whole. */
const trustDomainCharsMax = 255;
const idCharsMax = 2_048;

/** Lower-case letters, digits, `.`, `-` and `_` (SPIFFE-ID, 2.1): no port, no user. */
export function isTrustDomain(text: string): boolean {
  return /^[a-z0-9._-]+$/.test(text) && text.length <= trustDomainCharsMax;
}

/** Of an installation whose config names none: unique, and nobody's DNS name. */
export function defaultTrustDomain(installation: string): string {
  return `${installation}.mayfly`;
}

/**
 * Names of the config stand as they are. In others, what isn't a–z, A–Z, 0–9, `.` or `-` is written as `_` and four
 * hex digits a UTF-16 unit, since a SPIFFE ID has no escapes of its own (SPIFFE-ID, 2.2): two names never become one.
 * @throws RangeError for a trust domain that is none, and for names that are too long.
 */
export function spiffeIdOf(trustDomain: string, { tenant, job, runId }: NamedRun): string {
  if (!isTrustDomain(trustDomain)) throw new RangeError("a trust domain: a–z, 0–9, '.', '-' and '_'");
  const id = `spiffe://${trustDomain}/tenant/${segment(tenant)}/job/${segment(job)}/run/${runIdDigits(runId)}`;
  if (id.length > idCharsMax) throw new RangeError(`a SPIFFE ID of ${id.length} bytes, at most ${idCharsMax}`);
  return id;
}

function segment(name: string): string {
  const spell = (unit: string) => `_${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  if (name === "." || name === "..") return name.replace(/\./g, spell);
  return name === "" ? "_" : name.replace(/[^A-Za-z0-9.-]/g, spell);
}
