// What the rest may rely on of every key provider, whatever keeps its keys.
import { randomBytes } from "node:crypto";
import type { Test } from "tap";
import type { KeyProvider } from "../../../runtime/ports/key-provider.ts";

export interface ProviderUnderTest {
  provider: KeyProvider;
  /** The same keys, as another process opens them. */
  again(): KeyProvider;
  /** A provider of the same kind with keys of its own. */
  elsewhere(): Promise<KeyProvider>;
}

export async function holdToLaws(t: Test, open: (t: Test) => Promise<ProviderUnderTest>): Promise<void> {
  const unavailable = { code: "key_unavailable" };

  await t.test("what it wraps, it and every other process unwraps, and none of it shows the key", async (t) => {
    const { provider, again } = await open(t);
    const key = randomBytes(32);
    const wrapped = await provider.wrap(key);
    t.same(Buffer.from(await provider.unwrap(wrapped)), key);
    t.same(Buffer.from(await again().unwrap(wrapped)), key);
    const text = Buffer.from(wrapped.bytes);
    t.notOk(text.includes(key));
    t.notOk(text.toString("latin1").includes(key.toString("base64")));
    t.not(
      Buffer.from((await provider.wrap(key)).bytes).toString("hex"),
      text.toString("hex"),
      "nor that it is the same",
    );
    t.equal((await provider.list()).at(-1)?.id, wrapped.keyId);
  });

  await t.test(
    "after a rotation the new key wraps, in a process that was there before too, and older wrappings open",
    async (t) => {
      const { provider, again } = await open(t);
      const bystander = again();
      const key = randomBytes(32);
      const before = await bystander.wrap(key);
      const id = await provider.rotate();
      t.not(id, before.keyId);
      t.equal((await provider.wrap(key)).keyId, id);
      t.same(Buffer.from(await provider.unwrap(before)), key);
      t.same(Buffer.from(await bystander.unwrap(await provider.wrap(key))), key, "by a key that it has never seen");
      t.same(
        (await again().list()).map((each) => each.id),
        [before.keyId, id],
      );
    },
  );

  await t.test("[CRED-17] what was altered, cut, or wrapped elsewhere doesn't open", async (t) => {
    const { provider, elsewhere } = await open(t);
    const wrapped = await provider.wrap(randomBytes(32));
    const { bytes } = wrapped;
    const last = bytes.length - 1;
    const flipped = new Uint8Array(bytes);
    flipped[last - 8] = (flipped[last - 8] ?? 0) ^ 1;
    await t.rejects(provider.unwrap({ ...wrapped, bytes: flipped }), unavailable, "an altered byte");
    await t.rejects(provider.unwrap({ ...wrapped, bytes: bytes.slice(0, -4) }), unavailable, "cut");
    await t.rejects(provider.unwrap({ ...wrapped, bytes: new Uint8Array(0) }), unavailable, "nothing");
    await t.rejects((await elsewhere()).unwrap(wrapped), unavailable, "another's");
    t.equal((await provider.unwrap(wrapped)).length, 32, "and what wasn't, opens");
  });
}
