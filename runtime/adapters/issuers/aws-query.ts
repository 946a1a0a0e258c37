// AWS's Query API (STS, IAM) and what speaks it, such as RadosGW: a form that is POSTed and signed (Signature Version 4),
// an answer in XML. It answers for telling what AWS refused, and by which code, from what is no answer at all.
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { escapeLine, quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type Element, readXml, textAt } from "./aws-xml.ts";
import type { IssuerAnswer, IssuerHttp } from "./issuer-http.ts";

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  /** null: a key of the long kind. */
  sessionToken: string | null;
}

/** AWS said no. */
export class AwsRefusal extends Error {
  override readonly name = "AwsRefusal";
  /** As AWS spells it: "NoSuchEntity". */
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

export interface AwsService {
  /** "sts" or "iam". */
  name: string;
  url: URL;
  region: string;
  version: string;
}

export interface AwsQuery {
  /** @param keys null: the call needs none. Rejects with AwsRefusal and IssuerFailure. */
  call(
    service: AwsService,
    keys: AwsKeys | null,
    action: string,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Element[]>;
  /** The status of a GET as to S3, for servers that have it at the same place. Rejects with IssuerFailure. */
  get(service: AwsService, keys: AwsKeys, path: string, signal: AbortSignal): Promise<number>;
  /** The server's clock, from any answer of its. Rejects with IssuerFailure. */
  serverMs(service: AwsService, signal: AbortSignal): Promise<number>;
}

const formType = "application/x-www-form-urlencoded; charset=utf-8";

/** RadosGW's own name for the answer to an action. */
const otherNames: Readonly<Record<string, string>> = { DeleteRolePolicy: "DeleteRolePoliciesResponse" };

/** Too much at once, in AWS's words; what asks so is asked again later. */
const throttled: readonly string[] = ["Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"];

export function makeAwsQuery({ http, nowMs }: { http: IssuerHttp; nowMs: () => number }): AwsQuery {
  async function signed(
    { name, region }: Pick<AwsService, "name" | "region">,
    keys: AwsKeys,
    asked: { method: string; url: URL; type?: string; body?: string },
  ): Promise<Record<string, string>> {
    const { accessKeyId, secretAccessKey, sessionToken } = keys;
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) };
    const signer = new SignatureV4({ credentials, region, service: name, sha256: Sha256 });
    const { method, url, type, body } = asked;
    const { pathname: path, protocol, hostname } = url;
    const headers = { host: url.host, ...(type === undefined ? {} : { "content-type": type }) };
    const request = { method, protocol, hostname, path, query: {}, headers, ...(body === undefined ? {} : { body }) };
    const { host: _, ...rest } = (await signer.sign(request, { signingDate: new Date(nowMs()) })).headers;
    return rest;
  }

  return {
    async call(service, keys, action, parameters, signal) {
      const body = new URLSearchParams({ Action: action, Version: service.version, ...parameters }).toString();
      const asked = { method: "POST", url: service.url, type: formType, body };
      const headers = keys === null ? { "content-type": formType } : await signed(service, keys, asked);
      const answer = await http.ask(
        { method: "POST", url: service.url, headers: { ...headers, accept: "application/xml, text/xml" }, body },
        signal,
      );
      return readAnswer(action, answer);
    },
    async get({ url: at, region }, keys, path, signal) {
      const url = new URL(path, at);
      const headers = await signed({ name: "s3", region }, keys, { method: "GET", url });
      return (await http.ask({ method: "GET", url, headers }, signal)).status;
    },
    async serverMs({ url }, signal) {
      const answer = await http.ask({ method: "POST", url, headers: { "content-type": formType }, body: "" }, signal);
      const at = Date.parse(answer.header("date") ?? "");
      if (Number.isNaN(at)) throw new IssuerFailure("issuer_garbage", "an answer without a date");
      return at;
    },
  };
}

function readAnswer(action: string, { status, text, retryAfterMs }: IssuerAnswer): Element[] {
  const roots = readXml(text);
  const code = roots === undefined ? undefined : errorCode(roots);
  if (status === 429 || (code !== undefined && throttled.includes(code)))
    throw new IssuerFailure("issuer_unavailable", `${action}: too many requests (${status})`, undefined, retryAfterMs);
  if (status >= 500)
    throw new IssuerFailure("issuer_unavailable", `${action}: the server failed (${status})`, undefined, retryAfterMs);
  if (code !== undefined) throw new AwsRefusal(escapeLine(code, 64), status);
  const names = [`${action}Response`, otherNames[action]];
  if (status !== 200 || roots === undefined || !names.includes(roots[0]?.name)) {
    const needed = `needed: 200 and <${action}Response>`;
    throw new IssuerFailure("issuer_garbage", `${action}: found ${status} and no such document; ${needed}`);
  }
  return roots;
}

/** <ErrorResponse><Error><Code>, or as S3 and RadosGW write it, <Error><Code>. */
function errorCode(roots: readonly Element[]): string | undefined {
  return textAt(roots, "ErrorResponse", "Error", "Code") ?? textAt(roots, "Error", "Code");
}

/** What AWS refused, as an issuer's failure. */
export function awsFailure(doing: string, error: unknown): unknown {
  if (!(error instanceof AwsRefusal)) return error;
  return new IssuerFailure("issuer_refused", `AWS would not ${doing}: ${quote(error.code)} (${error.status})`);
}
