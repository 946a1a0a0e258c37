// The life of a run's own role, as calls to IAM. A session of STS can't be ended by itself, but a role can, and its
// sessions with it; so each run has a role of its own.
//
//   absent → bare         CreateRole: nobody but our principal may assume it, and it may do nothing
//   bare → granted        PutRolePolicy: the scope, until the lease's end
//   granted → denied      PutRolePolicy again: an explicit no to everything in the scope's place. It cuts live sessions
//                         with the next call that they make, also where a resource's own policy would let them in
//   denied → absent       DeleteRolePolicy, DeleteRole. A role that is made anew under the name is another one (its RoleId):
//                         sessions of the old one stay dead
//
// Each step may be repeated, and NoSuchEntity is where it was to get to.
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type AwsKeys, type AwsQuery, AwsRefusal, type AwsService } from "./aws-query.ts";
import { denyAll } from "./aws-scope.ts";
import { elementAt, textAt } from "./aws-xml.ts";

export interface Iam {
  query: AwsQuery;
  service: AwsService;
  keys: AwsKeys;
}

export interface RoleOrder {
  name: string;
  /** "/mayfly/0a1b2c3d/". */
  path: string;
  /** ARN of who may assume it. */
  principal: string;
  /** ARN of a permissions boundary; null: none. */
  boundary: string | null;
  description: string;
  durationMaxS: number;
}

const policyName = "mayfly-scope";
const triesMax = 3;
const rolesPerPage = 1_000;
const pagesMax = 20;
/** Somebody else is at the same role: what was asked is asked again. */
const contended: readonly string[] = ["ConcurrentModification", "ConcurrentModificationException", "DeleteConflict"];

/** @returns its ARN, or undefined when there is a role of that name: end it first. */
export async function createRole(iam: Iam, order: RoleOrder, signal: AbortSignal): Promise<string | undefined> {
  const { name, path, principal, boundary, description, durationMaxS } = order;
  const trust = { Effect: "Allow", Principal: { AWS: [principal] }, Action: ["sts:AssumeRole"] };
  const parameters = {
    ...{ RoleName: name, Path: path, MaxSessionDuration: String(durationMaxS), Description: description },
    AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
    ...(boundary === null ? {} : { PermissionsBoundary: boundary }),
  };
  const roots = await call(iam, "CreateRole", parameters, signal).catch((error: unknown) => {
    if (error instanceof AwsRefusal && error.code === "EntityAlreadyExists") return undefined;
    throw error;
  });
  if (roots === undefined) return undefined;
  const arn = textAt(roots, "CreateRoleResponse", "CreateRoleResult", "Role", "Arn") ?? "";
  if (/^arn:aws[a-z-]*:iam::\d*:role\//.test(arn) && arn.endsWith(`:role${path}${name}`)) return arn;
  throw new IssuerFailure("issuer_garbage", "CreateRole answered the name of another role than was asked for");
}

export async function grantScope(iam: Iam, name: string, policy: string, signal: AbortSignal): Promise<void> {
  const parameters = { RoleName: name, PolicyName: policyName, PolicyDocument: policy };
  await call(iam, "PutRolePolicy", parameters, signal);
}

/** Ends the role and with it its sessions. No such role is success. */
export async function endRole(iam: Iam, name: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const isThere = await unlessGone(grantScope(iam, name, denyAll, signal));
      if (!isThere) return;
      await unlessGone(call(iam, "DeleteRolePolicy", { RoleName: name, PolicyName: policyName }, signal));
      await unlessGone(call(iam, "DeleteRole", { RoleName: name }, signal));
      return;
    } catch (error) {
      const again = error instanceof AwsRefusal && contended.includes(error.code) && attempt < triesMax;
      if (!again) throw error;
    }
  }
}

export function roleExists(iam: Iam, name: string, signal: AbortSignal): Promise<boolean> {
  return unlessGone(call(iam, "GetRole", { RoleName: name }, signal));
}

/**
 * Names of all roles under the path. RadosGW says NoSuchEntity where there are none, and also where one went while it was
 * listing: so that word counts once it was said three times.
 */
export async function rolesUnder(iam: Iam, path: string, signal: AbortSignal): Promise<string[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await listRoles(iam, path, signal);
    } catch (error) {
      if (!(error instanceof AwsRefusal) || error.code !== "NoSuchEntity") throw error;
      if (attempt === triesMax) return [];
    }
  }
}

async function listRoles(iam: Iam, path: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  let marker: string | undefined;
  for (let page = 1; page <= pagesMax; page += 1) {
    const more = marker === undefined ? {} : { Marker: marker };
    const asked = { PathPrefix: path, MaxItems: String(rolesPerPage), ...more };
    const roots = await call(iam, "ListRoles", asked, signal);
    const result = (name: string) => elementAt(roots, "ListRolesResponse", "ListRolesResult", name);
    const roles = result("Roles");
    if (roles === undefined) throw new IssuerFailure("issuer_garbage", "ListRoles answered no list");
    names.push(...roles.children.map((member) => textAt(member.children, "RoleName") ?? ""));
    marker = result("IsTruncated")?.text === "true" ? result("Marker")?.text : undefined;
    if (marker === undefined) return names;
  }
  throw new IssuerFailure("issuer_garbage", `ListRoles went on after ${pagesMax} pages`);
}

/** false: there was no such thing. */
async function unlessGone(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (error instanceof AwsRefusal && error.code === "NoSuchEntity") return false;
    throw error;
  }
}

function call({ query, service, keys }: Iam, action: string, parameters: Record<string, string>, signal: AbortSignal) {
  return query.call(service, keys, action, parameters, signal);
}
