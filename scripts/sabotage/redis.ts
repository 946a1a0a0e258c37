// Sabotages of the Redis issuer: what a leased user may, how it is ended, and what a server may do to us.
import type { Sabotage } from "./sabotage.ts";

const folder = "runtime/adapters/issuers";
const contract = ["test/adapters/issuers/redis.test.ts"];
const around = ["test/adapters/issuers/redis-server.test.ts"];
const commands = ["test/adapters/issuers/redis-command.test.ts"];

export const redisSabotages: readonly Sabotage[] = [
  {
    id: "redis-no-fence",
    defence: "a connection that went down with a question open is ended at the server before the next is asked",
    threats: ["CRED-20"],
    file: `${folder}/redis-admin.ts`,
    find: "const before = fenced;",
    replace: "const before: number[] = [];",
    caughtBy: around,
  },
  {
    id: "redis-sessions-outlive-their-secret",
    defence: "a second issue cuts whoever had logged in with the first secret",
    threats: ["CRED-28"],
    file: `${folder}/redis-user.ts`,
    find: '["CLIENT", "KILL", "USER", user],',
    replace: '["CLIENT", "KILL", "ID", "999999999"],',
    caughtBy: contract,
  },
  {
    id: "redis-open-to-all",
    defence: "a server whose default user needs no password is refused",
    threats: ["CRED-19"],
    file: `${folder}/redis-user.ts`,
    find: 'flags.includes("on") && flags.includes("nopass")',
    replace: "false",
    caughtBy: around,
  },
  {
    id: "redis-all-channels",
    defence: "a selector gets no channels that it doesn't name",
    threats: ["CRED-19"],
    file: `${folder}/redis-scope.ts`,
    find: 'const words = ["resetchannels", "-@all",',
    replace: 'const words = ["-@all",',
    caughtBy: around,
  },
  {
    id: "redis-pattern-of-everything",
    defence: "a pattern begins with a name",
    threats: ["CRED-36"],
    file: `${folder}/redis-scope.ts`,
    find: "(&?)([A-Za-z0-9_.:/@{}#=-]",
    replace: "(&?)([A-Za-z0-9_.:/@{}#=*?-]",
    caughtBy: contract,
  },
  {
    id: "redis-door-open",
    defence: "only commands of the list leave",
    threats: ["CRED-36"],
    file: `${folder}/redis-session.ts`,
    find: "checkCommand(request.args);",
    replace: "void checkCommand;",
    caughtBy: commands,
  },
  {
    id: "redis-block",
    defence: "no command waits: BLOCK is refused",
    threats: ["CRED-36"],
    file: `${folder}/redis-commands.ts`,
    find: 'if (word === "block") return true;',
    replace: "",
    caughtBy: commands,
  },
  {
    id: "redis-endless-reply",
    defence: "a reply is cut off at its limit, before it is read",
    threats: ["CRED-19"],
    file: `${folder}/redis-connection.ts`,
    find: "if (asked.bytes > asked.bytesMax) throw",
    replace: "if (asked.bytes < 0) throw",
    caughtBy: commands,
  },
  {
    id: "redis-announced-lengths",
    defence: "a length that is announced makes nothing grow",
    threats: ["CRED-19"],
    file: `${folder}/redis-reply.ts`,
    find: "else frames.push({ kind, left, items: [] });",
    replace: "else frames.push({ kind, left, items: new Array(Math.min(left, 1_000_000)).fill(0).slice(left) });",
    caughtBy: ["test/adapters/issuers/redis-reply.test.ts"],
  },
];
