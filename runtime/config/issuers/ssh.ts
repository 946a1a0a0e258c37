// The embedded issuer of SSH certificates: one host, and the commands that its certificates may be good for.
import { canonicalAddress, parseCidr } from "../../model/addresses.ts";
import { check, type Path, type Problem, problem, Unfit } from "../problems.ts";
import { choice, leaf, list, nameNeeded, namePattern, object, record, text } from "../values.ts";
import type { IssuerKind } from "./kind.ts";

export interface AuthorSshCommand {
  /** One line, for the shell of the user at the host: the certificate permits nothing else. */
  run: string;
  /** The certificate's one principal: what the host's AuthorizedPrincipalsFile lists, the user's name where it has none. */
  principal: string;
  /** As whom to log in. Default: the principal. */
  user?: string;
}

export interface AuthorSshIssuer {
  kind: "ssh";
  /** Name or address, with the port where it isn't 22: "db1.example", "db1.example:2222", "[2001:db8::1]:22". */
  host: string;
  /** The host's public key, as in known_hosts: "ssh-ed25519 AAAA…". No other is accepted. */
  hostKey: string;
  /** By name: a scope is the name of one of them. */
  commands: Record<string, AuthorSshCommand>;
  /** From where certificates are good: addresses or CIDR blocks, as the host sees this machine. Default: anywhere. */
  sourceAddresses?: readonly string[];
}

export interface SshIssuerConfig {
  kind: "ssh";
  name: string;
  /** IPv6 without brackets. */
  host: string;
  port: number;
  /** Type and Base64, without a comment. */
  hostKey: string;
  commands: ReadonlyMap<string, { run: string; principal: string; user: string }>;
  /** CIDR blocks. */
  sourceAddresses: readonly string[];
}

const defaultPort = 22;
const commandsMax = 64;
const sourcesMax = 16;
/** Of a force-command: sshd hands it to a shell as one argument. */
const runCharsMax = 1_024;
const hostKeyTypes = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

const host = leaf((value) => {
  const unfit = new Unfit('a host, with its port where that isn\'t 22: "db1.example:2222" or "[2001:db8::1]:22"');
  const match = typeof value === "string" ? /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(value) : null;
  if (match === null) return unfit;
  const [, address, name, digits] = match;
  const port = digits === undefined ? defaultPort : Number(digits);
  const found = address === undefined ? name : canonicalAddress(address);
  if (found === undefined || (address === undefined && !hostName.test(found))) return unfit;
  return port >= 1 && port <= 65_535 ? { host: found, port } : unfit;
});

// The type stands in front of the key and in it.
const hostKey = leaf((value) => {
  const needed = `the host's public key as in known_hosts, of type ${hostKeyTypes.join(", ")}`;
  const next = "ask the host itself: cat /etc/ssh/ssh_host_ed25519_key.pub";
  const [type = "", base64 = ""] = typeof value === "string" && value.length <= 2_048 ? value.split(" ") : [];
  const blob = Buffer.from(base64, "base64");
  const inner = blob.length > 4 ? blob.toString("latin1", 4, 4 + blob.readUInt32BE()) : "";
  const fits = hostKeyTypes.includes(type) && inner === type && blob.toString("base64") === base64;
  return fits ? `${type} ${base64}` : new Unfit(needed, { next });
});

const source = leaf((value) => {
  const unfit = new Unfit('an address or a CIDR block whose host bits are zero: "192.0.2.7", "192.0.2.0/24"');
  if (typeof value !== "string" || value.length > 64) return unfit;
  const address = canonicalAddress(value);
  const block = address === undefined ? parseCidr(value) : parseCidr(`${address}/${address.includes(":") ? 128 : 32}`);
  return block?.text ?? unfit;
});

// No word that a list, a pattern or an option of ssh's could be made of.
const principal = text("a principal: letters, digits and . _ @ -, no wildcard", /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$/);
const user = text("the name of a user at the host", /^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$/);
const run = text("a command in one line", /^(?=.*\S)[^\p{Cc}\u2028\u2029\p{Cs}]+$/u, runCharsMax);

const commandShape = object({ run, principal, user: user.optional() });

const shape = object({
  kind: choice(["ssh"]),
  host,
  hostKey,
  commands: record("commands by name"),
  sourceAddresses: list(source, "a list of addresses").optional(),
});

export const sshKind: IssuerKind<"ssh", SshIssuerConfig> = {
  kind: "ssh",
  about: "embedded SSH certificates",
  deliveries: ["exec"],
  place: null,
  parse(value, { name, path, problems }) {
    const words = check(shape, value, path, problems)?.value;
    if (words === undefined) return undefined;
    const commands = parseCommands(words.commands, [...path, "commands"], problems);
    const sourceAddresses = words.sourceAddresses ?? [];
    // An empty list would be left out of the certificate, and stand for anywhere.
    if (words.sourceAddresses?.length === 0 || sourceAddresses.length > sourcesMax) {
      const found = sourceAddresses.length === 0 ? "an empty list" : `${sourceAddresses.length} of them`;
      problems.push(problem([...path, "sourceAddresses"], found, `1 to ${sourcesMax} addresses, or no such key`));
    }
    return { kind: "ssh", name, ...words.host, hostKey: words.hostKey, commands, sourceAddresses };
  },
};

function parseCommands(named: Record<string, unknown>, path: Path, problems: Problem[]): SshIssuerConfig["commands"] {
  const commands = new Map<string, { run: string; principal: string; user: string }>();
  for (const [name, value] of Object.entries(named)) {
    if (!namePattern.test(name)) problems.push(problem([...path, name], "a key that is no name", nameNeeded));
    const words = check(commandShape, value, [...path, name], problems)?.value;
    if (words === undefined) continue;
    if (words.user === undefined && !isUser(words.principal)) {
      const needed = "the user to log in as: the principal can't be one";
      problems.push(problem([...path, name, "user"], "nothing", needed));
    }
    commands.set(name, { run: words.run, principal: words.principal, user: words.user ?? words.principal });
  }
  const count = Object.keys(named).length;
  if (count === 0 || count > commandsMax)
    problems.push(problem(path, `${count} commands`, `1 to ${commandsMax} of them: a certificate permits one`));
  return commands;
}

function isUser(text: string): boolean {
  return user.safeParse(text).success;
}
