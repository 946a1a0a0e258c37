// What must fit together in a job's grants: a credential with its issuer and its delivery, sealed hosts with the
// network's rules, mounts with each other and with Mayfly's own state. Each mismatch is a problem; nothing is repaired.
import { isAbsolute, posix, relative, resolve } from "node:path";
import type { z } from "zod";
import { parseNetworkRule } from "../model/allowlist.ts";
import { escapeLine, quote } from "../model/error.ts";
import type {
  CredentialGrant,
  Delivery,
  NetworkRule,
  OperationGrant,
  QueryGrant,
  SealedGrant,
  SealedPlace,
} from "../model/grant.ts";
import { formatDuration } from "../model/units.ts";
import { type IssuerKindName, issuerKinds } from "./issuers/all.ts";
import { type PlaceKind, placeKindOf } from "./issuers/kind.ts";
import { check, describe, type Path, type Problem, problem, suggestion } from "./problems.ts";
import { type credentialShape, mountSourceShape, placeShapes } from "./shape.ts";

type CredentialWords = z.output<typeof credentialShape>;

/** What a job is checked against. */
export interface Surroundings {
  /** Absolute directory of the config. */
  directory: string;
  /** Absolute. */
  stateDirectory: string;
  /** Kinds by name; undefined for an issuer that has problems of its own. */
  issuers: ReadonlyMap<string, IssuerKindName | undefined>;
}

/** One statement's default bounds: a page of a report, well under one frame of the executor's pipe. */
const defaultQuery: QueryGrant = { write: false, rowsMax: 10_000, bytesMax: 4_194_304, timeMs: 10_000 };

const defaultOperation: OperationGrant = { bytesMax: 4_194_304, timeMs: 10_000 };

export function relateCredential(
  words: CredentialWords,
  rules: readonly NetworkRule[] | undefined,
  wallMs: number,
  around: Surroundings,
  path: Path,
  problems: Problem[],
): CredentialGrant {
  const delivery = relateIssuer(words, around, path, problems);
  relateKeys(words, delivery, path, problems);
  const { issuer, scope, purpose } = words;
  const grant: CredentialGrant = {
    ...{ issuer, scope, ttlMs: words.ttl, delivery, purpose },
    idleMs: words.idle ?? null,
    usesMax: words.uses ?? null,
    onLeak: words.onLeak ?? "revoke",
  };
  const kind = around.issuers.get(words.issuer);
  if (delivery === "sealed") grant.sealed = relateSealed(words, kind, rules, path, problems);
  if (delivery === "query") grant.query = relateQuery(words.query, wallMs, path, problems);
  if (delivery === "command" || delivery === "exec")
    grant.operation = relateOperation(words.operation, wallMs, path, problems);
  return grant;
}

// A job has no sockets: what speaks over one can be used by the supervisor only.
function relateIssuer(words: CredentialWords, around: Surroundings, path: Path, problems: Problem[]): Delivery {
  const delivery = words.delivery ?? "sealed";
  if (!around.issuers.has(words.issuer)) {
    const names = [...around.issuers.keys()];
    const needed =
      names.length === 0 ? "an issuer that `issuers` defines; it defines none" : `one of ${names.join(", ")}`;
    problems.push(problem([...path, "issuer"], quote(words.issuer, 80), needed, suggestion(words.issuer, names)));
    return delivery;
  }
  const kind = around.issuers.get(words.issuer);
  if (kind === undefined || issuerKinds[kind].deliveries.includes(delivery)) return delivery;
  const { deliveries } = issuerKinds[kind];
  const found = words.delivery === undefined ? 'nothing, which means "sealed"' : quote(delivery);
  const needed = `${deliveries.map((each) => `"${each}"`).join(" or ")} with a ${kind} issuer`;
  const why = deliveries.includes("sealed")
    ? undefined
    : "a job has no sockets, so the credential would be of no use to it: it asks for what is to be done, and gets the answer";
  problems.push(problem([...path, "delivery"], found, needed, why));
  return delivery;
}

// A key that its delivery has no use for is a misunderstanding about what protects the credential.
function relateKeys(words: CredentialWords, delivery: Delivery, path: Path, problems: Problem[]): void {
  const sealed: readonly Delivery[] = ["sealed"];
  const belongs: Partial<Record<keyof CredentialWords, readonly Delivery[]>> = {
    ...{ place: sealed, hosts: sealed, requests: sealed, perRequest: sealed },
    query: ["query"],
    operation: ["command", "exec"],
  };
  for (const [key, owners] of Object.entries(belongs)) {
    if (words[key as keyof CredentialWords] === undefined || owners.includes(delivery)) continue;
    const needed = `no such key, or delivery ${owners.map((owner) => `"${owner}"`).join(" or ")}`;
    problems.push(problem([...path, key], `it with delivery "${delivery}"`, needed));
  }
}

function relateSealed(
  words: CredentialWords,
  kind: IssuerKindName | undefined,
  rules: readonly NetworkRule[] | undefined,
  path: Path,
  problems: Problem[],
): SealedGrant {
  const hosts = relateHosts(words.hosts, rules, path, problems);
  return {
    place: relatePlace(words.place, kind === undefined ? undefined : issuerKinds[kind].place, path, problems),
    hosts,
    requests: relateRequests(words.requests, hosts, path, problems),
    perRequest: words.perRequest ?? 1,
  };
}

function relatePlace(
  words: unknown,
  takes: PlaceKind | null | undefined,
  path: Path,
  problems: Problem[],
): SealedPlace {
  const at = [...path, "place"];
  const fallback: SealedPlace = { header: "authorization" };
  if (takes === "tls" && words === undefined) return { tls: "client" };
  if (words === undefined && takes !== "aws4") return fallback;
  const keys = typeof words === "object" && words !== null ? Object.keys(words) : [];
  const key = keys[0] as keyof typeof placeShapes | undefined;
  if (keys.length !== 1 || key === undefined || !Object.hasOwn(placeShapes, key)) {
    const needed = `one place: ${Object.keys(placeShapes).join(", ")}`;
    problems.push(problem(at, describe(words), needed, suggestion(key ?? "", Object.keys(placeShapes))));
    return fallback;
  }
  const place = check<SealedPlace>(placeShapes[key], words, at, problems)?.value;
  if (place === undefined) return fallback;
  if (takes !== undefined && takes !== null && placeKindOf(place) !== takes) {
    const fits = { text: "header, query, form, json or basic", aws4: "aws4", tls: "tls" }[takes];
    problems.push(problem(at, key, `${fits}, which is what this issuer's credentials are`));
  }
  return place;
}

/** Each for one of the hosts; what the network's rules don't allow is refused there. */
function relateRequests(
  requests: readonly NetworkRule[] | undefined,
  hosts: readonly string[],
  path: Path,
  problems: Problem[],
): readonly NetworkRule[] | null {
  if (requests === undefined) return null;
  if (requests.length === 0) problems.push(problem([...path, "requests"], "an empty list", "at least one rule"));
  for (const [index, rule] of requests.entries()) {
    if (hosts.length === 0 || hosts.includes(hostOf(rule))) continue;
    problems.push(problem([...path, "requests", index], quote(rule.text, 120), `a rule for ${hosts.join(" or ")}`));
  }
  return requests;
}

function relateHosts(
  hosts: readonly string[] | undefined,
  rules: readonly NetworkRule[] | undefined,
  path: Path,
  problems: Problem[],
): string[] {
  const at = [...path, "hosts"];
  if (hosts === undefined || hosts.length === 0) {
    problems.push(problem(at, describe(hosts), "the hosts that get the sealed credential, at least one"));
    return [];
  }
  if (rules === undefined) return []; // the network has problems of its own
  const allowed = [...new Set(rules.map(hostOf))];
  return hosts.flatMap((host, index) => {
    const match = matchingHost(host, rules);
    if (match !== undefined) return [match];
    const needed = allowed.length === 0 ? "a host of network.allow, which has none" : `one of ${allowed.join(", ")}`;
    problems.push(
      problem([...at, index], quote(host, 80), `${needed} (from network.allow)`, suggestion(host, allowed)),
    );
    return [];
  });
}

/** As `hosts` spells it: the port only where it isn't the scheme's own. */
function hostOf(rule: NetworkRule): string {
  return rule.port === ownPort(rule) ? rule.host : `${rule.host}:${rule.port}`;
}

function ownPort(rule: NetworkRule): number {
  return rule.scheme === "https" ? 443 : 80;
}

// The rule parser reads the host too, so that both spell names and addresses in the same canonical way.
function matchingHost(host: string, rules: readonly NetworkRule[]): string | undefined {
  const parsed = parseNetworkRule(`GET https://${host}/`);
  if (!parsed.ok) return undefined;
  const portIsWritten = /:\d+$/.test(host);
  const match = rules.find(
    (rule) => rule.host === parsed.rule.host && rule.port === (portIsWritten ? parsed.rule.port : ownPort(rule)),
  );
  return match === undefined ? undefined : hostOf(match);
}

function relateQuery(words: CredentialWords["query"], wallMs: number, path: Path, problems: Problem[]): QueryGrant {
  if (words?.time !== undefined && words.time > wallMs) {
    const needed = `at most the run's own wall time, ${formatDuration(wallMs)}`;
    problems.push(problem([...path, "query", "time"], formatDuration(words.time), needed));
  }
  return {
    write: words?.write ?? defaultQuery.write,
    rowsMax: words?.rows ?? defaultQuery.rowsMax,
    bytesMax: words?.bytes ?? defaultQuery.bytesMax,
    timeMs: words?.time ?? Math.min(defaultQuery.timeMs, wallMs),
  };
}

function relateOperation(
  words: CredentialWords["operation"],
  wallMs: number,
  path: Path,
  problems: Problem[],
): OperationGrant {
  if (words?.time !== undefined && words.time > wallMs) {
    const needed = `at most the run's own wall time, ${formatDuration(wallMs)}`;
    problems.push(problem([...path, "operation", "time"], formatDuration(words.time), needed));
  }
  return {
    bytesMax: words?.bytes ?? defaultOperation.bytesMax,
    timeMs: words?.time ?? Math.min(defaultOperation.timeMs, wallMs),
  };
}

/** Guest path to absolute host path. */
export function relateMounts(
  mounts: Record<string, unknown>,
  around: Surroundings,
  path: Path,
  problems: Problem[],
): Record<string, string> {
  const related: Record<string, string> = {};
  for (const [guestPath, source] of Object.entries(mounts)) {
    const at = [...path, guestPath];
    const checked = check(mountSourceShape, source, at, problems);
    const unfit = unfitGuestPath(guestPath, Object.keys(related));
    if (unfit !== undefined) problems.push(problem(at, quote(guestPath, 80), unfit));
    if (checked === undefined || unfit !== undefined) continue;
    const hostPath = resolve(around.directory, checked.value);
    if (isWithin(hostPath, around.stateDirectory) || isWithin(around.stateDirectory, hostPath)) {
      const needed = "a source apart from Mayfly's state directory, which holds keys and other runs' records";
      problems.push(problem(at, quote(checked.value, 80), needed, "mount the files or directories that the job needs"));
    }
    related[guestPath] = hostPath;
  }
  return related;
}

function unfitGuestPath(guestPath: string, others: readonly string[]): string | undefined {
  const normal = posix.normalize(guestPath) === guestPath && !guestPath.endsWith("/") && !/\p{Cc}/u.test(guestPath);
  if (!guestPath.startsWith("/") || !normal || guestPath.length > 1_024) {
    return 'an absolute path without "." , ".." or a slash at its end, such as "/data"';
  }
  if (isWithin(guestPath, "/output")) return "another path: /output is where the job writes";
  const other = others.find((mounted) => isWithin(guestPath, mounted) || isWithin(mounted, guestPath));
  return other === undefined ? undefined : `a path that doesn't overlap with ${escapeLine(other, 80)}`;
}

/** Whether `inner` is `outer` or lies below it; both absolute. By their letters: links are the adapters' to refuse. */
export function isWithin(inner: string, outer: string): boolean {
  const way = relative(outer, inner);
  return way === "" || (way !== ".." && !way.startsWith("../") && !isAbsolute(way));
}
