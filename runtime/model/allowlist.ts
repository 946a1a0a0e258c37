// The outbound allowlist: how one line of it is read, and which requests a line allows. Pure: the config parses with it,
// core/capabilities/network.ts decides with it. A line has one spelling, that of the WHATWG URL parser, so that what
// the operator reads is what is compared; any other spelling is refused with the right one in the message.
import { escapeLine, quote } from "./error.ts";
import type { NetworkRule } from "./grant.ts";

/** What a rule is compared with: one hop, parsed once. */
export interface RequestLine {
  method: string;
  scheme: "http" | "https";
  /** As the URL parser serialises it: ASCII, IPv6 in brackets. */
  host: string;
  port: number;
  /** Percent-encoded, without query. */
  path: string;
}

export type ParsedRule = { ok: true; rule: NetworkRule } | { ok: false; message: string };

/** What a rule may name. CONNECT would tunnel, TRACE would echo credential headers. */
export const allowedMethods: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const EXAMPLE = '"GET https://api.example.com/v1/*"';
const HOST_CHARS_MAX = 253; // RFC 1035, section 2.3.4, without the root's dot
const LABEL_CHARS_MAX = 63;

/**
 * One line of `network.allow`: methods, a space, a URL whose path may end in `/*`. The message of a refusal says what
 * was found and what is needed.
 */
export function parseNetworkRule(text: string): ParsedRule {
  const parts = text.split(" ");
  if (parts.length !== 2) {
    return refuse(`found ${quote(text)}; needed: methods, one space and a URL, such as ${EXAMPLE}`);
  }
  const methods = (parts[0] ?? "").split(",");
  const pattern = parts[1] ?? "";
  const problem = methodsProblem(methods) ?? patternProblem(pattern);
  if (problem !== undefined) return refuse(problem);
  const pathIsPrefix = pattern.endsWith("/*");
  const url = new URL(pathIsPrefix ? pattern.slice(0, -1) : pattern);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const rule = {
    text,
    methods,
    scheme,
    host: url.hostname,
    port: portOf(url),
    path: url.pathname,
    pathIsPrefix,
  } as const;
  return { ok: true, rule };
}

/** The first rule that allows this request. */
export function matchRule(rules: readonly NetworkRule[], request: RequestLine): NetworkRule | undefined {
  return rules.find((rule) => sameOrigin(rule, request) && pathMatches(rule, request) && methodMatches(rule, request));
}

/** The rule that misses the request by the least: for a denial's text. */
export function nearestRule(rules: readonly NetworkRule[], request: RequestLine): NetworkRule | undefined {
  let best: NetworkRule | undefined;
  let bestScore = 0;
  for (const rule of rules) {
    const score = nearness(rule, request);
    if (score > bestScore) [best, bestScore] = [rule, score];
  }
  return best;
}

/** The narrow line that would allow this request and its siblings. It may be one that `parseNetworkRule` refuses. */
export function ruleTextFor(request: RequestLine): string {
  const slash = request.path.lastIndexOf("/");
  // Directly below the root the parent would be the whole host: then the path itself.
  const path = slash > 0 ? `${request.path.slice(0, slash)}/*` : request.path;
  return `${request.method} ${request.scheme}://${request.host}${portSuffix(request)}${path}`;
}

/**
 * Why a server might read this path as another one than we do: encoded dots, slashes, backslashes or NUL, a percent
 * sign that is encoded twice, bytes that are no UTF-8, `..;`. undefined when it is plain.
 */
export function pathAmbiguity(path: string): string | undefined {
  if (path.includes("\\")) return "a backslash";
  if (/%(?:2e|2f|5c)/i.test(path)) return "an encoded dot, slash or backslash";
  if (/%(?:0[0-9a-f]|1[0-9a-f]|7f)/i.test(path)) return "an encoded control character";
  if (/%25[0-9a-f]{2}/i.test(path)) return "a percent sign that is encoded twice";
  if (/(?:^|\/)\.{1,2};/.test(path)) return "a dot segment with parameters";
  try {
    decodeURIComponent(path);
  } catch {
    return "a percent escape that is no UTF-8";
  }
  return undefined;
}

function methodsProblem(methods: readonly string[]): string | undefined {
  for (const [index, method] of methods.entries()) {
    if (methods.indexOf(method) !== index) return `found ${quote(method)} twice; needed: each method once`;
    if (!allowedMethods.includes(method)) {
      return `found method ${quote(method)}; needed: ${allowedMethods.join(", ")}, joined by commas, as in ${EXAMPLE}`;
    }
  }
  return undefined;
}

function patternProblem(pattern: string): string | undefined {
  if (!/^https?:\/\//.test(pattern)) return `found ${quote(pattern)}; needed: http:// or https://, as in ${EXAMPLE}`;
  const authority = pattern.replace(/^https?:\/\//, "").split(/[/?#\\]/, 1)[0] ?? "";
  const problem = authorityProblem(authority);
  if (problem !== undefined) return problem;
  if (/[?#]/.test(pattern)) {
    return `found ${quote(pattern)}; needed: no query and no fragment (a rule allows every query of its path)`;
  }
  const fixed = pattern.endsWith("/*") ? pattern.slice(0, -1) : pattern;
  if (fixed.includes("*"))
    return `found "*" inside ${quote(pattern)}; needed: "*" as the whole last segment, as in ${EXAMPLE}`;
  const ambiguity = pathAmbiguity(fixed.slice(fixed.indexOf(authority) + authority.length));
  if (ambiguity !== undefined)
    return `found ${ambiguity} in ${quote(pattern)}; needed: a path that all servers read alike`;
  return spellingProblem(pattern, fixed);
}

function authorityProblem(authority: string): string | undefined {
  if (authority.includes("@")) return `found user information before the host; needed: the host alone`;
  if (authority.includes("*")) return `found ${quote(authority)}; needed: whole host names, one rule for each`;
  if (!/^[\x21-\x7e]+$/.test(authority)) return `found host ${quote(authority)}; needed: ASCII, an IDN as xn--…`;
  return undefined;
}

function spellingProblem(pattern: string, fixed: string): string | undefined {
  const url = URL.canParse(fixed) ? new URL(fixed) : undefined;
  if (url === undefined || url.port === "0") {
    return `found ${quote(pattern)}; needed: a URL with a valid host and a port from 1 to 65535`;
  }
  const hostProblem = hostNameProblem(url.hostname);
  if (hostProblem !== undefined) return hostProblem;
  if (url.href === fixed) return undefined;
  const right = url.href + (fixed === pattern ? "" : "*");
  return `found ${quote(pattern)}; needed: its one spelling, ${quote(right)}`;
}

function hostNameProblem(host: string): string | undefined {
  if (host.startsWith("[") || /^[0-9.]+$/.test(host)) return undefined;
  if (host === "localhost" || host.endsWith(".localhost"))
    return `found ${quote(host)}; needed: write 127.0.0.1 or [::1]`;
  if (host.endsWith(".")) return `found ${quote(host)}; needed: no dot at the end`;
  if (host.endsWith(".local")) return `found ${quote(host)}; needed: a name in DNS (.local is multicast DNS, RFC 6762)`;
  const labels = host.split(".");
  if (labels.length < 2) return `found ${quote(host)}; needed: a full name with a dot, or an address such as 127.0.0.1`;
  if (host.length > HOST_CHARS_MAX || labels.some((label) => label === "" || label.length > LABEL_CHARS_MAX)) {
    return `found ${quote(host)}; needed: labels of 1 to ${LABEL_CHARS_MAX} characters, ${HOST_CHARS_MAX} in all`;
  }
  return undefined;
}

function sameOrigin(rule: NetworkRule, request: RequestLine): boolean {
  return rule.scheme === request.scheme && rule.host === request.host && rule.port === request.port;
}

function pathMatches(rule: NetworkRule, request: RequestLine): boolean {
  return rule.pathIsPrefix ? request.path.startsWith(rule.path) : request.path === rule.path;
}

function methodMatches(rule: NetworkRule, request: RequestLine): boolean {
  return rule.methods.includes(request.method);
}

function nearness(rule: NetworkRule, request: RequestLine): number {
  if (rule.host !== request.host) return 0;
  const origin = Number(rule.scheme === request.scheme) + Number(rule.port === request.port);
  return 1 + 4 * origin + 2 * Number(pathMatches(rule, request)) + Number(methodMatches(rule, request));
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

/** `:7421`, or nothing where the port is the scheme's own. */
export function portSuffix(request: { scheme: "http" | "https"; port: number }): string {
  return request.port === (request.scheme === "https" ? 443 : 80) ? "" : `:${request.port}`;
}

function refuse(message: string): ParsedRule {
  return { ok: false, message: escapeLine(message, 600) };
}
