// A real nginx on loopback that asks for client certificates as docs/issuers/x509.md says: trusts ca.pem, reads crl.pem when it
// is told to reload, and lets in who has one role. It lives in a directory of its own and outlives neither `stop` nor this
// process: it is the child of a shell that reads a pipe from us and ends it when the pipe ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { selfSigned } from "./mtls-server.ts";

export interface NginxServer {
  port: number;
  /** PEM. */
  serverAuthority: string;
  /** Reads its files anew, as `nginx -s reload` does. Resolves when its old workers are gone: until then both answer. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface NginxOptions {
  name: string;
  authorityFile: string;
  listFile: string;
  /** The entry of a scope that it wants. */
  role: string;
}

const startMs = 10_000;

const supervise = `
"$@" & server=$!
while read -r _; do :; done
kill -TERM $server
wait $server
`;

/** @param program path of nginx. Rejects when it doesn't come up within 10 s. */
export async function startNginx(program: string, options: NginxOptions): Promise<NginxServer> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-nginx-"));
  const own = await selfSigned(options.name);
  const port = await freePort();
  await writeFile(join(directory, "server.key"), own.key, { mode: 0o600 });
  await writeFile(join(directory, "server.pem"), own.cert);
  await writeFile(join(directory, "nginx.conf"), configOf(directory, port, options));
  const args = [program, "-p", directory, "-c", "nginx.conf", "-e", "error.log"];
  const shell = spawn("sh", ["-c", supervise, "sh", ...args], { stdio: ["pipe", "ignore", "ignore"], env: {} });
  const gone = once(shell, "exit");
  const stop = async () => {
    shell.stdin.end();
    await gone;
    await rm(directory, { recursive: true, force: true });
  };
  const master = await pidFrom(join(directory, "nginx.pid"));
  if (master === undefined) {
    const log = await readFile(join(directory, "error.log"), "utf8").catch(() => "it logged nothing");
    await stop();
    throw new Error(`nginx did not come up: ${log}`);
  }
  return {
    port,
    serverAuthority: own.cert,
    async reload() {
      const before = await workersOf(master);
      process.kill(master, "SIGHUP");
      const isNew = await until(async () => {
        const now = await workersOf(master);
        return now.length > 0 && !now.some((pid) => before.includes(pid));
      });
      if (!isNew) throw new Error("nginx did not reload");
    },
    stop,
  };
}

function configOf(directory: string, port: number, { authorityFile, listFile, role }: NginxOptions): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (each) => `  ${each}_temp_path ${directory}/${each};`,
  );
  return `
daemon off;
pid ${directory}/nginx.pid;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
${temporary.join("\n")}
  map $ssl_client_s_dn $has_role {
    default 0;
    "~(^|,)OU=${role.replace(/[.]/g, "\\.")}(,|$)" 1;
  }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${directory}/server.pem;
    ssl_certificate_key ${directory}/server.key;
    ssl_client_certificate ${authorityFile};
    ssl_crl ${listFile};
    ssl_verify_client on;
    ssl_session_tickets off;
    location / {
      if ($has_role = 0) { return 403; }
      return 200 "$ssl_client_s_dn";
    }
  }
}
`;
}

async function workersOf(master: number): Promise<string[]> {
  const children = await readFile(`/proc/${master}/task/${master}/children`, "utf8");
  return children.split(" ").filter((pid) => pid !== "");
}

async function pidFrom(path: string): Promise<number | undefined> {
  const read = async () => Number(await readFile(path, "utf8").catch(() => ""));
  return (await until(async () => (await read()) > 0)) ? read() : undefined;
}

/** False when it hasn't come to be within the time of a start. */
async function until(isSo: () => Promise<boolean>): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < startMs; waitedMs += 20) {
    if (await isSo()) return true;
    await pause(20);
  }
  return false;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
