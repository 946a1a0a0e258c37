// Named secrets of the installation, each in a sealed file of its own: `<name>.sealed`.
import { join } from "node:path";
import type { KeyStore } from "../../ports/key-store.ts";
import type { Random } from "../../ports/random.ts";
import type { SecretBox } from "../../ports/secret-box.ts";
import { keyFileError, makeKeyFile, readKeyFile, replaceKeyFile } from "./key-file.ts";

export function makeKeyFiles(parts: { directory: string; box: SecretBox; random: Random }): KeyStore {
  const { directory, box, random } = parts;
  const pathOf = (name: string) => {
    if (!/^[a-z0-9][a-z0-9-]{0,99}$/.test(name)) throw new RangeError("a key's name: a–z, 0–9 and -");
    return join(directory, `${name}.sealed`);
  };
  const purposeOf = (name: string) => `key ${name}`;

  async function read(name: string): Promise<Uint8Array | undefined> {
    const sealed = await readKeyFile(pathOf(name));
    return sealed === undefined ? undefined : box.open(purposeOf(name), sealed);
  }

  return {
    read,
    async readOrMake(name, make) {
      const before = await read(name);
      if (before !== undefined) return before;
      await makeKeyFile(pathOf(name), await box.seal(purposeOf(name), await make()), random);
      const made = await read(name);
      if (made === undefined)
        throw keyFileError(pathOf(name), "it vanished while it was being made", "a file that stays");
      return made;
    },
    async replace(name, secret) {
      await replaceKeyFile(pathOf(name), await box.seal(purposeOf(name), secret), random);
    },
  };
}
