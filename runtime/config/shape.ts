// The shape of a config, section by section: which keys there are, and what each value may be on its own. What must fit
// together is in relations.ts. Unknown keys are refused everywhere, and no value is coerced.
import { validateDetailed } from "node-cron"; // its parser only, so that the config means what the ticker will do
import { z } from "zod";
import { parseCidr } from "../model/addresses.ts";
import { parseNetworkRule } from "../model/allowlist.ts";
import { escapeLine } from "../model/error.ts";
import { fileQuotaCeiling, limitCeilings, recordingBytes } from "../model/limits.ts";
import { issuerKindNames } from "./issuers/all.ts";
import { suggestion, Unfit } from "./problems.ts";
import {
  choice,
  count,
  duration,
  leaf,
  list,
  nameNeeded,
  namePattern,
  object,
  record,
  relativePath,
  size,
  text,
  word,
  yesOrNo,
} from "./values.ts";

const MiB = 1_048_576;

/** A credential may outlive the longest run by this: it must not die under the run. Same margin as the broker's. */
const ttlBeyondWallMs = 60_000;
/** Below it a token would be dead before it arrives: JWT counts in whole seconds (RFC 7519, NumericDate). */
const ttlMsMin = 1_000;
/** isolated-vm takes no heap below this. */
const memoryBytesMin = 8 * MiB;
/** What one frame of the executor's pipe takes, with room for its header. */
const queryBytesCeiling = 14 * MiB;
const queryRowsCeiling = 1_000_000;
/** Below it a busy machine's pauses would count as idleness. */
const idleMsMin = 1_000;
const warmMax = 64; // at 50 MiB each, 3 GiB of executors that do nothing
const concurrencyMax = 256;
const queueMax = 100_000;

const cron = leaf((value) => {
  const needed = 'a cron expression such as "0 2 * * *" (minute, hour, day of month, month, day of week)';
  if (typeof value !== "string" || value.length > 256) return new Unfit(needed);
  const checked = validateDetailed(value);
  if (checked.valid) return value;
  const why = checked.errors[0];
  return new Unfit(needed, why === undefined ? {} : { next: escapeLine(`${why.field}: ${why.message}`, 200) });
});

const timezone = leaf((value) => {
  const needed = 'an IANA time zone such as "Europe/Zurich"';
  if (typeof value !== "string") return new Unfit(needed);
  try {
    // "+01:00" is a zone to Intl, but no place whose summer time could be known.
    if (/^[A-Za-z]/.test(value)) return new Intl.DateTimeFormat("en", { timeZone: value }) && value;
  } catch {
    // RangeError: unknown.
  }
  return new Unfit(needed, { next: suggestion(value, ["UTC", ...Intl.supportedValuesOf("timeZone")]) });
});

const networkRule = leaf((value) => {
  const needed = 'a rule such as "GET https://api.example.com/v1/*"';
  if (typeof value !== "string" || value.length > 8_192) return new Unfit(needed);
  const parsed = parseNetworkRule(value);
  if (parsed.ok) return parsed.rule;
  const words = /^found (.*); needed: (.*)$/s.exec(parsed.message);
  if (words === null) return new Unfit(needed, { next: escapeLine(parsed.message, 400) });
  return new Unfit(escapeLine(words[2] ?? "", 300), { found: escapeLine(words[1] ?? "", 200) });
});

const cidr = leaf((value) => {
  if (typeof value === "string" && value.length <= 64 && parseCidr(value) !== undefined) return value;
  return new Unfit('a CIDR block such as "10.1.0.0/16" or "fd00::/8"');
});

// RFC 9110, 5.6.2; without the fields that frame a message or say whom it is for.
const headerName = leaf((value) => {
  const needed = 'a header name such as "authorization"';
  if (typeof value !== "string" || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(value)) return new Unfit(needed);
  const name = value.toLowerCase();
  const framing = ["host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"];
  return framing.includes(name) ? new Unfit(`${needed}, none that frames the message`) : name;
});

/** Sections are checked one by one, so that one bad value hides no other. */
export const configShape = object({
  state: relativePath.optional(),
  executor: z.unknown().optional(),
  scheduler: z.unknown().optional(),
  identity: z.unknown().optional(),
  keys: z.unknown().optional(),
  issuers: record("an object of issuers by name").optional(),
  jobs: record("an object of jobs by name"),
});

export const executorShape = object({
  osSandbox: choice(["required", "preferred"]).optional(),
  warm: count(0, warmMax).optional(),
  reuse: choice(["same-job"]).optional(),
  runsMax: count(2, 10_000).optional(),
});

export const schedulerShape = object({
  concurrency: count(1, concurrencyMax).optional(),
  queue: count(0, queueMax).optional(),
  drain: duration(limitCeilings.wallMs).optional(),
});

export const nameShape = text(nameNeeded, namePattern);

export const issuerKindShape = z.looseObject(
  { kind: choice(issuerKindNames) },
  { error: "a kind, as issuers.jwt({ … }) and its like return it" },
);

export const jobShape = object({
  entry: relativePath,
  tenant: nameShape.optional(),
  schedule: z.unknown().optional(),
  credential: z.unknown().optional(),
  identity: z.unknown().optional(),
  isolate: z.unknown().optional(),
  network: z.unknown().optional(),
  files: z.unknown().optional(),
  limits: z.unknown().optional(),
  record: z.unknown().optional(),
});

const recordObject = object({ bytes: size(recordingBytes.max, recordingBytes.min).optional() });
const recordSwitch = leaf((value) =>
  typeof value === "boolean" ? value : new Unfit('true, false, or { bytes: "16MiB" }'),
);

/** `true` is short for {}. */
export function recordShapeFor(value: unknown): z.ZodType<false | z.output<typeof recordObject>> {
  if (typeof value === "object" && value !== null) return recordObject;
  return recordSwitch.transform((wanted) => (wanted ? {} : false));
}

export const scheduleShape = object({
  cron,
  timezone: timezone.optional(),
  overlap: choice(["skip", "allow"]).optional(),
});

export const credentialShape = object({
  issuer: nameShape,
  scope: list(text('a scope such as "orders:read", without spaces', /^[^\s\p{C}]+$/u, 256), "a list of scopes")
    .min(1, { error: "at least one scope: an empty list would permit nothing" })
    .max(64, { error: "at most 64 scopes" }),
  ttl: duration(limitCeilings.wallMs + ttlBeyondWallMs, ttlMsMin),
  delivery: choice(["sealed", "revealed", "query", "command", "exec"]).optional(),
  purpose: text("a few words on why the job needs it", /^(?=.*\S)[^\p{C}]+$/u, 256),
  uses: count(1, 1_000_000).optional(),
  idle: duration(limitCeilings.wallMs, idleMsMin).optional(),
  onLeak: choice(["revoke", "end"]).optional(),
  place: z.unknown().optional(),
  hosts: list(text("a host as in network.allow", /^[^\s/@?#\\]+$/, 300), "a list of hosts").optional(),
  requests: list(networkRule, "a list of rules as in network.allow").optional(),
  perRequest: count(1, 16).optional(),
  query: object({
    write: yesOrNo().optional(),
    rows: count(1, queryRowsCeiling).optional(),
    bytes: size(queryBytesCeiling).optional(),
    time: duration(limitCeilings.wallMs).optional(),
  }).optional(),
  operation: object({
    bytes: size(queryBytesCeiling).optional(),
    time: duration(limitCeilings.wallMs).optional(),
  }).optional(),
});

const fieldName = text("a name of 1 to 128 characters, without control characters", /^[^\p{C}]+$/u, 128);
const jsonPointer = text('a JSON Pointer such as "/auth/token" (RFC 6901)', /^(?:\/(?:[^~/\p{C}]|~[01])+)+$/u, 256);
// RFC 7617: no colon, since the first one ends the name.
const userName = text("a user name without a colon", /^[^:\p{C}]+$/u, 128);
const awsName = (needed: string) => text(needed, /^[a-z0-9-]{1,63}$/, 63);

/** Each place by its one key. */
export const placeShapes = {
  header: object({ header: headerName }),
  query: object({ query: fieldName }),
  form: object({ form: fieldName }),
  json: object({ json: jsonPointer }),
  basic: object({ basic: userName }),
  aws4: object({
    aws4: object({ region: awsName('a region such as "eu-central-1"'), service: awsName('a service such as "s3"') }),
  }),
  tls: object({ tls: word("client") }),
} as const;

export const identityShape = object({
  audiences: list(text("an audience: a URL or a name", /^[\x21-\x7e]+$/, 512), "a list of audiences").min(1, {
    error: "at least one audience: an empty list would permit nothing",
  }),
});

export const isolateShape = object({ webAssembly: yesOrNo().optional(), sharedMemory: yesOrNo().optional() });

export const networkShape = object({
  allow: list(networkRule, "a list of rules; an empty one allows nothing"),
  privateAddresses: list(cidr, "a list of CIDR blocks").optional(),
});

const quotaShape = object({
  bytes: size(fileQuotaCeiling.bytes).optional(),
  entries: count(1, fileQuotaCeiling.entries).optional(),
  depth: count(1, fileQuotaCeiling.depth).optional(),
});

export const filesShape = object({
  mounts: record("an object of guest paths to paths beside the config").optional(),
  quota: z.unknown().optional(),
});

/** "16MiB" is short for { bytes: "16MiB" }. */
export function quotaShapeFor(value: unknown): z.ZodType<z.output<typeof quotaShape>> {
  return typeof value === "string" ? size(fileQuotaCeiling.bytes).transform((bytes) => ({ bytes })) : quotaShape;
}

export const mountSourceShape = relativePath;

export const limitsShape = object({
  wall: duration(limitCeilings.wallMs).optional(),
  cpu: duration(limitCeilings.cpuMs).optional(),
  memory: size(limitCeilings.memoryBytes, memoryBytesMin).optional(),
  logs: size(limitCeilings.logBytes).optional(),
  result: size(limitCeilings.resultBytes).optional(),
  requests: count(1, limitCeilings.requests).optional(),
  requestsAtOnce: count(1, limitCeilings.requestsAtOnce).optional(),
  requestTime: duration(limitCeilings.requestMs).optional(),
  requestBody: size(limitCeilings.requestBodyBytes).optional(),
  responseBody: size(limitCeilings.responseBodyBytes).optional(),
  responseHeader: size(limitCeilings.responseHeaderBytes).optional(),
  calls: count(1, limitCeilings.calls).optional(),
});
