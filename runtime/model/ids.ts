// Names of things. An id is a prefix and 128 random bits in hex, so that a name which is derived from it (a temporary
// directory, a database role, a token's jti) can't be guessed, and so that it is safe as a file name and as an SQL name.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** `run_` and 32 hex digits. */
export type RunId = Branded<"RunId">;
/** `lease_` and 32 hex digits: those of its run, since a run has at most one lease. */
export type LeaseId = Branded<"LeaseId">;

const RUN_ID = /^run_[0-9a-f]{32}$/;

/** 16 random bytes become a run's id. */
export function runIdFrom(random: Uint8Array): RunId {
  if (random.length !== 16) throw new RangeError(`a run id takes 16 random bytes, found ${random.length}`);
  return `run_${hex(random)}` as RunId;
}

export function isRunId(text: string): text is RunId {
  return RUN_ID.test(text);
}

/** The 32 hex digits of a run id: what names at issuers are made of. */
export function runIdDigits(id: RunId): string {
  return id.slice("run_".length);
}

/** The run whose digits these are, or undefined when they are no run's digits. */
export function runIdFromDigits(digits: string): RunId | undefined {
  const id = `run_${digits}`;
  return isRunId(id) ? id : undefined;
}

export function leaseIdOf(run: RunId): LeaseId {
  return `lease_${runIdDigits(run)}` as LeaseId;
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
