// Attacks on the files: out of the run's own tree by name, by a link that was put into it from outside, and into what may
// only be read.
import { join } from "node:path";
import type { Attack, Bench, Place, Seen } from "../attack.ts";
import { endOf, wasDenied } from "../attack.ts";

/** Ways to say `path` that some decoder somewhere takes for the same. */
function spellings(path: string): string[] {
  const up = "../".repeat(12);
  const bare = path.slice(1);
  return [
    path,
    `/${path}`,
    `file://${path}`,
    `/${up}${bare}`,
    `${up}${bare}`,
    `/output/${up}${bare}`,
    `/..%2f..%2f..%2f..%2f..%2f${bare}`,
    `/%2e%2e/%2e%2e/%2e%2e/%2e%2e/${bare}`,
    `/....//....//....//....//${bare}`,
    `/${"..\\".repeat(8)}${bare.replaceAll("/", "\\")}`,
    `/output/.././.././../${bare}`,
    `${path}\u0000.txt`,
    `/proc/self/root${path}`,
    `/dev/fd/3/../../../../..${path}`,
  ];
}

export function fileAttacks(place: Place): Attack[] {
  return [traversal(place), plantedLink(place), readOnlyMount(place)];
}

/** The bait is there to be read by whoever can. */
const canBeRead = ({ place: { bait } }: Bench) =>
  bait.untouched() ? {} : { blind: "the supervisor itself can't read it" };

function traversal({ bait }: Place): Attack {
  const paths = [...spellings(bait.file), ...spellings("/etc/passwd")];
  return {
    group: "files",
    name: "a file outside",
    tries: `${paths.length} spellings of the path of a file outside: .., encoded, absolute, URL, NUL, /proc`,
    expects: "none is read, none is written",
    quick: true,
    jobs: {
      attack: {
        body: `const read = [];
          for (const path of ${JSON.stringify(paths)}) await c.files.readText(path).then(() => read.push(path), () => {});
          for (const path of ${JSON.stringify(paths)}) await c.files.append(path, "escaped").catch(() => {});
          return read;`,
      },
    },
    async run(bench): Promise<Seen> {
      const control = canBeRead(bench);
      const record = await bench.run("attack");
      const read = Array.isArray(record.result) ? record.result : ["the job ended otherwise"];
      const held = read.length === 0 && wasDenied(record, "path") && bait.untouched();
      return { held, saw: `${read.length} of ${paths.length} read, ${endOf(record)}`, ...control };
    },
  };
}

function plantedLink({ bait }: Place): Attack {
  return {
    group: "files",
    name: "a link planted from outside",
    tries: "links to a file and a directory outside, put into the run's directory while it runs",
    expects: "not followed: neither read, listed, written nor removed beyond",
    jobs: {
      attack: {
        body: `await c.files.list("/"); // then the directory is there
          c.log.info("here");
          while (!(await c.files.list("/")).some(({ name }) => name === "link-directory")) await new Promise((f) => setTimeout(f, 5));
          const code = (e) => e.code ?? e.name;
          return [await c.files.readText("/link").catch(code), await c.files.readText("/link-directory/secret.txt").catch(code),
            await c.files.list("/link-directory").then((names) => "listed", code), await c.files.append("/link", "escaped").then(() => "written", code),
            await c.files.write("/link-directory/escaped", "escaped").then(() => "written", code), await c.files.remove("/link-directory/secret.txt").then(() => "removed", code)];`,
      },
    },
    async run(bench): Promise<Seen> {
      const control = canBeRead(bench);
      const run = await bench.start("attack");
      await bench.logged(run, "here");
      bench.plantLink(run.id, "link");
      const record = await run.done;
      const answers = Array.isArray(record.result) ? record.result.map(String) : [];
      const served = ["listed", "written", "removed", bait.canary];
      const held = answers.length === 6 && !answers.some((answer) => served.includes(answer)) && bait.untouched();
      const said = answers.map((answer) => (answer === bait.canary ? "the file's content" : answer)).join(", ");
      return {
        held,
        saw: `${said || endOf(record)}${bait.untouched() ? "" : "; the file outside was changed"}`,
        ...control,
      };
    },
  };
}

function readOnlyMount({ bait, directory }: Place): Attack {
  const mounts = { "/data": join(directory, "bait") };
  return {
    group: "files",
    name: "a mount that may only be read",
    tries: "write, append, make and remove in it",
    expects: "denied: readonly; reading works",
    jobs: {
      attack: {
        body: `const code = (e) => e.code ?? e.name;
          const tries = [() => c.files.write("/data/secret.txt", "x"), () => c.files.append("/data/secret.txt", "x"), () => c.files.write("/data/escaped", "x"),
            () => c.files.mkdir("/data/made"), () => c.files.remove("/data/secret.txt")];
          const codes = [];
          for (const attempt of tries) codes.push(await attempt().then(() => "done", code));
          return { codes: [...new Set(codes)], read: await c.files.readText("/data/secret.txt").catch(code) };`,
        mounts,
      },
    },
    async run(bench): Promise<Seen> {
      const record = await bench.run("attack");
      const { codes = [], read } = (record.result ?? {}) as { codes?: string[]; read?: string };
      const held = codes.join() === "readonly" && bait.untouched();
      const blind = read === bait.canary ? {} : { blind: "the mount can't even be read" };
      return { held, saw: codes.length === 0 ? endOf(record) : codes.join(", "), ...blind };
    },
  };
}
