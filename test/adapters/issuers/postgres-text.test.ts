// What the PostgreSQL issuer writes into statements: verifiers by the RFC, and names that stay names.
import { createHmac } from "node:crypto";
import fc from "fast-check";
import t from "tap";
import { parseScope, quoteIdentifier, quoteLiteral } from "../../../runtime/adapters/issuers/postgres-scope.ts";
import { scramVerifier } from "../../../runtime/adapters/issuers/postgres-scram.ts";

t.test("the verifier is the one of RFC 7677's example", async (t) => {
  const verifier = await scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), 4_096);
  const [, serverKey = ""] =
    /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$[\w+/=]{44}:([\w+/=]{44})$/.exec(verifier) ?? [];
  const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const message = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
  const signature = createHmac("sha256", Buffer.from(serverKey, "base64")).update(message).digest("base64");
  t.equal(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "the v= of the server's last message");
  await t.rejects(
    scramVerifier("pässword", new Uint8Array(16), 4_096),
    RangeError,
    "no text that SASLprep would change",
  );
});

t.test("a scope is read as it is written", (t) => {
  t.strictSame(parseScope(["select,insert:Sales_2.Orders"]), [
    { privileges: ["select", "insert"], schema: "Sales_2", table: "Orders" },
  ]);
  t.end();
});

t.test("[CRED-27] no text gets out of its quotes", (t) => {
  const character = fc.oneof(
    fc.constantFrom("'", '"', "\\", ";", "-", "\n"),
    fc.string({ unit: "binary", maxLength: 1 }),
  );
  const nasty = fc.string({ unit: character, maxLength: 40 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(nasty, (text) => {
      const name = quoteIdentifier(text);
      if (!/^"(?:[^"]|"")*"$/u.test(name) || name.slice(1, -1).replaceAll('""', '"') !== text) return false;
      return /^(?:'(?:[^'\\]|'')*'| E'(?:[^'\\]|''|\\\\)*')$/u.test(quoteLiteral(text));
    }),
  );
  t.throws(() => quoteIdentifier("a\0b"), RangeError);
  t.throws(() => quoteLiteral("a\0b"), RangeError);
  t.equal(quoteIdentifier('x"; DROP TABLE y; --'), '"x""; DROP TABLE y; --"');
  t.end();
});
