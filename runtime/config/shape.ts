// The shape of a config, section by section: which keys there are, and what each value may be on its own. What must fit
// together is in relations.ts. Unknown keys are refused everywhere, and no value is coerced.
import { validateDetailed } from "node-cron"; // its parser only, so that the config means what the ticker will do
import { z } from "zod";
import { parseCidr } from "../model/addresses.ts";
import { parseNetworkRule } from "../model/allowlist.ts";
import { escapeLine, quote } from "../model/error.ts";
import { fileQuotaCeiling, limitCeilings } from "../model/limits.ts";
import {
  durationUnits,
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
  sizeUnits,
} from "../model/units.ts";
import { suggestion, Unfit } from "./problems.ts";

const MiB = 1_048_576;

/** Names of jobs, issuers and tenants: safe as a file name, in a URL and in SQL. */
export const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
const nameNeeded = "a name: a lower-case letter, then at most 62 of a–z, 0–9 and -";

/** A credential may outlive the longest run by this: it must not die under the run. Same margin as the broker's. */
const ttlBeyondWallMs = 60_000;
/** Below it a token would be dead before it arrives: JWT counts in whole seconds (RFC 7519, NumericDate). */
const ttlMsMin = 1_000;
/** isolated-vm takes no heap below this. */
const memoryBytesMin = 8 * MiB;
/** What one frame of the executor's pipe takes, with room for its header. */
const queryBytesCeiling = 14 * MiB;
const queryRowsCeiling = 1_000_000;
const warmMax = 64; // at 50 MiB each, 3 GiB of executors that do nothing
const concurrencyMax = 256;
const queueMax = 100_000;
const textCharsMax = 1_024;

/** One value: `parse` returns what it means, or Unfit. */
function leaf<Out>(parse: (value: unknown) => Out | Unfit) {
  return z.unknown().transform((value, context): Out => {
    const parsed = parse(value);
    if (!(parsed instanceof Unfit)) return parsed;
    context.addIssue({ code: "custom", params: { unfit: parsed }, message: parsed.needed });
    return z.NEVER;
  });
}

/** An object of exactly these keys. Its message is the list of them: problems.ts builds both sentences from it. */
function object<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: Object.keys(shape).join(", ") });
}

function text(needed: string, pattern: RegExp, charsMax = textCharsMax) {
  return leaf((value) => {
    if (typeof value !== "string" || value.length > charsMax || !pattern.test(value)) return new Unfit(needed);
    return value;
  });
}

function choice<const Word extends string>(words: readonly Word[]) {
  return leaf((value): Word | Unfit => {
    const word = words.find((candidate) => candidate === value);
    const near = typeof value === "string" ? suggestion(value, words) : undefined;
    return word ?? new Unfit(`one of ${words.map((each) => quote(each)).join(", ")}`, { next: near });
  });
}

function count(min: number, max: number) {
  return leaf((value) => {
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
    return fits ? value : new Unfit(`a whole number from ${min} to ${max}`);
  });
}

function duration(max: number, min = 1) {
  const example = `a duration such as "30s" (${durationUnits.join(", ")})`;
  return measure(parseDurationMs, formatDuration, example, min, max);
}

function size(max: number, min = 1) {
  return measure(parseSizeBytes, formatSize, `a size such as "16MiB" (${sizeUnits.join(", ")})`, min, max);
}

function measure(
  parse: (text: string) => number | undefined,
  format: (value: number) => string,
  example: string,
  min: number,
  max: number,
) {
  return leaf((value) => {
    if (typeof value === "number") return new Unfit(`${example}: a number alone has no unit`);
    const parsed = typeof value === "string" ? parse(value) : undefined;
    if (parsed === undefined) return new Unfit(example);
    if (parsed > max) return new Unfit(`at most ${format(max)}`);
    return parsed < min ? new Unfit(`at least ${format(min)}`) : parsed;
  });
}

function list<Out>(item: z.ZodType<Out>, needed: string) {
  return z.array(item, { error: needed });
}

function record(needed: string) {
  return leaf((value): Record<string, unknown> | Unfit => {
    const plain = typeof value === "object" && value !== null && !Array.isArray(value);
    return plain ? (value as Record<string, unknown>) : new Unfit(needed);
  });
}

const relativePath = leaf((value) => {
  const fits = typeof value === "string" && value !== "" && value.length <= textCharsMax && !value.includes("\0");
  return fits ? value : new Unfit("a path, relative to the config");
});

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

const environmentName = text("the name of an environment variable", /^[A-Za-z_][A-Za-z0-9_]*$/, 128);

const listen = leaf((value) => {
  const needed = 'a loopback address and a port, such as "127.0.0.1:7420" or "[::1]:7420"';
  const match = typeof value === "string" ? /^(127(?:\.\d{1,3}){3}|\[::1\]):(\d{1,5})$/.exec(value) : null;
  const host = match?.[1]?.replace(/^\[|\]$/g, "") ?? "";
  const port = Number(match?.[2]);
  const octetsFit = host
    .split(".")
    .every((octet) => !/^\d+$/.test(octet) || String(Math.min(255, Number(octet))) === octet);
  if (match === null || !octetsFit || port > 65_535) {
    return new Unfit(needed, { next: "tokens are for resources on this machine: no other address is listened on" });
  }
  return { host, port };
});

// The URL itself is never shown: it may well be one, with its password.
const secretSource = leaf((value): { env: string } | { file: string } | Unfit => {
  const needed = '{ env: "NAME" } or { file: "./path" }';
  if (typeof value === "string") {
    const next =
      "root credentials never stand in the config: put the URL into a variable or a file, and change it if this one was committed";
    return new Unfit(needed, { found: "the connection URL itself", next });
  }
  const either = z.union([z.strictObject({ env: environmentName }), z.strictObject({ file: relativePath })]);
  const parsed = either.safeParse(value);
  return parsed.success ? parsed.data : new Unfit(needed, { found: "something else" });
});

/** Sections are checked one by one, so that one bad value hides no other. */
export const configShape = object({
  state: relativePath.optional(),
  executor: z.unknown().optional(),
  scheduler: z.unknown().optional(),
  issuers: record("an object of issuers by name").optional(),
  jobs: record("an object of jobs by name"),
});

export const executorShape = object({
  osSandbox: choice(["required", "preferred"]).optional(),
  warm: count(0, warmMax).optional(),
});

export const schedulerShape = object({
  concurrency: count(1, concurrencyMax).optional(),
  queue: count(0, queueMax).optional(),
  drain: duration(limitCeilings.wallMs).optional(),
});

export const nameShape = text(nameNeeded, namePattern);

export const issuerKindShape = z.looseObject(
  { kind: choice(["jwt", "postgres"]) },
  { error: "a kind, as issuers.jwt({ … }) and issuers.postgres({ … }) return it" },
);

export const jwtShape = object({
  kind: choice(["jwt"]),
  audience: text("the resource that takes its tokens, a URL or a name", /^[\x21-\x7e]+$/),
  listen: listen.optional(),
});

export const postgresShape = object({ kind: choice(["postgres"]), url: secretSource });

export const jobShape = object({
  entry: relativePath,
  tenant: nameShape.optional(),
  schedule: z.unknown().optional(),
  credential: z.unknown().optional(),
  network: z.unknown().optional(),
  files: z.unknown().optional(),
  limits: z.unknown().optional(),
});

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
  delivery: choice(["sealed", "revealed", "query"]).optional(),
  purpose: text("a few words on why the job needs it", /^(?=.*\S)[^\p{C}]+$/u, 256),
  place: object({ header: headerName }).optional(),
  hosts: list(text("a host as in network.allow", /^[^\s/@?#\\]+$/, 300), "a list of hosts").optional(),
  query: object({
    write: leaf((value) => (typeof value === "boolean" ? value : new Unfit("true or false"))).optional(),
    rows: count(1, queryRowsCeiling).optional(),
    bytes: size(queryBytesCeiling).optional(),
    time: duration(limitCeilings.wallMs).optional(),
  }).optional(),
});

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
