// What a Redis scope may say, and the ACL rules that say the same to a server:
//
//   get,mget:orders:*        these commands on keys that begin with orders:
//   @read,incr:counter:?     a category of redis-commands.ts is the commands of that list
//   publish:&events.*        a channel, to publish to
//
// Each entry becomes a selector of its own (Redis 7.0): the commands of one entry never meet the keys of another. Answers
// for reading strictly: what is let through has no character that means anything in a rule but `*` and `?`.
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { categoryWords, commandsOf } from "./redis-commands.ts";

/** One entry, as rules. */
export interface Selector {
  /** `+get`, in the order of the entry, each once. */
  commands: readonly string[];
  /** `~orders:*`, or "" for a channel's. */
  keys: string;
  /** `&events.*`, or "" for keys. */
  channels: string;
}

const scopesMax = 64;
// A pattern begins with a name, so that none means everything.
const scopeForm = /^([a-z_,@|]{1,512}):(&?)([A-Za-z0-9_.:/@{}#=-][A-Za-z0-9_.:/@{}#=*?-]{0,255})$/;

/** @throws IssuerFailure `scope_invalid`. */
export function parseRedisScope(scope: readonly string[]): Selector[] {
  if (scope.length === 0 || scope.length > scopesMax) {
    throw new IssuerFailure("scope_invalid", `scope: found ${scope.length} entries, needed 1 to ${scopesMax}`);
  }
  return scope.map(parseEntry);
}

function parseEntry(entry: string): Selector {
  const [, words = "", mark = "", pattern = ""] = scopeForm.exec(entry) ?? [];
  if (pattern === "") throw scopeError(entry, 'command,…:pattern, such as get,mget:orders:*, a name before any "*"');
  const of = mark === "&" ? "channels" : "keys";
  const listed = words.split(",");
  if (new Set(listed).size !== listed.length) throw scopeError(entry, "each command once");
  const commands = listed.flatMap((word) => {
    const found = commandsOf(word, of);
    if (found !== undefined) return found;
    const known = of === "keys" ? `a command on keys, or one of ${categoryWords.join(" ")}` : "publish or spublish";
    throw scopeError(entry, `${known} in the place of ${quote(word, 32)}`);
  });
  const rules = [...new Set(commands)].map((command) => `+${command}`);
  return of === "keys"
    ? { commands: rules, keys: `~${pattern}`, channels: "" }
    : { commands: rules, keys: "", channels: `&${pattern}` };
}

function scopeError(found: string, needed: string): IssuerFailure {
  return new IssuerFailure("scope_invalid", `scope: found ${quote(found)}, needed ${needed}`);
}

/** As one argument of ACL SETUSER. A new selector may have all channels (acl-pubsub-default): they are taken first. */
export function ruleOf({ commands, keys, channels }: Selector): string {
  const words = ["resetchannels", "-@all", ...commands, keys, channels];
  return `(${words.filter((word) => word !== "").join(" ")})`;
}
