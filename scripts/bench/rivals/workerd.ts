// workerd on loopback: one server that loads the job into an isolate of its own each time, by its worker loader; and a
// server a job.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { programOf } from "../peers/install.ts";
import type { Rival, RivalParts } from "../rivals.ts";
import { machineMs } from "../stats.ts";
import { job } from "./job.ts";

const date = "2026-11-01";
const worker = `export default { fetch() { return Response.json(${job}(null)); } };`;

const loader = `
  const code = {
    compatibilityDate: "${date}",
    mainModule: "job.js",
    modules: { "job.js": ${JSON.stringify(worker)} },
    globalOutbound: null,
  };
  export default {
    fetch: (request, { loader }) => loader.load(code).getEntrypoint().fetch("http://job/"),
  };
`;

const config = (bindings: string) => `
  using Workerd = import "/workerd/workerd.capnp";
  const config :Workerd.Config = (
    services = [(name = "main", worker = .main)],
    sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  );
  const main :Workerd.Worker = (
    modules = [(name = "main.js", esModule = embed "main.js")],
    compatibilityDate = "${date}",
    bindings = [${bindings}],
  );
`;

interface Server {
  ask(): Promise<void>;
  stop(): Promise<void>;
}

export async function openLoader(parts: RivalParts): Promise<Rival> {
  const directory = prepare(parts, "loader", loader, '(name = "loader", workerLoader = ())');
  const server = await serve(parts, directory);
  return {
    async run() {
      const start = machineMs();
      await server.ask();
      return machineMs() - start;
    },
    close: () => server.stop(),
  };
}

export async function openProcesses(parts: RivalParts): Promise<Rival> {
  const directory = prepare(parts, "processes", worker, "");
  return {
    async run() {
      const start = machineMs();
      const server = await serve(parts, directory);
      await server.ask();
      const ms = machineMs() - start;
      await server.stop();
      return ms;
    },
    async close() {},
  };
}

function prepare({ scratch }: RivalParts, name: string, main: string, bindings: string): string {
  const directory = join(scratch, `workerd-${name}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "main.js"), main);
  writeFileSync(join(directory, "config.capnp"), config(bindings));
  return directory;
}

async function serve({ modules }: RivalParts, directory: string): Promise<Server> {
  const child = spawn(
    programOf(modules, "workerd"),
    ["serve", "--experimental", "--control-fd=3", join(directory, "config.capnp")],
    { cwd: directory, env: {}, stdio: ["ignore", "ignore", "inherit", "pipe"] },
  );
  const end = () => void child.kill("SIGKILL");
  process.once("exit", end);
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const agent = new Agent({ keepAlive: true });
  const port = await Promise.race([portOf(child), gone.then(() => Promise.reject(new Error("workerd has ended")))]);
  return {
    ask: () => ask(port, agent),
    async stop() {
      agent.destroy();
      end();
      await gone;
      process.off("exit", end);
    },
  };
}

/** It tells by its control descriptor which port it was given. */
async function portOf(child: ChildProcess): Promise<number> {
  for await (const words of child.stdio[3] as Readable) {
    const port = /"event":"listen".*"port":(\d+)/.exec(String(words))?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error("workerd named no port");
}

function ask(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, agent }, (response) => {
      let text = "";
      response.on("data", (piece) => {
        text += piece;
      });
      response.once("error", reject).once("end", () => {
        if (text === '{"ok":true}') resolve();
        else reject(new Error(`workerd answered ${response.statusCode} ${JSON.stringify(text.slice(0, 200))}`));
      });
    });
    request.once("error", reject);
  });
}
