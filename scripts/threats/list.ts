// The threat list's lines, as far as tests are to prove them: id, what is tried, whether a release waits for it, and, for
// a line that can't apply to this product, the reason. A further group is one more `group` at the end.

export interface Threat {
  id: string;
  /** What is tried, in a few words. */
  about: string;
  /** A release waits for it. */
  p0: boolean;
  /** Why nothing of ours can be tried against it. Such a line needs no test, and may have one. */
  notApplicable?: string;
}

/** A line whose text begins with `*` is P0 in a group that isn't as a whole. */
function group(name: string, p0: "all" | "marked", lines: readonly string[]): Threat[] {
  return lines.map((line, index) => ({
    id: `${name}-${String(index + 1).padStart(2, "0")}`,
    about: line.replace(/^\*/, ""),
    p0: p0 === "all" || line.startsWith("*"),
  }));
}

const isolation = group("ISO", "all", [
  "nothing of isolated-vm, and no host function that isn't listed, is in reach of the guest's globals",
  "constructor chains from every host-given value end in the guest's own realm",
  "require, process, Buffer, native fetch, import.meta and their like are absent",
  "imports, static and dynamic, of any scheme read no file",
  "errors of capabilities are the guest's: a code, no host path, no host prototype",
  "Error.prepareStackTrace sees no call site of the host",
  "polluted prototypes change nothing on the host, nor in the next run",
  "keys such as __proto__, then and toJSON are data",
  "a thenable of the guest's is not awaited on the host",
  "accessors and proxies are copied once or refused",
  "overridden well-known symbols run no guest code on the host",
  "a custom inspect symbol is not called when its object is logged",
  "overridden promises still get plain data from capabilities",
  "disposal, suppressed and nested errors hold nothing of the host's",
  "no WebAssembly with which to catch a host error",
  "only the globals of the list remain of the isolate's defaults",
  "cached data, source maps and source URLs of a job are not believed",
  "no debug port, and a debugger statement does nothing",
  "a capability that was kept is refused after the end, and in another run",
  "nothing of one job is left for the next",
  "calls within calls are bounded",
  "versions below the floors don't start",
  "no timer finer than a millisecond can be built",
  "random calls in random order crash, hang and leak nothing",
]);

const resources = group("RES", "marked", [
  "*an endless loop",
  "*endless awaits and then chains",
  "*regular expressions that backtrack for ever",
  "*built-ins that don't look for interruption",
  "*heap growth of every kind",
  "*memory outside the heap",
  "*an executor that dies by a signal: the run is a crash, and the next one starts",
  "*promises that never settle, and work left pending",
  "a million timers, nested ones, and too long ones",
  "*log floods: lines, one long line, no newline",
  "*results too large, too deep, cyclic or not JSON",
  "*file bytes beyond the quota, sparse and byte by byte",
  "*a million files, deep trees, long names",
  "files opened and never closed",
  "*ten thousand fetches at once",
  "*servers that never answer, drip or never end: ended by total time",
  "*responses beyond the limit, declared, undeclared and lied about",
  "*compressed responses beyond the limit once inflated",
  "a hundred redirects, and a loop",
  "huge headers, many headers, trailers, and floods of interim responses",
  "request bodies without end",
  "*no worker, no child process, no thread",
  "*two hundred hostile jobs queued beside a good one",
  "archive bombs as bundles",
  "huge and deeply nested job sources",
  "*no CPU is used for a run that has ended",
  "thousands of hostile runs leave memory, descriptors, files and leases as they were",
  "*a full disk under temporary files, state and audit",
]);

const files = group("FS", "all", [
  "traversal in every spelling",
  "absolute paths, file URLs, drive letters, network shares",
  "NUL bytes and paths that are no strings",
  "symbolic links to the outside, for every operation",
  "symbolic links at every ancestor",
  "hard links",
  "/proc, /dev and /sys",
  "pipes, sockets, devices and directories as files",
  "case and Unicode aliases",
  "names at their edges, and names that break a listing or a log",
  "read-only mounts: bytes and metadata unchanged",
  "a mount's source that became a link before the start",
  "links swapped in while the job works",
  "a sub-tree renamed under an open handle",
  "runs with like names have directories of their own",
  "no part of a temporary name comes from the job",
  "clean-up of links, closed directories, deep trees, and files still being made",
  "the run's directory itself became a link before clean-up",
  "files left open, and deleted ones that are still open",
  "nothing of a previous run can be read",
  "our own tools read no configuration from a job's directory",
  "environment, arguments and working directory of a job",
  "no mode bits or extended attributes can be set",
  "one decision for an operation, whichever function asks",
]);

const network = group("NET", "all", [
  "an empty, missing or misspelt allow-list allows nothing",
  "wildcards, schemes and paths where none belong are refused by the config",
  "IPv4 addresses in every spelling",
  "IPv6 addresses, and IPv4 wrapped in them",
  "every special-purpose block, at its edges and in its middle",
  "Unicode and percent-encoded hosts",
  "look-alikes of an allowed host",
  "names: trailing dots, case, empty and long labels",
  "user information and its tricks",
  "white space, NUL and backslashes in URLs",
  "suffixes and prefixes of an allowed host",
  "ports that are not listed",
  "downgrade from https, upgrade to it",
  "schemes other than http and https",
  "unix sockets",
  "names that resolve to private addresses",
  "chains, loops and long chains of CNAME records",
  "the address that was checked is the one that is dialled",
  "answers of which one is private",
  "redirects are checked at every hop",
  "no credential header goes along to another host",
  "cloud metadata services in every spelling",
  "line breaks and NUL in headers, methods and paths",
  "header fields that are not the guest's to set",
  "methods that are not for guests",
  "proxy and TLS variables of the supervisor's environment",
  "certificates that are wrong, expired or not trusted",
  "no connection is shared between names",
  "no connection is shared between runs",
  "responses that smuggle another one",
  "no upgrade, no WebSocket, no event stream",
  "names as a way to carry data out",
  "search domains, hosts files and single labels",
  "an allowed host that is down, slow or speaks garbage",
  "every door makes the same check",
  "no network once the run has ended",
  "the executor itself can't connect to anything",
  "errors that would map the network",
  "a policy that changes while a run goes on",
  "what was decided on is what is dialled, for any URL",
]);

const credentials = group("CRED", "all", [
  "asked for once: one issue, in its scope, no longer than run and policy allow",
  "asked for twice, in series, in parallel, after a timeout: never two that live",
  "another grant, another job's, odd names and types: refused, and the issuer isn't asked",
  "a job without a grant",
  "asked for after the end, during teardown, out of a closure that was kept",
  "used after the end at the resource: refused",
  "used after it was revoked while its run goes on",
  "an expiry while the run goes on: said, and not renewed in silence",
  "in a URL, a header, a body or a path to where it wasn't meant for",
  "in logs, errors, results, outputs, file names: gone from what is kept and shown",
  "encoded, compressed, reversed, split: the stated forms are found",
  "a redactor at its edges: chunk borders, patterns, short and common values, long time",
  "parts of a structured secret, each by itself",
  "the redactor as an oracle for guesses",
  "crash reports, heap snapshots, uncaught errors, debug logs",
  "arguments, environments, titles of processes, the executor's pipe",
  "the ledger, its journal, deleted rows, backups",
  "an issuer that is down, refuses, is slow or half closed: bounded, nothing partial, recorded",
  "an issuer that lies or speaks garbage: refused, and what it made is ended",
  "an answer that comes after we gave up: found and ended",
  "an issuer that fails at revocation: tried again to the end, the state is honest, an alert in time",
  "revoked twice, late, in parallel, or unknown: no error, an entry for each try",
  "ten thousand leases of a dead issuer: others aren't delayed",
  "what can't be revoked is seen, counted, tried again, never dropped",
  "tokens that are forged, confused or replayed; keys that rotate",
  "the signing key never leaves the broker",
  "odd names in SQL, when a role is made and when it is ended",
  "a database role with sessions, objects, memberships and grants in several databases",
  "Vault: leases and parents, wrapped answers, sealed and standby servers, namespaces, quotas",
  "OAuth: audiences, expiries, refresh tokens, absent revocation, 200 for what is unknown",
  "certificates: authorities, names, extras and serials refused at signing; refused once revoked",
  "clocks of broker, issuer and resource that differ by minutes",
  "the time that a refusal takes, and comparisons of secrets",
  "another tenant or operator who knows a lease's id",
  "an issuer that gives a credential and an error at once",
  "job metadata in scopes and names is refused or taken as it is",
]);

const crashes = group("CRASH", "all", [
  "the supervisor is killed at every point of issue and revocation",
  "the executor is killed at any time",
  "both are killed; the machine boots anew; a process id is used again",
  "a power cut loses, tears and reorders writes",
  "killed while it recovers, again and again",
  "signals: drained in bounded time, every lease ended",
  "stopped for ten minutes, and continued",
  "a ledger that is locked, read-only, corrupt, of another version, or missing",
  "a full disk under intent, record and audit",
  "a disk that fails",
  "no descriptors, processes or memory left for the supervisor",
  "an executor that sends garbage, half frames, too much, or doesn't read",
  "an executor that speaks for another run, or ends before its end",
  "what older versions left behind: swept only where it is ours",
  "upgrades and downgrades with live leases",
  "a backup of yesterday",
  "an issuer that is down while we recover",
  "an error that no code awaits",
  "a thousand random histories of faults",
  "ten thousand crashes leave nothing behind",
]);

/** Lines whose test is still to be written: unproven in the table, and a release waits for them. */
export const owed: readonly string[] = [];

export const threats: readonly Threat[] = [
  ...isolation,
  ...resources,
  ...files,
  ...network,
  ...credentials,
  ...crashes,
];

/** Groups of which tests carry tags, so far. */
export const threatGroups: readonly string[] = [...new Set(threats.map(({ id }) => id.split("-")[0] ?? ""))];
