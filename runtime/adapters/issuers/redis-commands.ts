// The commands that a leased Redis user may be given: a list of what is allowed, as of Redis 7.0. On it is what names its
// keys, answers with one reply at once, and keeps within database 0, so that a key pattern says all that can be reached.
// Left out, and so refused both in a scope and at the door:
//
//   acl, config, module, debug, client, …     the server's own, and other people's connections
//   eval, fcall, script, function             programs: a reply of any shape, and time that no one bounds
//   keys, scan, randomkey, dbsize             say what lies outside the pattern, which they don't look at
//   flushall, flushdb, swapdb                 change what lies outside it
//   sort, sort_ro                             BY and GET read keys that their patterns name
//   select, move, copy                        other databases: a pattern counts in each of them alike
//   dump, restore, migrate                    take and give the server's own serial form
//   auth, hello, reset, quit                  turn the connection into somebody else's (the server lets anybody)
//   multi, watch, subscribe, monitor, wait    change what later replies mean
//   blpop, blmove, bzpopmin and their like    wait
//   object, memory, lolwut                    nothing that a job needs
//
// `@read` and the other categories are this list's, not the server's: its @read has KEYS, and what modules put there.
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

type Access = "read" | "write";

const families: Readonly<Record<string, Readonly<Record<Access, string>>>> = {
  key: {
    read: "exists expiretime pexpiretime pttl touch ttl type",
    write: "del expire expireat persist pexpire pexpireat rename renamenx unlink",
  },
  string: {
    read: "get getrange lcs mget strlen substr",
    write: "append decr decrby getdel getex getset incr incrby incrbyfloat mset msetnx psetex set setex setnx setrange",
  },
  hash: {
    read: "hexists hget hgetall hkeys hlen hmget hrandfield hscan hstrlen hvals",
    write: "hdel hincrby hincrbyfloat hmset hset hsetnx",
  },
  list: {
    read: "lindex llen lpos lrange",
    write: "linsert lmove lmpop lpop lpush lpushx lrem lset ltrim rpop rpoplpush rpush rpushx",
  },
  set: {
    read: "scard sdiff sinter sintercard sismember smembers smismember srandmember sscan sunion",
    write: "sadd sdiffstore sinterstore smove spop srem sunionstore",
  },
  sortedset: {
    read:
      "zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank " +
      "zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion",
    write:
      "zadd zdiffstore zincrby zinterstore zmpop zpopmax zpopmin zrangestore zrem zremrangebylex zremrangebyrank " +
      "zremrangebyscore zunionstore",
  },
  stream: {
    read: "xinfo|consumers xinfo|groups xinfo|stream xlen xpending xrange xread xrevrange",
    write:
      "xack xadd xautoclaim xclaim xdel xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy " +
      "xgroup|setid xreadgroup xtrim",
  },
  bitmap: { read: "bitcount bitfield_ro bitpos getbit", write: "bitfield bitop setbit" },
  hyperloglog: { read: "pfcount", write: "pfadd pfmerge" },
  geo: { read: "geodist geohash geopos geosearch", write: "geoadd geosearchstore" },
};

const channelCommands: readonly string[] = ["publish", "spublish"];

interface KeyCommand {
  name: string;
  family: string;
  access: Access;
}

/** All that touches keys. */
export const keyCommands: readonly KeyCommand[] = Object.entries(families).flatMap(([family, words]) =>
  (["read", "write"] as const).flatMap((access) => words[access].split(" ").map((name) => ({ name, family, access }))),
);

const byWord = new Map<string, readonly string[]>();
for (const { name, family, access } of keyCommands) {
  const [container = ""] = name.split("|");
  for (const word of new Set([name, container, `@${family}`, `@${access}`])) {
    byWord.set(word, [...(byWord.get(word) ?? []), name]);
  }
}
byWord.delete("@key"); // the server's @keyspace is another thing: nobody should think of it

/** The commands of one word of a scope, `get`, `xinfo` or `@read`; undefined for what is none that may be had. */
export function commandsOf(word: string, of: "keys" | "channels"): readonly string[] | undefined {
  if (of === "channels") return channelCommands.includes(word) ? [word] : undefined;
  return byWord.get(word);
}

/** Categories of the server's that hold a family, and nothing of the server's own. */
export const familyWords: readonly string[] = Object.keys(families)
  .filter((family) => family !== "key")
  .map((family) => `@${family}`);

/** For a message. */
export const categoryWords: readonly string[] = [...byWord.keys()].filter((word) => word.startsWith("@"));

/**
 * Whether a job may send this at all; whether it may with these keys is the server's to say, who knows the user.
 * @throws IssuerFailure `operation_failed`, before anything is sent.
 */
export function checkCommand(args: readonly string[]): void {
  const name = args[0]?.toLowerCase() ?? "";
  const isKnown = (!name.startsWith("@") && byWord.has(name)) || channelCommands.includes(name);
  if (!isKnown || name.includes("|")) {
    const needed = "needed a command on keys that answers at once, of those in docs/issuers.md";
    throw new IssuerFailure("operation_failed", `found ${quote(args[0] ?? "", 64)}, ${needed}`);
  }
  if ((name === "xread" || name === "xreadgroup") && waits(args)) {
    throw new IssuerFailure("operation_failed", `found ${quote(name)} with BLOCK, needed it without: nothing waits`);
  }
}

/** How many words follow an option of XREAD and XREADGROUP. */
const optionWords: ReadonlyMap<string, number> = new Map([
  ["count", 1],
  ["group", 2],
  ["noack", 0],
]);

function waits(args: readonly string[]): boolean {
  for (let at = 1; at < args.length; at += 1) {
    const word = args[at]?.toLowerCase() ?? "";
    if (word === "block") return true;
    if (word === "streams") return false;
    at += optionWords.get(word) ?? 0;
  }
  return false;
}
