// Scopes of the AWS issuer, and the policy document that they become. A scope is one action on one resource,
// `s3:GetObject:arn:aws:s3:::bucket/prefix/*`. A `*` may stand at the end of a resource, after a part that says something,
// and nowhere else: no wildcard in actions, no `?`, no `${…}`, which AWS would fill in by itself.
//
// Each statement allows until the lease's end and no longer (`aws:CurrentTime`): a session of STS lives 15 minutes at
// least, and what it may do ends when the lease does, whether or not anybody lives to revoke it.
import { quote } from "../../model/error.ts";
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

export interface AwsPermission {
  action: string;
  resource: string;
}

const form =
  /^([a-z][a-z0-9-]{1,62}:[A-Za-z0-9]{1,64}):(arn:aws(?:-[a-z]+)*:([a-z][a-z0-9-]*):([a-z0-9-]*):(\d{12})?:(.+))$/;
const resourceText = /^[A-Za-z0-9_.,/=+@:!()-]+\*?$/;
const resourceCharsMax = 1_024; // an S3 key

/** With them a job could make credentials that outlive the lease. */
const servicesRefused: readonly string[] = ["iam", "sts", "organizations", "sso", "rolesanywhere"];

/** AWS's quota of characters: inline policies of a role together, and a session policy. White space doesn't count. */
export const rolePolicyCharsMax = 10_240;
export const sessionPolicyCharsMax = 2_048;

/** @throws IssuerFailure `scope_invalid`. */
export function parseAwsScope(scope: readonly string[]): AwsPermission[] {
  if (scope.length === 0) throw refuse("nothing", "at least one scope");
  return scope.map((entry, index) => {
    if (scope.indexOf(entry) !== index) throw refuse(quote(entry), "each scope once");
    return parseEntry(entry);
  });
}

function parseEntry(entry: string): AwsPermission {
  const [, action = "", resource = "", of = "", , , tail = ""] = form.exec(entry) ?? [];
  const example = "service:Action:arn, such as s3:GetObject:arn:aws:s3:::bucket/prefix/*";
  if (action === "") throw refuse(quote(entry), example);
  const [service = ""] = action.split(":");
  if (servicesRefused.includes(service))
    throw refuse(quote(entry), `another service: what ${service} makes would outlive the lease`);
  if (service !== of) throw refuse(quote(entry), `an ARN of ${service}, since the action is`);
  if (resource.length > resourceCharsMax || !resourceText.test(tail))
    throw refuse(quote(entry), `a resource of plain characters, with * at its end or nowhere`);
  // A bucket's name is the boundary between owners: `bucket*` would be anybody's.
  const isWide = service === "s3" ? /^[^/]*\*/.test(tail) : /^[/:]*\*$/.test(tail);
  if (isWide) throw refuse(quote(entry), "a * only behind a part that says whose it is, as in bucket/prefix/*");
  return { action, resource };
}

/** @throws IssuerFailure `scope_invalid` when it is longer than AWS takes. */
export function policyOf(permissions: readonly AwsPermission[], expiresAt: EpochMs, charsMax: number): string {
  const Condition = { DateLessThan: { "aws:CurrentTime": awsTime(expiresAt) } };
  const Statement = permissions.map(({ action, resource }) => {
    return { Effect: "Allow", Action: [action], Resource: [resource], Condition };
  });
  const text = JSON.stringify({ Version: "2012-10-17", Statement });
  if (text.length <= charsMax) return text;
  throw refuse(`a policy of ${text.length} characters`, `at most ${charsMax}: fewer scopes, or wider ones`);
}

/** Says no to everything, whatever else says yes. */
export const denyAll = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Action: ["*"], Resource: ["*"] }],
});

/** Whole seconds: what AWS's conditions compare. */
export function awsTime(at: EpochMs): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
}

function refuse(found: string, needed: string): IssuerFailure {
  return new IssuerFailure("scope_invalid", `found ${found}; needed: ${needed}`);
}
