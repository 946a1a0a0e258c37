// Named secrets of the installation, each in a sealed file of its own: `<name>.sealed`. Changes are made under the lock
// of the installation's keys, so that of two processes at once neither loses what the other wrote.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SharedKeyStore } from "../../ports/key-store.ts";
import type { Random } from "../../ports/random.ts";
import type { SecretBox } from "../../ports/secret-box.ts";
import type { ProcessLock } from "../stores/process-lock.ts";
import { readKeyFile, replaceKeyFile } from "./key-file.ts";

const suffix = ".sealed";

export function makeKeyFiles(parts: {
  directory: string;
  box: SecretBox;
  random: Random;
  lock: ProcessLock;
}): SharedKeyStore {
  const { directory, box, random, lock } = parts;
  const pathOf = (name: string) => {
    if (!/^[a-z0-9][a-z0-9-]{0,99}$/.test(name)) throw new RangeError("a key's name: a–z, 0–9 and -");
    return join(directory, `${name}${suffix}`);
  };
  const purposeOf = (name: string) => `key ${name}`;

  async function read(name: string): Promise<Uint8Array | undefined> {
    const sealed = await readKeyFile(pathOf(name));
    return sealed === undefined ? undefined : box.open(purposeOf(name), sealed);
  }

  async function write(name: string, secret: Uint8Array): Promise<void> {
    await replaceKeyFile(pathOf(name), await box.seal(purposeOf(name), secret), random);
  }

  return {
    read,
    async readOrMake(name, make) {
      const before = await read(name);
      if (before !== undefined) return before;
      return lock.hold(async () => {
        const others = await read(name);
        if (others !== undefined) return others;
        const made = await make();
        await write(name, made);
        return made;
      });
    },
    replace: (name, secret) => lock.hold(() => write(name, secret)),
    update: (name, change) =>
      lock.hold(async () => {
        const after = await change(await read(name));
        if (after !== undefined) await write(name, after);
      }),
    // Each replacement is a new file, renamed into its place.
    async version(name) {
      const found = await stat(pathOf(name), { bigint: true }).catch(() => undefined);
      return found === undefined ? "" : `${found.ino}.${found.mtimeNs}.${found.size}`;
    },
    async names() {
      const files = await readdir(directory).catch(() => []);
      return files
        .filter((file) => file.endsWith(suffix))
        .map((file) => file.slice(0, -suffix.length))
        .sort();
    },
  };
}
