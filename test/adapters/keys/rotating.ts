// A process that rotates both kinds of keys again and again, and prints what it has sealed in between: argv: directory, times.
import { join } from "node:path";
import { openDataKeys } from "../../../runtime/adapters/keys/data-keys.ts";
import { makeFileProvider } from "../../../runtime/adapters/keys/file-provider.ts";
import { makeSecretBox } from "../../../runtime/adapters/keys/secret-box.ts";
import { makeProcessLock } from "../../../runtime/adapters/stores/process-lock.ts";
import { systemClock as clock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";

const [directory = "", times = "1"] = process.argv.slice(2);
const parts = { random, clock, lock: makeProcessLock(join(directory, "lock")) };
const provider = makeFileProvider({ ...parts, path: join(directory, "wrapping.json") });
const keys = openDataKeys({ ...parts, path: join(directory, "data-keys.json"), provider });
const box = makeSecretBox({ keys, random });
for (let count = 0; count < Number(times); count += 1) {
  await provider.rotate();
  await keys.rotate();
  const sealed = await box.seal("test", new TextEncoder().encode("sealed while rotating"));
  console.log(Buffer.from(sealed).toString("base64"));
}
