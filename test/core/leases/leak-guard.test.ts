// The guard of one run: silent until it is armed, one report for each sink and form, lines that go on in the next, and data
// of any shape.
import t from "tap";
import { makeLeakGuard, marker } from "../../../runtime/core/leases/leak-guard.ts";
import type { Leak } from "../../../runtime/model/run.ts";
import { makeCanary } from "../../../runtime/testkit/canary.ts";

function open(...texts: string[]) {
  const leaks: Leak[] = [];
  const blind: string[] = [];
  const guard = makeLeakGuard({
    isRevealed: true,
    known: ["run_0123456789"],
    onLeak: (leak) => leaks.push(leak),
    onBlind: (message) => blind.push(message),
  });
  if (texts.length > 0) guard.arm(texts);
  return { guard, leaks, blind };
}

t.test("[RES-10] a job that asks for its credential again and again: its forms are made once", async (t) => {
  const canary = makeCanary();
  let looks = 0;
  const known = new Proxy(["run_1"], {
    get: (target, key) => {
      looks += 1;
      return Reflect.get(target, key);
    },
  });
  const guard = makeLeakGuard({ isRevealed: true, known, onLeak: () => {}, onBlind: () => {} });
  guard.arm([canary, ""]);
  const once = looks;
  t.ok(once > 0);
  for (let n = 0; n < 1_000; n += 1) guard.arm([canary]);
  t.equal(looks, once);
  guard.arm([canary, `another ${canary}`]);
  t.ok(looks > once, "what is new is learnt");
});

t.test("a guard that knows nothing yet looks for nothing, and changes nothing", async (t) => {
  const { guard, leaks } = open();
  const data = { a: ["text"] };
  t.equal(guard.isArmed(), false);
  t.equal(guard.cleanAll(data), data, "not even a copy");
  t.equal(guard.redact("log", "any text at all"), "any text at all");
  t.equal(guard.redactLines("log")("line\r"), "line\r");
  t.equal(guard.find("text"), undefined);
  t.equal(
    guard.stream(marker, () => {}),
    undefined,
  );
  t.equal(
    guard.inspector(() => {}),
    undefined,
  );
  t.same(leaks, []);
});

t.test("a leak is told once for its sink and form, and is redacted each time", async (t) => {
  const secret = makeCanary();
  const { guard, leaks } = open(secret);
  for (let time = 0; time < 3; time += 1) t.equal(guard.redact("log", `a ${secret} b`), `a ${marker} b`);
  guard.redact("error", secret);
  guard.redact("log", Buffer.from(secret).toString("hex"));
  t.same(leaks, [
    { sink: "log", form: "raw" },
    { sink: "error", form: "raw" },
    { sink: "log", form: "hex" },
  ]);
  t.same(guard.leaks, leaks);
});

t.test("what is armed later is looked for beside what was armed before, which may be dead by then", async (t) => {
  const [first, second] = [makeCanary(), makeCanary()];
  const { guard } = open(first);
  guard.arm([second]);
  t.equal(guard.clean(`${first} ${second}`), `${marker} ${marker}`);
});

t.test("[CRED-11] a credential that is split over lines is redacted from where it goes on", async (t) => {
  const secret = makeCanary();
  for (const width of [4, 8, 11, 20]) {
    const { guard, leaks } = open(secret);
    const redact = guard.redactLines("log");
    const parts = secret.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
    const lines = parts.map((part) => redact(part));
    const shown = lines.join("").replaceAll(marker, "");
    t.ok(shown.length < 12, `parts of ${width}: ${shown.length} characters are left`);
    t.equal(leaks.length, 1);
    t.equal(redact("the next line"), "the next line");
  }
  const { guard } = open(secret);
  const redact = guard.redactLines("log");
  t.equal(redact(`${secret.slice(0, 20)}\r`), marker);
  t.equal(redact(`${secret.slice(20)} and more\r`), `${marker} and more`, "over line ends of two characters");
});

t.test(
  "[CRED-10] texts anywhere in plain data, names of members too; what is no text stays as it is (AUD-07)",
  async (t) => {
    const secret = makeCanary();
    const { guard } = open(secret);
    const data = { a: [1, null, true, { [secret]: `x${secret}` }], b: secret, run: "run_0123456789" };
    t.same(guard.cleanAll(data), { a: [1, null, true, { [marker]: `x${marker}` }], b: marker, run: "run_0123456789" });
    const sneaky = JSON.parse(`{"__proto__": "${secret}"}`);
    t.same(Object.entries(guard.cleanAll(sneaky)), [["__proto__", marker]], "as a member, and not as a prototype");
  },
);

t.test("characters of several bytes are not cut in two", async (t) => {
  const secret = "gehëim-wörd-ünd-schlüssel";
  const { guard } = open(secret);
  for (const text of [`»${secret}«`, `»${secret.slice(3)}«`, `🔑${secret}🔑`])
    t.notMatch(guard.clean(text), /\ufffd/, text);
});

t.test("[CRED-12] what can't be looked for is said, once, and the rest is looked for", async (t) => {
  const secret = makeCanary();
  const { guard, blind } = open(secret, "short", "run_0123456789", "");
  guard.arm(["tiny"]);
  t.equal(blind.length, 1);
  t.match(blind[0], /^2 of the 3 texts of the credential can't be looked for: fewer than 8 characters/);
  t.equal(guard.clean(`${secret} short run_0123456789`), `${marker} short run_0123456789`);
});
