// The life of a leased user, as commands. A user of Redis is its rules, in the server's memory: making and ending one is
// one command each, done wholly or not at all, with nothing between.
//
//   absent → there    ACL SETUSER reset …: whatever was there under the name is replaced; whoever had logged in as the
//                     earlier user is cut, for SETUSER leaves connections alone. What was made is read back and compared.
//   there → absent    ACL DELUSER: the server takes every connection of it away in the same step. SETUSER off before it
//                     would do nothing more, and would make a user where there was none. The list of clients is looked
//                     at all the same, and whoever is still in it is ended by number.
//
// ACL SAVE and CONFIG REWRITE are not called, here or anywhere: a restart of the server forgets leased users.
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { answerOf, type RedisAdmin } from "./redis-admin.ts";
import { familyWords } from "./redis-commands.ts";
import type { RedisValue } from "./redis-reply.ts";
import { ruleOf, type Selector } from "./redis-scope.ts";

export interface UserOrder {
  user: string;
  /** SHA-256, hex. */
  passwordHash: string;
  selectors: readonly Selector[];
}

/** @throws IssuerFailure; what was made and is not what was ordered has been ended. */
export async function createUser(admin: RedisAdmin, order: UserOrder, signal: AbortSignal): Promise<void> {
  const { user, passwordHash, selectors } = order;
  const [everybody] = await admin.ask("say who its default user is", [["ACL", "GETUSER", "default"]], signal);
  if (isOpenToAll(answerOf(everybody))) {
    const found = "its user default is on and needs no password, so whoever reaches it may do anything";
    throw new IssuerFailure("issuer_refused", `Redis has no door: ${found}; needed ACL SETUSER default off`);
  }
  const rules = ["reset", "resetchannels", "-@all", ...selectors.map(ruleOf), `#${passwordHash}`, "on"];
  const [made, cut, there] = await admin.ask(
    "make the user",
    [
      ["ACL", "SETUSER", user, ...rules],
      ["CLIENT", "KILL", "USER", user],
      ["ACL", "GETUSER", user],
    ],
    signal,
  );
  answerOf(made);
  try {
    answerOf(cut);
    const fault = faultOf(answerOf(there), order);
    if (fault !== undefined) throw new IssuerFailure("issuer_garbage", `Redis made another user than asked: ${fault}`);
  } catch (error) {
    await endUser(admin, user, signal);
    throw error;
  }
}

/** No such user is success. */
export async function endUser(admin: RedisAdmin, user: string, signal: AbortSignal): Promise<void> {
  const [ended, clients] = await admin.ask(
    "end the user",
    [
      ["ACL", "DELUSER", user],
      ["CLIENT", "LIST"],
    ],
    signal,
  );
  answerOf(ended);
  const left = clientsOf(answerOf(clients), user);
  if (left.length === 0) return;
  const kills = left.map((id) => ["CLIENT", "KILL", "ID", id]);
  for (const reply of await admin.ask("cut the user's connections", kills, signal)) answerOf(reply);
}

export interface UserSighting {
  exists: boolean;
  /** Connections that are logged in as it. */
  clients: number;
}

export async function lookForUser(admin: RedisAdmin, user: string, signal: AbortSignal): Promise<UserSighting> {
  const [there, clients] = await admin.ask(
    "look for the user",
    [
      ["ACL", "GETUSER", user],
      ["CLIENT", "LIST"],
    ],
    signal,
  );
  return { exists: answerOf(there) !== null, clients: clientsOf(answerOf(clients), user).length };
}

export async function usersWithPrefix(admin: RedisAdmin, prefix: string, signal: AbortSignal): Promise<string[]> {
  const [listed] = await admin.ask("list the users", [["ACL", "USERS"]], signal);
  const names = answerOf(listed);
  if (!Array.isArray(names)) throw new IssuerFailure("issuer_garbage", "Redis listed no users");
  return names.filter((name) => typeof name === "string").filter((name) => name.startsWith(prefix));
}

/** Numbers of the connections in CLIENT LIST that are logged in as the user. Every field is `name=value`, no value has a space. */
function clientsOf(listed: RedisValue, user: string): string[] {
  if (typeof listed !== "string" || !/^id=\d+ /.test(listed)) {
    throw new IssuerFailure("issuer_garbage", "Redis listed no clients, not even us");
  }
  return listed
    .split("\n")
    .filter((line) => line.split(" ").includes(`user=${user}`))
    .map((line) => /^id=(\d+) /.exec(line)?.[1] ?? "");
}

function isOpenToAll(described: RedisValue): boolean {
  const flags = fieldsOf(described).get("flags");
  return Array.isArray(flags) && flags.includes("on") && flags.includes("nopass");
}

/** The first difference of what was read back, in words. */
function faultOf(described: RedisValue, { passwordHash, selectors }: UserOrder): string | undefined {
  const user = fieldsOf(described);
  if (!isSame(user.get("flags"), ["on", "sanitize-payload"])) return "flags";
  if (!isSame(user.get("passwords"), [passwordHash])) return "passwords";
  if (!isSelector(user, { commands: [], keys: "", channels: "" })) return "rules beside its selectors";
  const found = user.get("selectors");
  if (!Array.isArray(found) || found.length !== selectors.length) return "selectors";
  for (const [index, selector] of selectors.entries()) {
    if (!isSelector(fieldsOf(found[index] ?? null), selector)) return `selector ${index + 1}`;
  }
  return undefined;
}

function isSelector(found: ReadonlyMap<RedisValue, RedisValue>, wanted: Selector): boolean {
  if (found.get("keys") !== wanted.keys || found.get("channels") !== wanted.channels) return false;
  const commands = found.get("commands");
  return typeof commands === "string" && isNoWider(commands.split(" "), wanted.commands);
}

// Redis 7.0 doesn't keep the rules that it was given: it writes down anew what comes to the same, with whole categories
// and what it takes from them again. So a family may stand there; nothing else may that wasn't asked for.
function isNoWider([first, ...rules]: readonly string[], wanted: readonly string[]): boolean {
  const isAsked = (rule: string) => wanted.includes(rule) || (wanted.length > 0 && familyWords.includes(rule.slice(1)));
  return first === "-@all" && rules.every((rule) => rule.startsWith("-") || isAsked(rule));
}

function isSame(found: RedisValue | undefined, wanted: readonly string[]): boolean {
  return Array.isArray(found) && found.length === wanted.length && wanted.every((each) => found.includes(each));
}

function fieldsOf(described: RedisValue): ReadonlyMap<RedisValue, RedisValue> {
  if (!Array.isArray(described)) throw new IssuerFailure("issuer_garbage", "Redis described no user");
  return new Map(described.filter((pair) => Array.isArray(pair)).map(([key = null, value = null]) => [key, value]));
}
