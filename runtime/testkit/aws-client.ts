// A caller of S3 and of AWS's Query API for tests: one signed request, and its answer as it came. What a session can do is
// seen by trying it.
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

export interface AwsCaller {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface AwsReply {
  status: number;
  text: string;
}

const region = "us-east-1";

/** One S3 request: "GET /bucket/key". */
export function s3(url: string, caller: AwsCaller, line: string, body?: string): Promise<AwsReply> {
  const [method = "", path = ""] = line.split(" ");
  return signedRequest(url, caller, "s3", { method, path, headers: {}, ...(body === undefined ? {} : { body }) });
}

/** One call of STS or IAM. */
export function awsCall(
  url: string,
  caller: AwsCaller,
  service: "iam" | "sts",
  parameters: Record<string, string>,
): Promise<AwsReply> {
  const Version = service === "iam" ? "2010-05-08" : "2011-06-15";
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ Version, ...parameters }).toString();
  return signedRequest(url, caller, service, { method: "POST", path: "/", headers, body });
}

/** What the session in `secret`, as the issuer gives it, can do with one object. */
export async function tryAtS3(url: string, secret: string, path: string): Promise<"accepted" | "refused"> {
  const { status } = await s3(url, JSON.parse(secret) as AwsCaller, `GET ${path}`);
  if (status !== 200 && status !== 403) throw new Error(`neither accepted nor refused: ${status}`);
  return status === 200 ? "accepted" : "refused";
}

interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

async function signedRequest(url: string, caller: AwsCaller, service: string, asked: Asked): Promise<AwsReply> {
  const { host, hostname } = new URL(url);
  const parts = { credentials: caller, region, service, sha256: Sha256, uriEscapePath: service !== "s3" };
  const request = { ...asked, protocol: "http:", hostname, query: {}, headers: { ...asked.headers, host } };
  const { host: _, ...headers } = (await new SignatureV4(parts).sign(request)).headers;
  const { method, path, body } = asked;
  const bytes = body === undefined ? {} : { body: Buffer.from(body) }; // a text would get a type, and unsigned
  const answer = await fetch(new URL(path, url), { method, headers, ...bytes });
  return { status: answer.status, text: await answer.text() };
}
