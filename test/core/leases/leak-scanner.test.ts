// The leak guard's eyes: every form that it says it finds, every window, every cut; what is no credential is left alone;
// and whoever writes the text can't make it slow. The naive scanner of the test kit says what is really there.
import t from "tap";
import { encodedForms, leakForms } from "../../../runtime/core/leases/leak-forms.ts";
import { makeScanner } from "../../../runtime/core/leases/leak-scanner.ts";
import { makeLeakStream } from "../../../runtime/core/leases/leak-stream.ts";
import { tellingUnitsMax, textUnitsMin, windowUnits } from "../../../runtime/core/leases/leak-units.ts";
import { canaryForms, findCanary, makeCanary } from "../../../runtime/testkit/canary.ts";

const scannerOf = (texts: string | string[], known: string[] = []) =>
  makeScanner([texts].flat().flatMap((text) => encodedForms(text, known)));
const latin1 = (text: string) => Buffer.from(text, "latin1");
const mark = "[x]";

/** All of it through a stream, cut at these places. */
function redact(scanner: ReturnType<typeof makeScanner>, bytes: Buffer, ...cuts: number[]): string {
  const stream = makeLeakStream(scanner, Buffer.from(mark));
  const borders = [0, ...cuts, bytes.length];
  const out: Uint8Array[] = [];
  for (let index = 1; index < borders.length; index += 1)
    out.push(stream.push(bytes.subarray(borders[index - 1], borders[index])));
  return Buffer.concat([...out, stream.end()]).toString("latin1");
}

t.test("[CRED-11] every form is found and gone, and the oracle had seen it", async (t) => {
  const canary = makeCanary();
  const scanner = scannerOf(canary);
  const seen = new Set<string>();
  for (const [form, needle] of canaryForms(canary)) {
    const text = `before ${needle} after`;
    t.not(findCanary(canary, { text: latin1(text) }).length, 0, `the twin without a guard leaks: ${form}`);
    const clean = redact(scanner, latin1(text));
    t.same(findCanary(canary, { clean: latin1(clean) }), [], form);
    if (form !== "base64") t.equal(clean, `before ${mark} after`, form);
    seen.add(scanner.find(latin1(text))[0]?.form ?? "");
  }
  for (const form of leakForms) if (form !== "json") t.ok(seen.has(form), form);
});

t.test("[CRED-11] every window of twelve characters, in every form, and not one of eleven", async (t) => {
  const canary = makeCanary();
  const scanner = scannerOf(canary);
  let windows = 0;
  for (let at = 0; at + windowUnits <= canary.length; at += 1) {
    for (const [form, needle] of canaryForms(canary.slice(at, at + windowUnits))) {
      if (scanner.find(latin1(`\n"${needle}"`)).length !== 1) t.fail(`${form} at ${at}: ${needle}`);
      windows += 1;
    }
    const raw = canary.slice(at, at + windowUnits - 1);
    if (scanner.find(latin1(`\n"${raw}"`)).length !== 0) t.fail(`eleven characters at ${at}`);
  }
  t.ok(windows > 500, `${windows} windows`);
});

t.test("[CRED-12] found wherever writes are cut, and no byte of it goes out before", async (t) => {
  const canary = makeCanary();
  for (const [form, needle] of canaryForms(canary)) {
    const bytes = latin1(`{"a":"${needle}"}`);
    const whole = redact(scannerOf(canary), bytes);
    const scanner = scannerOf(canary);
    for (let one = 1; one < bytes.length; one += 1) {
      for (const two of [one, one + 1, one + 7, one + 40]) {
        const cut = redact(scanner, bytes, one, Math.min(two, bytes.length));
        if (cut !== whole) t.equal(cut, whole, `${form}, cut at ${one} and ${two}`);
      }
    }
    const bytewise = redact(scanner, bytes, ...Array.from({ length: bytes.length - 1 }, (_, index) => index + 1));
    t.equal(bytewise, whole, `${form}, byte by byte`);
  }
});

t.test("[CRED-12] what is held back is what may be the beginning of it, and nothing else", async (t) => {
  const canary = makeCanary();
  const stream = makeLeakStream(scannerOf(canary), Buffer.from(mark));
  const push = (text: string) => Buffer.from(stream.push(latin1(text))).toString("latin1");
  t.equal(push("data: an event\n\n"), "data: an event\n\n", "an event of a stream is passed on whole");
  t.equal(push(`token: ${canary.slice(0, 11)}`), "token: ", "eleven characters of it wait");
  t.equal(push("! no"), `${canary.slice(0, 11)}! no`, "and are passed on once they go on otherwise");
});

t.test("[CRED-12] regular expressions, JSON, terminals: all text is just bytes", async (t) => {
  for (const secret of [
    "(a+)+$[^x]*\\d{3}|.?",
    `q"uo\\te'd\t${"$&"}-v4lue`,
    "päßwörd-ünïcödé-9",
    "emoji-🔑-secret-🔒-9",
    "\u001b[31mred-secret\u001b[0m",
    "with spaces & plus+signs=1",
  ]) {
    const scanner = scannerOf(secret);
    const texts = [
      secret,
      JSON.stringify({ a: [secret] }),
      `\u001b[1m${secret}\u001b[0m`,
      encodeURIComponent(secret),
      new URLSearchParams([["k", secret]]).toString(),
      Buffer.from(`xy${secret}`).toString("base64"),
    ];
    for (const text of [...texts.map((each) => Buffer.from(each)), Buffer.from(secret, "utf16le")])
      t.equal(scanner.find(text).length, 1, JSON.stringify(text.toString()));
  }
});

t.test("[CRED-12] text made of near matches costs a bounded number of steps a byte, however long", async (t) => {
  let canary = makeCanary();
  // One of sixteen goes on as it begins: then its first eleven characters, repeated, hold twelve of it, and are no near match.
  while (canary[11] === canary[0]) canary = makeCanary();
  const near = [
    canary.slice(0, 11), // windows that miss by one
    canary.slice(3, 10),
    Buffer.from(canary.slice(0, 11)).toString("hex"),
    [...canary.slice(2, 9)].map((each) => `\\u00${each.charCodeAt(0).toString(16)}`).join(""),
    "canary-ca",
    "%63%61%6e%61",
  ];
  const stepsOf = (text: string, pieceBytes: number) => {
    const scanner = scannerOf(canary);
    const before = scanner.steps;
    const bytes = latin1(text);
    const stream = makeLeakStream(scanner, Buffer.from(mark));
    for (let at = 0; at < bytes.length; at += pieceBytes) stream.push(bytes.subarray(at, at + pieceBytes));
    return (scanner.steps - before) / bytes.length;
  };
  for (const piece of near) {
    const short = stepsOf(piece.repeat(1_000), 65_536);
    const long = stepsOf(piece.repeat(16_000), 65_536);
    t.ok(long < 3, `${piece}: ${long.toFixed(2)} steps a byte`);
    t.ok(long <= short * 1.1 + 0.1, "which don't grow with the text");
    t.ok(stepsOf(piece.repeat(500), 1) < 100, "byte by byte, a window's worth for each");
  }
  t.ok(stepsOf(canary.repeat(10_000), 65_536) < 6, "nor does the credential itself, ten thousand times");
  // Of a character that no credential has in any form: what one has twice would be a near match.
  t.ok(stepsOf(".".repeat(1_000_000), 65_536) < 0.01, "clean text costs none: the counter counts");
});

t.test("[CRED-12] no mass blanking: zeros, heads of tokens and keys, and what is too short", async (t) => {
  const header = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"k1"}').toString("base64url");
  const claims = Buffer.from('{"iss":"https://issuer.example","aud":"https://api.example"}').toString("base64url");
  const [one, other] = ["A1b2C3d4E5f6G7h8I9j0K1l2M3n4", "zZ9yY8xX7wW6vV5uU4tT3sS2rR1q"].map(
    (signature) => `${header}.${claims}.${signature}`,
  );
  const jwt = scannerOf(one ?? "");
  t.same(jwt.find(latin1(other ?? "")), [], "another token of the same issuer");
  t.equal(redact(jwt, latin1(`token ${one}.`)), `token ${mark}.`, "its own is gone as a whole");
  t.equal(redact(jwt, latin1(`token ${one}.`), 30, 90), `token ${mark}.`, "wherever it is cut");
  t.equal(
    redact(jwt, latin1(`token ${header}.${claims}.`)),
    `token ${header}.${claims}.`,
    "a head that goes on otherwise",
  );

  const zeros = scannerOf(`k3y-${"0".repeat(40)}-b0dy-x9`);
  t.same(zeros.find(latin1("0".repeat(10_000))), [], "a run of one character");
  const ofRun = scannerOf("token-of-run_0123456789abcdef-Zq8Wm4Kp", ["run_0123456789abcdef"]);
  t.same(ofRun.find(latin1("the id is run_0123456789abcdef here")), [], "what everybody knows");
  t.equal(ofRun.find(latin1("cdef-Zq8Wm4Kp")).length, 1, "with what nobody does");

  const key = (tail: string) => `MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg${tail}`;
  const ofKey = scannerOf(key("q7Z2mK9xT4vB8nR1"));
  t.same(ofKey.find(latin1(key("Lw5Yc3Hd6Jf0Gs1A"))), [], "another key of its kind");
  t.equal(redact(ofKey, latin1(key("q7Z2mK9xT4vB8nR1"))), mark, "its own is gone with its head");

  t.same(encodedForms("s3cr3t!", []), [], `fewer than ${textUnitsMin}`);
  for (const blank of ["", "x", "aaaaaaaaaaaaaaaaaaaa", "abababababababab"]) t.same(encodedForms(blank, []), [], blank);
  const short = scannerOf("s3cr3t!X");
  t.equal(short.find(latin1("a s3cr3t!X b")).length, 1, `${textUnitsMin} are found whole`);
  t.same(short.find(latin1("a s3cr3t! b")), [], "and only so");
});

t.test("[CRED-13] a key's body line by line, and the password of a connection string by itself", async (t) => {
  const body = Array.from({ length: 4 }, () => Buffer.from(makeCanary().repeat(2)).toString("base64").slice(0, 64));
  const pem = `-----BEGIN PRIVATE KEY-----\n${body.join("\n")}\n-----END PRIVATE KEY-----\n`;
  const scanner = scannerOf(pem);
  for (const line of body) t.equal(redact(scanner, latin1(`> ${line} <`)), `> ${mark} <`);
  t.equal(redact(scanner, latin1(body.join(""))), mark, "without its line ends");
  t.equal(redact(scanner, latin1(JSON.stringify({ pem }))), `{"pem":"${mark}"}`, "escaped in JSON");
  t.same(scanner.find(latin1("-----BEGIN PRIVATE KEY-----\nMIIB")), [], "its armour is no secret");
  const dsn = scannerOf(["postgres://job:p4ss-W0rd-9x@db.example/app", "p4ss-W0rd-9x"]);
  t.equal(redact(dsn, latin1("password=p4ss-W0rd-9x host=db")), `password=${mark} host=db`);
});

t.test("[CRED-12] a text longer than is looked for: its beginning and its end are", async (t) => {
  const long = Array.from({ length: 200 }, makeCanary).join("");
  const scanner = scannerOf(long);
  const at = (from: number) => scanner.find(latin1(`#${long.slice(from, from + 20)}#`)).length;
  const half = tellingUnitsMax / 2;
  t.same([at(0), at(half - 1), at(half), at(long.length - half), at(long.length - 20)], [1, 1, 0, 1, 1]);
  t.equal(redact(scanner, latin1(`#${long}#`)), `#${mark}#`, "whole, it goes as a whole");
});

t.test(
  "[CRED-12] two credentials, twice, side by side: each byte of them goes, and what stands between stays",
  async (t) => {
    const [one, two] = [makeCanary(), makeCanary()];
    const scanner = scannerOf([one, two]);
    t.equal(redact(scanner, latin1(`${one},${two},${one}`)), `${mark},${mark},${mark}`);
    t.equal(redact(scanner, latin1(`${one}${one}${two}`)), mark, "touching, one mark stands for all");
    t.same(scanner.find(latin1(`..${one}..`)), [{ start: 2, end: 2 + one.length, form: "raw" }]);
  },
);
