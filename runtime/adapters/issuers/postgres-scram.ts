// The verifier that PostgreSQL keeps of a SCRAM-SHA-256 password (RFC 5802, RFC 7677; PostgreSQL's pg_authid.rolpassword).
// Computed here, so that the password itself is in no statement and so in no log of the server.
import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";

/**
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, Base64 where binary.
 * @param password ASCII: SASLprep (RFC 4013) would leave it as it is.
 */
export async function scramVerifier(password: string, salt: Uint8Array, iterations: number): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new RangeError("a password of printable ASCII is needed");
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, "sha256");
  const hmac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString("base64")}$${storedKey}:${serverKey}`;
}
