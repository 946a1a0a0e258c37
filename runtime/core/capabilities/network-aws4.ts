// The sealed credential as an AWS signature (Signature Version 4). The job's SDK signs with the placeholder as its access
// key id and any secret key; here its signature is taken off, and the very request that goes out is signed with the
// lease's keys, for the granted region and service. The job sees neither key nor token, and a signature is good for this
// one request: its method, host, path, query, the fields of `isSigned`, and its body.
//
// Refused is what can't be signed without guessing: a signature in the query, for there the URL itself would be the
// credential; a path or query that servers may spell anew in two ways; pieces that are signed one by one. A body that
// streams goes unsigned where AWS documents it (`UNSIGNED-PAYLOAD`): to S3, over TLS.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { portSuffix } from "../../model/allowlist.ts";
import type { SealedPlace } from "../../model/grant.ts";
import type { EgressKey } from "../../ports/credential-issuer.ts";
import type { Asked, HeaderField } from "./network-asked.ts";

export type Aws4Place = Extract<SealedPlace, { aws4: unknown }>;
export type Aws4Key = Extract<EgressKey, { kind: "aws" }>;

/** Why a request can't be signed, in words, and the place that could; undefined where none could. */
export interface Unsignable {
  found: string;
  wanted?: SealedPlace;
}

/** S3's path is encoded once, and its bodies may go unsigned. */
const s3Services: readonly string[] = ["s3", "s3-outposts", "s3-object-lambda"];

/** What makes up a signature, whose ever it was: taken off before ours is put on. */
const signatureFields: readonly string[] = [
  "authorization",
  "date",
  "x-amz-date",
  "x-amz-security-token",
  "x-amz-content-sha256",
  "x-amz-region-set",
];

const presignedParameters = /^x-amz-(?:algorithm|credential|date|expires|signature|signedheaders|security-token)$/i;

/** An SDK's trailing checksum over pieces that are not signed: allowed wherever a body may go unsigned. */
const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const unsignedPayload = "UNSIGNED-PAYLOAD";

/** As an AWS SDK writes it that took the placeholder for its access key id. */
const authorization =
  /^AWS4-HMAC-SHA256 +Credential=[^/,\s]+(?:\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/aws4_request)?(?:,|$)/;

/** Whether a field's value is an AWS signature that names a credential. */
export function isAws4(value: string): boolean {
  return authorization.test(value);
}

/** The place that a signature was made for; undefined when it doesn't say. */
export function scopeOf(value: string): Aws4Place | undefined {
  const [, , region, service] = authorization.exec(value) ?? [];
  return region === undefined || service === undefined ? undefined : { aws4: { region, service } };
}

/** Why this request can't be signed; undefined when it can. */
export function whyUnsignable({ aws4 }: Aws4Place, asked: Asked): Unsignable | undefined {
  const { url, line, headers, body } = asked;
  const claimed = scopeOf(fieldOf(headers, "authorization") ?? "");
  if (claimed !== undefined && (claimed.aws4.region !== aws4.region || claimed.aws4.service !== aws4.service)) {
    const { region, service } = claimed.aws4;
    return {
      found: `it was signed for ${service} in ${region}, and is for ${aws4.service} in ${aws4.region}`,
      wanted: claimed,
    };
  }
  for (const name of url.searchParams.keys()) {
    if (presignedParameters.test(name))
      return { found: "a signature in the query would make the URL itself a credential" };
  }
  if (url.pathname !== canonicalPath(url.pathname))
    return { found: `the path is not encoded as AWS signs it; send ${canonicalPath(url.pathname)}` };
  if (url.search.includes("+"))
    return { found: "a + in the query is a space to some and a plus to others; send %20 or %2B" };
  const claimedHash = fieldOf(headers, "x-amz-content-sha256") ?? "";
  if (claimedHash.startsWith("STREAMING-") && claimedHash !== unsignedTrailer)
    return { found: "the body's pieces are signed one by one with keys of the job's; send the body in one piece" };
  if (body?.kind !== "streamed" && claimedHash !== unsignedTrailer) return undefined;
  if (!s3Services.includes(aws4.service))
    return { found: `a body that streams can't be signed for ${aws4.service}; send bytes` };
  if (line.scheme !== "https")
    return { found: "a body that streams goes unsigned, and so over https only; send bytes" };
  return undefined;
}

/** The header fields of the request, signed. `whyUnsignable` has found nothing. */
export async function signAws4(
  { aws4: { region, service } }: Aws4Place,
  { accessKeyId, secretAccessKey, sessionToken }: Aws4Key,
  { url, line, headers, body }: Asked,
  nowMs: number,
): Promise<readonly HeaderField[]> {
  const kept = headers.filter(([name]) => !signatureFields.includes(name));
  const isS3 = s3Services.includes(service);
  const claimedHash = fieldOf(headers, "x-amz-content-sha256");
  const hash =
    claimedHash === unsignedTrailer ? unsignedTrailer : body?.kind === "streamed" ? unsignedPayload : undefined;
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    ...{ region, service, sha256: Sha256, uriEscapePath: !isS3, applyChecksum: isS3 },
  });
  const bag: Record<string, string> = Object.create(null);
  for (const [name, value] of kept.filter(([name]) => isSigned(name)))
    bag[name] = bag[name] === undefined ? value : `${bag[name]},${value}`;
  bag.host = `${line.host}${portSuffix(line)}`;
  if (hash !== undefined) bag["x-amz-content-sha256"] = hash;
  const signed = await signer.sign(
    {
      ...{ method: line.method, protocol: `${line.scheme}:`, hostname: line.host, path: url.pathname },
      ...{ query: queryOf(url), headers: { ...bag } },
      ...(body?.kind === "inline" ? { body: body.bytes } : {}),
    },
    { signingDate: new Date(nowMs) },
  );
  const added = Object.entries(signed.headers).filter(([name]) => signatureFields.includes(name));
  return [...kept, ...added];
}

/** Those that AWS wants signed. The rest may be changed on the way, or by the client that sends them. */
function isSigned(name: string): boolean {
  return name === "content-type" || name === "content-md5" || name.startsWith("x-amz-");
}

function fieldOf(headers: readonly HeaderField[], name: string): string | undefined {
  return headers.find(([each]) => each === name)?.[1];
}

/** Each segment decoded, and encoded as AWS does: all but A–Z, a–z, 0–9, "-", ".", "_" and "~". */
function canonicalPath(path: string): string {
  const encode = (segment: string) =>
    encodeURIComponent(decodeURIComponent(segment)).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return path.split("/").map(encode).join("/");
}

function queryOf(url: URL): Record<string, string[]> {
  const query: Record<string, string[]> = Object.create(null);
  for (const [name, value] of url.searchParams) query[name] = [...(query[name] ?? []), value];
  return query;
}
