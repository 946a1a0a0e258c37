// node:os: constants, and one answer for every job, since the machine is none of its business.
import constants from "mayfly:constants/os";
import { nodeError } from "./errors.ts";
import { process } from "./process.ts";
import { refusing } from "./refuse.ts";

export default {
  EOL: "\n",
  devNull: "/dev/null",
  constants,
  arch: () => process.arch,
  machine: () => (process.arch === "arm64" ? "aarch64" : "x86_64"),
  endianness: () => "LE",
  platform: () => "linux",
  type: () => "Linux",
  release: () => "",
  version: () => "",
  hostname: () => "localhost",
  homedir: () => "/",
  tmpdir: () => "/tmp",
  availableParallelism: () => 1,
  cpus: () => [],
  totalmem: () => 0,
  freemem: () => 0,
  loadavg: () => [0, 0, 0],
  uptime: () => process.uptime(),
  networkInterfaces: () => ({}),
  getPriority: () => 0,
  setPriority: refusing("os.setPriority", "a job is no process"),
  userInfo(): never {
    throw nodeError(Error, "ERR_SYSTEM_ERROR", "A system error occurred: uv_os_get_passwd returned ENOENT");
  },
};
