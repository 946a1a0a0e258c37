// What stands in a recording in a credential's place: of the same kind, drawn anew, the same wherever the credential is part
// of another text; and that a run with the credential and a replay with its placeholder are cleaned to the same.
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import t from "tap";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { disguise } from "../../../runtime/core/recording/disguise.ts";
import { makeRedactor, Unclean } from "../../../runtime/core/recording/redactor.ts";
import { canaryForms, findCanary, makeCanary } from "../../../runtime/testkit/canary.ts";

const known = ["run_0123456789abcdef", "orders"];
const jwt = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"sub":"run","exp":1}').toString("base64url")}.${"Zm9vYmFyYmF6cXV4".repeat(4)}`;

t.test("a placeholder has its text's form, and nothing else of it", async (t) => {
  const text = "sk-Live_4f9aQ7zX.b83/TT+9==";
  const placeholder = disguise(text, known, random);
  t.match(placeholder, /^[a-z]{2}-[A-Z][a-z]{3}_\d[a-z]\d[a-z][A-Z]\d[a-z][A-Z]\.[a-z]\d\d\/[A-Z]{2}\+\d==$/);
  t.not(placeholder, disguise(text, known, random), "drawn anew");
  t.match(disguise("a0f3-99cd-beef-1234-5678", [], random), /^[0-9a-f-]{24}$/, "hex stays hex");
  const [head, claims, signature] = disguise(jwt, known, random).split(".");
  t.same([head, claims], jwt.split(".").slice(0, 2), "claims are for everybody");
  t.not(signature, jwt.split(".")[2]);
  t.equal(disguise(`${known[0]}:abcdefgh12345678`, known, random).split(":")[0], known[0], "so is the run's own id");
});

t.test(
  "[CRED-10] any text in any form, in values, names and content: gone, and the window of none is left",
  async (t) => {
    for (const secret of [makeCanary(), "MIIEvQ-super/Secret+Value==9f8e7d6c5b4a"]) {
      const redactor = makeRedactor({ known, random });
      redactor.arm([secret]);
      for (const [form, needle] of canaryForms(secret)) {
        const given = redactor.given({ [`a ${needle}`]: [`b ${needle} c`, 1, null] });
        t.same(findCanary(secret, { given: JSON.stringify(given) }), [], form);
        const stream = redactor.stream();
        const bytes = Buffer.from(`before ${needle} behind`, "latin1");
        const out: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += 7) out.push(await stream.push(bytes.subarray(at, at + 7)));
        out.push(await stream.end());
        t.same(findCanary(secret, { content: Buffer.concat(out) }), [], `${form}, in pieces`);
      }
    }
  },
);

t.test("a run and its replay are cleaned to the same, wherever the job puts what it was given", async (t) => {
  const secret = makeCanary();
  const run = makeRedactor({ known, random });
  run.arm([secret]);
  const replay = makeRedactor({ known, random });
  replay.arm(run.placeholders);
  const given = run.standIn(secret);
  t.equal(given.length, secret.length);
  const uses: ((text: string) => unknown)[] = [
    (text) => ({
      headers: [["authorization", `Bearer ${text}`]],
      url: `https://a.example/?t=${encodeURIComponent(text)}`,
    }),
    ...["", "u", "us", "user:"].map((before) => (text: string) => btoa(before + text)),
    ...["", "u", "us"].map((behind) => (text: string) => ({ basic: btoa(`me:${text}${behind}`).replaceAll("=", "") })),
    (text) => ["", "a", "ab"].map((before) => Buffer.from(`${before}${text}`).toString("base64url")),
    (text) => ({ [text]: [text.slice(0, 20), text.slice(5)] }),
    (text) => Buffer.from(text).toString("hex").toUpperCase(),
    (text) => [...Buffer.from(text)].join(", "),
    (text) => JSON.stringify({ deep: [text] }),
    (text) => `no ${text.slice(0, 5)}`.slice(0, 3),
  ];
  for (const use of uses) t.same(run.compared(use(secret)), replay.compared(use(given)), String(use));
  const digestOf = (redactor: typeof run, text: string, cutAt: number) => {
    const digester = redactor.digester();
    const bytes = Buffer.from(`${"x".repeat(100)}${text}${btoa(`a:${text}`)}${text}${"y".repeat(100)}`);
    digester.update(bytes.subarray(0, cutAt));
    digester.update(bytes.subarray(cutAt));
    return digester.end();
  };
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 200 }), (one, other) => {
      t.equal(digestOf(run, secret, one), digestOf(replay, given, other));
    }),
    { numRuns: 50 },
  );
  t.not(digestOf(run, secret, 50), digestOf(run, makeCanary(), 50), "another text is another digest");
});

t.test("parts of one credential: a placeholder for each, the same in the whole", async (t) => {
  const [key, token] = [makeCanary(), `${makeCanary()}==`];
  const whole = JSON.stringify({ accessKeyId: "AKIA1", secretAccessKey: key, sessionToken: token });
  const redactor = makeRedactor({ known, random });
  redactor.arm([key, token]);
  const given = JSON.parse(redactor.standIn(whole)) as Record<string, string>;
  t.same(given, {
    accessKeyId: "AKIA1",
    secretAccessKey: redactor.standIn(key),
    sessionToken: redactor.standIn(token),
  });
  t.same([...redactor.placeholders].sort(), [redactor.standIn(key), redactor.standIn(token)].sort());
  redactor.arm([`${key}/${token}`]);
  t.equal(redactor.standIn(`${key}/${token}`), `${redactor.standIn(key)}/${redactor.standIn(token)}`);
});

t.test("what can't be taken out is said to be there", async (t) => {
  const secret = makeCanary();
  t.throws(() => makeRedactor({ known, random }).arm(["short"]), Unclean, "too short to look for");
  const redactor = makeRedactor({ known, random });
  redactor.arm([secret]);
  t.throws(() => redactor.compared([...Buffer.from(secret)]), Unclean, "a number for each byte");
  for (const text of [secret, `${"x".repeat(500)}${secret}`]) {
    const stream = redactor.stream();
    await t.rejects(
      (async () => [await stream.push(gzipSync(text)), await stream.end()])(),
      { message: /in gzip/ },
      "compressed",
    );
  }
  const many = makeRedactor({ known, random });
  many.arm(Array.from({ length: 16 }, makeCanary));
  t.throws(() => many.arm([makeCanary()]), Unclean);
});

t.test(
  "one that knows nothing changes nothing, and one that learns while content passes finds it from there on",
  async (t) => {
    const redactor = makeRedactor({ known, random });
    const value = { a: [1] };
    t.equal(redactor.compared(value), value);
    const secret = makeCanary();
    const stream = redactor.stream();
    const first = await stream.push(Buffer.from("before, "));
    t.equal(Buffer.from(first).toString(), "before, ", "nothing is held back");
    redactor.arm([secret]);
    const rest = Buffer.concat([await stream.push(Buffer.from(`${"-".repeat(80)} ${secret}`)), await stream.end()]);
    t.equal(rest.toString(), `${"-".repeat(80)} ${redactor.standIn(secret)}`);
  },
);
