// A stand-in for AWS on one port: as much of STS, IAM and S3 as the AWS issuer and its jobs use. It is no AWS. It verifies
// each signature by itself (aws-signature.ts), evaluates policies (aws-policy.ts), and is strict about names, durations
// and documents, so that what leans on more than AWS's API reference fails here. The same tests run against a real
// RadosGW (ceph-server.ts) where one is installed.
//
//   POST /   CreateRole, GetRole, ListRoles, DeleteRole, PutRolePolicy, DeleteRolePolicy                    (iam)
//            AssumeRole, AssumeRoleWithWebIdentity (unsigned), GetCallerIdentity                            (sts)
//   PUT, GET, HEAD, DELETE /<bucket>/<key>, GET /<bucket>                                                   (s3)
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Clock } from "../ports/clock.ts";
import { isAllowed, type PolicyDocument, readPolicy } from "./aws-policy.ts";
import { SignatureRefused, verifySignature } from "./aws-signature.ts";

export interface AwsStandIn {
  url: string;
  port: number;
  root: { accessKeyId: string; secretAccessKey: string };
  /** ARN of the root key's user. */
  principal: string;
  objects: Map<string, Buffer>;
  roles(): string[];
  /** All sessions that were ever given: what a thief could have. */
  sessions(): { accessKeyId: string; secretAccessKey: string; sessionToken: string }[];
  /** The next so many AssumeRole are told AccessDenied, as for a role that STS doesn't know of yet. */
  settle(times: number): void;
  /** Changes the answers of one action on their way out, for a server that lies. */
  tamper(action: string, change: ((xml: string) => string) | undefined): void;
  /** What was asked, in order: "CreateRole", "GET /data/in/a". */
  readonly requests: string[];
  close(): Promise<void>;
}

export interface AwsStandInOptions {
  clock: Clock;
  /** For AssumeRoleWithWebIdentity. */
  webIdentity?: { issuer: string; audience: string; keys: JWTVerifyGetKey };
}

interface Role {
  id: string;
  name: string;
  path: string;
  arn: string;
  durationMaxS: number;
  /** Who may assume it: an ARN, or "web" for the identity provider. */
  trusts: string[];
  policies: Map<string, PolicyDocument>;
}

interface Session {
  secretAccessKey: string;
  sessionToken: string;
  roleId: string;
  expiresAt: number;
  policy: PolicyDocument | null;
  arn: string;
}

class Fault extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status = 400) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

type Caller = { arn: string; session: Session | null };

const account = "123456789012";
const bodyBytesMax = 1_048_576;
const pageSize = 2; // small, so that a reader of lists meets the second page

export async function startAwsStandIn({ clock, webIdentity }: AwsStandInOptions): Promise<AwsStandIn> {
  const root = { accessKeyId: "AKIASTANDINROOTKEY01", secretAccessKey: randomBytes(30).toString("base64") };
  const principal = `arn:aws:iam::${account}:user/mayfly`;
  const roles = new Map<string, Role>();
  const sessions = new Map<string, Session>();
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const tampering = new Map<string, (xml: string) => string>();
  let unsettled = 0;

  const roleById = (id: string) => [...roles.values()].find((role) => role.id === id);
  const roleNamed = (name: string | undefined): Role => {
    const role = roles.get(name ?? "");
    if (role === undefined) throw new Fault("NoSuchEntity", 404);
    return role;
  };

  // ─── IAM ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  type Parameters = Record<string, string>;
  const describe = ({ path, name, id, arn, durationMaxS }: Role) =>
    tags({ Path: path, RoleName: name, RoleId: id, Arn: arn, MaxSessionDuration: String(durationMaxS) });

  const iam: Record<string, (asked: Parameters) => string> = {
    CreateRole({ RoleName: name = "", Path: path = "/", AssumeRolePolicyDocument: trust = "", ...rest }) {
      const durationMaxS = Number(rest.MaxSessionDuration ?? "3600");
      need(/^[\w+=,.@-]{1,64}$/.test(name) && /^\/(?:[\x21-\x7e]{1,510}\/)?$/.test(path));
      need(
        durationMaxS >= 3_600 &&
          durationMaxS <= 43_200 &&
          /^[\x20-\x7e\xa1-\xff]{0,1000}$/.test(rest.Description ?? ""),
      );
      if (roles.has(name)) throw new Fault("EntityAlreadyExists", 409);
      const id = `AROA${randomBytes(8).toString("hex").toUpperCase()}`;
      const arn = `arn:aws:iam::${account}:role${path}${name}`;
      const role: Role = { id, name, path, arn, durationMaxS, trusts: trustOf(trust), policies: new Map() };
      roles.set(name, role);
      return `<Role>${describe(role)}</Role>`;
    },
    GetRole: ({ RoleName }) => `<Role>${describe(roleNamed(RoleName))}</Role>`,
    ListRoles({ PathPrefix = "/", Marker = "0" }) {
      const found = [...roles.values()].filter(({ path }) => path.startsWith(PathPrefix));
      const page = found.slice(Number(Marker), Number(Marker) + pageSize);
      const next = Number(Marker) + page.length;
      const more =
        next < found.length ? tags({ IsTruncated: "true", Marker: String(next) }) : tags({ IsTruncated: "false" });
      return `<Roles>${page.map((role) => `<member>${describe(role)}</member>`).join("")}</Roles>${more}`;
    },
    PutRolePolicy({ RoleName, PolicyName = "", PolicyDocument: text = "" }) {
      const role = roleNamed(RoleName);
      const document = readPolicy(text);
      need(/^[\w+=,.@-]{1,128}$/.test(PolicyName));
      if (document === undefined) throw new Fault("MalformedPolicyDocument");
      if (text.length > 10_240) throw new Fault("LimitExceeded", 409);
      role.policies.set(PolicyName, document);
      return "";
    },
    DeleteRolePolicy({ RoleName, PolicyName = "" }) {
      if (!roleNamed(RoleName).policies.delete(PolicyName)) throw new Fault("NoSuchEntity", 404);
      return "";
    },
    DeleteRole({ RoleName = "" }) {
      if (roleNamed(RoleName).policies.size > 0) throw new Fault("DeleteConflict", 409);
      roles.delete(RoleName);
      return "";
    },
  };

  function trustOf(text: string): string[] {
    try {
      const { Statement } = JSON.parse(text) as {
        Statement: { Principal: { AWS?: string[]; Federated?: string }; Action: string[] }[];
      };
      const { Principal, Action } = Statement[0] ?? { Principal: {}, Action: [] };
      if (Action.includes("sts:AssumeRoleWithWebIdentity") && Principal.Federated !== undefined) return ["web"];
      if (Action.includes("sts:AssumeRole") && Array.isArray(Principal.AWS)) return Principal.AWS;
    } catch {
      // no JSON, or none of that form
    }
    throw new Fault("MalformedPolicyDocument");
  }

  // ─── STS ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  function giveSession(
    trusted: string,
    { RoleArn, RoleSessionName = "", DurationSeconds = "3600", Policy }: Parameters,
  ): string {
    const role = [...roles.values()].find(({ arn }) => arn === RoleArn);
    if (role === undefined || !role.trusts.includes(trusted)) throw new Fault("AccessDenied", 403);
    if (unsettled > 0) {
      unsettled -= 1;
      throw new Fault("AccessDenied", 403);
    }
    const durationS = Number(DurationSeconds);
    need(/^[\w+=,.@-]{2,64}$/.test(RoleSessionName));
    need(Number.isInteger(durationS) && durationS >= 900 && durationS <= role.durationMaxS);
    const policy = Policy === undefined ? null : readPolicy(Policy);
    if (policy === undefined) throw new Fault("MalformedPolicyDocument");
    if ((Policy ?? "").length > 2_048) throw new Fault("PackedPolicyTooLarge");
    const accessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
    const session: Session = {
      secretAccessKey: randomBytes(30).toString("base64"),
      sessionToken: randomBytes(96).toString("base64"),
      roleId: role.id,
      expiresAt: clock.nowMs() + durationS * 1_000,
      policy,
      arn: `arn:aws:sts::${account}:assumed-role/${role.name}/${RoleSessionName}`,
    };
    sessions.set(accessKeyId, session);
    const { secretAccessKey, sessionToken, expiresAt, arn } = session;
    const until = {
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: new Date(expiresAt).toISOString(),
    };
    const user = tags({ AssumedRoleId: `${role.id}:${RoleSessionName}`, Arn: arn });
    return `<Credentials>${tags({ AccessKeyId: accessKeyId, ...until })}</Credentials><AssumedRoleUser>${user}</AssumedRoleUser>`;
  }

  async function withWebIdentity(asked: Parameters): Promise<string> {
    const { WebIdentityToken: token = "" } = asked;
    if (webIdentity === undefined) throw new Fault("InvalidAction");
    const { issuer, audience, keys } = webIdentity;
    try {
      await jwtVerify(token, keys, { issuer, audience, currentDate: new Date(clock.nowMs()) });
    } catch {
      throw new Fault("InvalidIdentityToken");
    }
    return `${giveSession("web", asked)}${tags({ SubjectFromWebIdentityToken: decodeJwt(token).sub ?? "", Audience: audience })}`;
  }

  // ─── S3 ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  function s3(caller: Caller, method: string, path: string, body: Buffer): { status: number; body: Buffer | string } {
    const [bucket = "", ...rest] = path.slice(1).split("/").map(decodeURIComponent);
    const key = rest.join("/");
    const action = key === "" ? "s3:ListBucket" : { PUT: "s3:PutObject", DELETE: "s3:DeleteObject" }[method];
    const resource = `arn:aws:s3:::${bucket}${key === "" ? "" : `/${key}`}`;
    permit(caller, action ?? "s3:GetObject", resource);
    const name = `${bucket}/${key}`;
    if (key === "")
      return { status: 200, body: [...objects.keys()].filter((each) => each.startsWith(name)).join("\n") };
    if (method === "PUT") objects.set(name, body);
    if (method === "DELETE") objects.delete(name);
    const found = objects.get(name);
    if (method === "DELETE") return { status: 204, body: "" };
    if (found === undefined) throw new Fault("NoSuchKey", 404);
    return { status: 200, body: method === "PUT" || method === "HEAD" ? "" : found };
  }

  function permit({ session }: Caller, action: string, resource: string): void {
    if (session === null) return;
    const policies = [...(roleById(session.roleId)?.policies.values() ?? [])];
    if (!isAllowed(policies, session.policy, { action, resource, nowMs: clock.nowMs() }))
      throw new Fault("AccessDenied", 403);
  }

  // ─── One request ─────────────────────────────────────────────────────────────────────────────────────────────────

  function callerOf(request: IncomingMessage, body: Buffer): { caller: Caller; service: string } {
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(",")]),
    );
    const { accessKeyId, service } = verifySignature(
      { method: request.method ?? "", target: request.url ?? "", headers, body },
      (id) => (id === root.accessKeyId ? { ...root, sessionToken: null } : liveSession(id)),
      clock.nowMs(),
    );
    const session = sessions.get(accessKeyId) ?? null;
    return { caller: { arn: session?.arn ?? principal, session }, service };
  }

  /** A session is as dead as its role. */
  function liveSession(id: string): Session | undefined {
    const session = sessions.get(id);
    if (session !== undefined && clock.nowMs() >= session.expiresAt) throw new Fault("ExpiredToken", 403);
    return session !== undefined && roleById(session.roleId) !== undefined ? session : undefined;
  }

  async function act(
    request: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; body: Buffer | string; action?: string }> {
    const [path = "/"] = (request.url ?? "/").split("?");
    const isQuery = path === "/" && request.method === "POST";
    const asked: Parameters = isQuery ? Object.fromEntries(new URLSearchParams(body.toString("utf8"))) : {};
    const action = asked.Action ?? "";
    requests.push(isQuery ? action : `${request.method} ${path}`);
    if (action === "AssumeRoleWithWebIdentity")
      return { status: 200, body: wrap(action, await withWebIdentity(asked)), action };
    if (isQuery && request.headers.authorization === undefined) throw new Fault("MissingAuthenticationToken", 403);
    const { caller, service } = callerOf(request, body);
    if (!isQuery) {
      if (service !== "s3") throw new Fault("AccessDenied", 403);
      return s3(caller, request.method ?? "", path, body);
    }
    if (service === "sts" && action === "GetCallerIdentity")
      return { status: 200, body: wrap(action, tags({ Arn: caller.arn, UserId: "AIDA", Account: account })), action };
    if (caller.session !== null) throw new Fault("AccessDenied", 403);
    if (service === "sts" && action === "AssumeRole")
      return { status: 200, body: wrap(action, giveSession(caller.arn, asked)), action };
    const run = service === "iam" && Object.hasOwn(iam, action) ? iam[action] : undefined;
    if (run === undefined) throw new Fault("InvalidAction");
    return { status: 200, body: wrap(action, run(asked)), action };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: Buffer | string) => {
      response.writeHead(status, { "content-type": "text/xml", date: new Date(clock.nowMs()).toUTCString() });
      response.end(request.method === "HEAD" ? "" : body);
    };
    try {
      const { status, body, action = "" } = await act(request, await readBody(request));
      send(status, typeof body === "string" ? (tampering.get(action)?.(body) ?? body) : body);
    } catch (error) {
      if (!(error instanceof Fault || error instanceof SignatureRefused)) throw error;
      const { code } = error;
      const named = code === "InvalidAccessKeyId" && request.method === "POST" ? "InvalidClientTokenId" : code;
      send(
        error instanceof Fault ? error.status : 403,
        `<ErrorResponse><Error>${tags({ Type: "Sender", Code: named, Message: "" })}</Error></ErrorResponse>`,
      );
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, port, root, principal, objects, requests },
    roles: () => [...roles.keys()],
    sessions: () =>
      [...sessions].map(([accessKeyId, { secretAccessKey, sessionToken }]) => ({
        ...{ accessKeyId, secretAccessKey, sessionToken },
      })),
    settle(times) {
      unsettled = times;
    },
    tamper(action, change) {
      if (change === undefined) tampering.delete(action);
      else tampering.set(action, change);
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function need(fits: boolean): void {
  if (!fits) throw new Fault("ValidationError");
}

function wrap(action: string, result: string): string {
  const metadata = `<ResponseMetadata>${tags({ RequestId: randomBytes(8).toString("hex") })}</ResponseMetadata>`;
  return `<${action}Response xmlns="https://example.amazonaws.com/doc/"><${action}Result>${result}</${action}Result>${metadata}</${action}Response>`;
}

function tags(values: Record<string, string>): string {
  const escaped = (text: string) =>
    text.replace(/[<>&"]/g, (each) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" })[each] ?? "");
  return Object.entries(values)
    .map(([name, text]) => `<${name}>${escaped(text)}</${name}>`)
    .join("");
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new Fault("RequestEntityTooLarge", 413);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
