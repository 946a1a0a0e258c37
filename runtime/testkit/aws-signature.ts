// The server's side of AWS Signature Version 4, written from its description and by no code of the client's side, so that
// each holds the other to it. Strict: whatever isn't signed as described is refused, with the code that AWS says.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export interface SignedRequest {
  method: string;
  /** Path and query, as they stand in the request line. */
  target: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

export interface Signer {
  secretAccessKey: string;
  /** null: a key of the long kind, which comes without a token. */
  sessionToken: string | null;
}

export interface Verified {
  accessKeyId: string;
  region: string;
  service: string;
}

export class SignatureRefused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A request may be so far off the server's clock, ms: AWS's fifteen minutes. */
const skewMsMax = 900_000;
const emptyHash = createHash("sha256").digest("hex");

/** @throws SignatureRefused. */
export function verifySignature(
  request: SignedRequest,
  find: (accessKeyId: string) => Signer | undefined,
  nowMs: number,
): Verified {
  const { headers } = request;
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/, ]+)\/(\d{8})\/([^/, ]+)\/([^/, ]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    );
  if (match === null) throw new SignatureRefused("IncompleteSignature", "no signature of version 4");
  const [, accessKeyId = "", day = "", region = "", service = "", list = "", signature = ""] = match;
  const date = headers["x-amz-date"] ?? "";
  const at = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (at === null || !date.startsWith(day))
    throw new SignatureRefused("IncompleteSignature", "no x-amz-date of that day");
  const time = Date.parse(`${at[1]}-${at[2]}-${at[3]}T${at[4]}:${at[5]}:${at[6]}Z`);
  if (Math.abs(time - nowMs) > skewMsMax) throw new SignatureRefused("RequestTimeTooSkewed", "a date that is far off");
  const signer = find(accessKeyId);
  if (signer === undefined) throw new SignatureRefused("InvalidAccessKeyId", "no such access key");
  if ((headers["x-amz-security-token"] ?? null) !== signer.sessionToken)
    throw new SignatureRefused("InvalidToken", "the security token is not the session's");
  const names = list.split(";");
  const needed = [
    "host",
    ...Object.keys(headers).filter((name) => name.startsWith("x-amz-") || name === "content-type"),
  ];
  const missing = needed.find((name) => !names.includes(name));
  if (missing !== undefined) throw new SignatureRefused("SignatureDoesNotMatch", `${missing} is not signed`);
  const canonical = [
    request.method,
    canonicalPath(request.target, service),
    canonicalQuery(request.target),
    ...[...names].map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    list,
    payloadHash(request, service),
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part),
    `AWS4${signer.secretAccessKey}`,
  );
  if (!timingSafeEqual(hmac(key, text), Buffer.from(signature, "hex")))
    throw new SignatureRefused("SignatureDoesNotMatch", "the signature is not that of the request");
  return { accessKeyId, region, service };
}

function payloadHash({ headers, body }: SignedRequest, service: string): string {
  const stated = headers["x-amz-content-sha256"];
  const hash = body.length === 0 ? emptyHash : createHash("sha256").update(body).digest("hex");
  if (service !== "s3") return hash;
  if (stated === undefined) throw new SignatureRefused("InvalidRequest", "S3 wants x-amz-content-sha256");
  if (stated === "UNSIGNED-PAYLOAD") return stated;
  if (stated !== hash) throw new SignatureRefused("XAmzContentSHA256Mismatch", "the body is another one");
  return stated;
}

function canonicalPath(target: string, service: string): string {
  const path = target.split("?", 1)[0] ?? "/";
  return service === "s3" ? path : path.split("/").map(encode).join("/");
}

function canonicalQuery(target: string): string {
  const query = target.slice(target.indexOf("?") + 1);
  if (!target.includes("?") || query === "") return "";
  const pairs = query.split("&").map((pair) => {
    const [name = "", ...value] = pair.split("=");
    return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value.join("=")))] as const;
  });
  const inOrder = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  pairs.sort(([a, x], [b, y]) => inOrder(a, b) || inOrder(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

function encode(text: string): string {
  return [...Buffer.from(text, "utf8")]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
