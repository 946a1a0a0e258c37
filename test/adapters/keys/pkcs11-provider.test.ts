// Wrapping keys in a token, on SoftHSM: they are made in it, stay in it, and what isn't so is refused.
import { randomBytes } from "node:crypto";
import t, { type Test } from "tap";
import { makePkcs11Provider } from "../../../runtime/adapters/keys/pkcs11-provider.ts";
import { openPkcs11Token } from "../../../runtime/adapters/keys/pkcs11-token.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { makeSoftHsm, softHsmMissing } from "../../../runtime/testkit/soft-hsm.ts";
import { holdToLaws } from "./provider-laws.ts";

const skip = (await softHsmMissing()) ?? false;

t.test("a hardware module", { skip }, async (t) => {
  const hsm = makeSoftHsm();
  t.teardown(() => hsm.remove());
  process.env.SOFTHSM2_CONF = hsm.env.SOFTHSM2_CONF; // read when the module is loaded, which is never twice at once
  const { module, token, pin } = hsm;
  const place = { module, token, pin };
  let labels = 0;

  function open(t: Test, key: string, changes: Partial<typeof place> = {}, clock = systemClock) {
    const provider = makePkcs11Provider({ place: () => ({ ...place, ...changes }), key, random, clock });
    t.teardown(() => provider.close());
    return provider;
  }

  await holdToLaws(t, async (t) => {
    labels += 1;
    const key = `laws-${labels}`;
    return {
      provider: open(t, key),
      again: () => open(t, key),
      elsewhere: async () => {
        const other = open(t, `${key}-other`);
        await other.wrap(randomBytes(32));
        return other;
      },
    };
  });

  await t.test(
    "the newest key wraps, also when the clock has stepped back, and lists tell when it was made",
    async (t) => {
      let nowMs = 1_800_000_000_000;
      const clock = { ...systemClock, nowMs: () => nowMs };
      const provider = open(t, "ages", {}, clock);
      const first = await provider.wrap(randomBytes(32));
      nowMs -= 86_400_000;
      const id = await provider.rotate();
      t.equal((await provider.wrap(randomBytes(32))).keyId, id);
      t.same(await provider.list(), [
        { id: first.keyId, madeAt: 1_800_000_000_000 },
        { id, madeAt: 1_800_000_000_001 },
      ]);
    },
  );

  await t.test("[CRED-26] a key that could leave the token is refused, one that can't is taken", async (t) => {
    const { default: js } = (await import("pkcs11js")) as unknown as { default: typeof import("pkcs11js") };
    const raw = new js.PKCS11();
    raw.load(module);
    raw.C_Initialize();
    const slot = raw.C_GetSlotList(true).find((each) => raw.C_GetTokenInfo(each).label.trimEnd() === token) as Buffer;
    const session = raw.C_OpenSession(slot, js.CKF_SERIAL_SESSION | js.CKF_RW_SESSION);
    raw.C_Login(session, js.CKU_USER, pin);
    const make = (label: string, sensitive: boolean, extractable: boolean) =>
      raw.C_GenerateKey(session, { mechanism: js.CKM_AES_KEY_GEN }, [
        { type: js.CKA_TOKEN, value: true },
        { type: js.CKA_LABEL, value: label },
        { type: js.CKA_ID, value: Buffer.from("theirs") },
        { type: js.CKA_VALUE_LEN, value: 32 },
        { type: js.CKA_ENCRYPT, value: true },
        { type: js.CKA_DECRYPT, value: true },
        { type: js.CKA_SENSITIVE, value: sensitive },
        { type: js.CKA_EXTRACTABLE, value: extractable },
      ]);
    make("extractable", true, true);
    make("readable", false, false);
    make("theirs", true, false);
    raw.C_CloseSession(session);
    raw.C_Finalize();
    raw.close();
    for (const label of ["extractable", "readable"]) {
      const found = /extractable, or not sensitive/;
      await t.rejects(open(t, label).wrap(randomBytes(32)), { code: "key_unavailable", found }, label);
    }
    const theirs = open(t, "theirs");
    const wrapped = await theirs.wrap(randomBytes(32));
    t.equal(wrapped.keyId, Buffer.from("theirs").toString("hex"), "a key that its operator has made");
    const id = await theirs.rotate();
    t.equal((await theirs.wrap(randomBytes(32))).keyId, id, "is older than all of ours");
    t.equal((await theirs.unwrap(wrapped)).length, 32);
  });

  await t.test(
    "[CRED-16] a wrong PIN is tried once, since tokens lock themselves, and no message has it",
    async (t) => {
      const wrong = "9753-wrong";
      const provider = open(t, "laws-1", { pin: wrong });
      const errors = [];
      for (const _ of [1, 2]) errors.push(await provider.wrap(randomBytes(32)).catch((error: unknown) => error));
      t.match(errors[0], { code: "key_unavailable", found: /CKR_PIN_INCORRECT/ });
      t.equal(errors[1], errors[0], "the same refusal, without asking the token");
      t.notMatch(`${errors[0]} ${(errors[0] as { describe(): string }).describe()}`, wrong);
    },
  );

  await t.test("no such token, no such module: which ones there are, and what to do", async (t) => {
    const nobody = open(t, "k", { token: "nobody" });
    await t.rejects(nobody.wrap(randomBytes(32)), { code: "key_unavailable", found: '"mayfly-test"' });
    const nowhere = open(t, "k", { module: "/nonexistent.so" });
    await t.rejects(nowhere.wrap(randomBytes(32)), { code: "key_unavailable", message: /can't be loaded/ });
    const notOne = open(t, "k", { module: import.meta.filename });
    await t.rejects(notOne.wrap(randomBytes(32)), { code: "key_unavailable", message: /can't be loaded/ });
  });

  await t.test("many at once on one session are answered each with its own", async (t) => {
    const provider = open(t, "many");
    const keys = Array.from({ length: 20 }, () => randomBytes(32));
    await provider.wrap(randomBytes(32));
    const opened = await Promise.all(keys.map(async (key) => provider.unwrap(await provider.wrap(key))));
    t.same(
      opened.map((key) => Buffer.from(key)),
      keys,
    );
  });

  await t.test("closed, the module is given back, and can be opened again", async (t) => {
    const first = await openPkcs11Token(place);
    const second = await openPkcs11Token(place);
    await first.close();
    t.ok(Array.isArray(await second.keys("many")), "one user's end is not the other's");
    await second.close();
    const third = await openPkcs11Token(place);
    await third.close();
  });
});
