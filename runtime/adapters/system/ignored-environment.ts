// Variables of the supervisor's environment that would change where, by whom or how safely requests go, in other programs.
// Egress takes none of them: it dials the checked address itself, trusts Node's own authorities and always verifies. This
// file only says so, by name, to an operator who may have meant them; values can hold passwords and are not shown.

const exact = new Set([
  "NODE_EXTRA_CA_CERTS",
  "NODE_TLS_REJECT_UNAUTHORIZED",
  "NODE_USE_ENV_PROXY",
  "NODE_USE_SYSTEM_CA",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "LOCALDOMAIN",
  "RES_OPTIONS",
  "HOSTALIASES",
  "UNDICI_USE_MILO",
]);
/** In either case, as curl and others read them. */
const proxies = new Set(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]);

/** One line for the operator; undefined when there is nothing to say. */
export function ignoredEnvironment(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const isSet = (name: string) => env[name] !== undefined && env[name] !== "";
  const names = Object.keys(env).filter((name) => isSet(name) && (exact.has(name) || proxies.has(name.toUpperCase())));
  if (names.length === 0) return undefined;
  return `${names.sort().join(", ")}: set, and without effect on jobs; requests go to the checked address alone, by verified TLS`;
}
