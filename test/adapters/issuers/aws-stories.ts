// What must hold of sessions of AWS's at any server that gives them. Told of the stand-in in aws.test.ts, of a real RadosGW
// in aws-ceph.test.ts.
import type { Test } from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { CredentialIssuer } from "../../../runtime/ports/credential-issuer.ts";
import { type AwsCaller, awsCall, s3, tryAtS3 } from "../../../runtime/testkit/aws-client.ts";
import { issuerContract, newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { type AwsServer, bucket, installation, openAws, openFixed, openUnderTest, scope, signal } from "./aws-world.ts";

export function requestFor(changes: object = {}) {
  return {
    ...{ lease: newLease(), job: "order-sync", tenant: "acme", scope, purpose: "nightly sync: été 北京 \u202e" },
    expiresAt: systemClock.nowMs() + 60_000,
    ...changes,
  };
}

const inside = `/${bucket}/in/a.txt`;

export async function tellStories(t: Test, server: AwsServer): Promise<void> {
  const open = (t: Test): CredentialIssuer => {
    const issuer = openAws(server);
    t.teardown(() => issuer.close());
    return issuer;
  };

  t.test("the contract", async (t) => {
    await issuerContract(t, "aws", () => openUnderTest(server));
  });

  t.test("outside the scope the server says no: another path, another action, another service", async (t) => {
    const issuer = open(t);
    const { lease, ...request } = requestFor();
    const { secret, egress, parts } = await issuer.issue({ lease, ...request }, signal);
    const session = JSON.parse(secret) as AwsCaller & { sessionToken: string };
    t.same(egress, { kind: "aws", ...session });
    t.same(parts, [session.secretAccessKey, session.sessionToken]);
    t.same(await s3(server.url, session, `GET ${inside}`), { status: 200, text: "inside" });
    for (const line of [`GET /${bucket}/out/a.txt`, `PUT ${inside}`, `DELETE ${inside}`, `GET /${bucket}`])
      t.equal((await s3(server.url, session, line)).status, 403, line);
    const role = `mayfly-${installation}-${runIdDigits(lease.runId)}`;
    const wider = { Action: "PutRolePolicy", RoleName: role, PolicyName: "more", PolicyDocument: "{}" };
    t.equal((await awsCall(server.url, session, "iam", wider)).status, 403, "it can't give itself more");
    const stolen = { ...session, sessionToken: "other" };
    t.not((await s3(server.url, stolen, `GET ${inside}`)).status, 200, "the token belongs to it");
    await issuer.revoke(lease, signal);
  });

  t.test("[CRED-06] revoked, it is cut with its next request, and the proof has tried it", async (t) => {
    const issuer = open(t);
    const request = requestFor();
    const { secret } = await issuer.issue(request, signal);
    t.equal(await tryAtS3(server.url, secret, inside), "accepted");
    t.match(await issuer.prove(request.lease, secret, signal), { verdict: "alive" });
    await issuer.revoke(request.lease, signal);
    t.equal(await tryAtS3(server.url, secret, inside), "refused");
    t.match(await issuer.prove(request.lease, secret, signal), {
      ...{ verdict: "dead", how: /^IAM: no such role; session: refused / },
    });
  });

  t.test("a role that somebody took away half is ended all the same", async (t) => {
    const issuer = open(t);
    const request = requestFor();
    await issuer.issue(request, signal);
    const RoleName = `mayfly-${installation}-${runIdDigits(request.lease.runId)}`;
    const gone = { Action: "DeleteRolePolicy", RoleName, PolicyName: "mayfly-scope" };
    t.equal((await awsCall(server.url, server.root, "iam", gone)).status, 200);
    await issuer.revoke(request.lease, signal);
    t.match(await issuer.prove(request.lease, undefined, signal), { verdict: "dead" });
    await issuer.revoke(request.lease, signal);
  });

  t.test("it dies by itself at the lease's end, long before STS would end it", async (t) => {
    const issuer = open(t);
    const expiresAt = systemClock.nowMs() + 4_000;
    const request = requestFor({ expiresAt });
    const { secret, expiresAt: end } = await issuer.issue(request, signal);
    t.ok(end <= expiresAt && end % 1_000 === 0, "whole seconds, rounded down");
    t.equal(await tryAtS3(server.url, secret, inside), "accepted");
    while (systemClock.nowMs() <= end)
      await new Promise((resolve) => setTimeout(resolve, end + 1 - systemClock.nowMs()));
    t.equal(await tryAtS3(server.url, secret, inside), "refused");
    t.match(await issuer.prove(request.lease, secret, signal), { verdict: "alive" }, "but its role is there still");
    await issuer.revoke(request.lease, signal);
  });

  t.test("sessions of a role that is there: narrowed, alive whatever is revoked, dead by AWS's clock", async (t) => {
    const RoleName = "fixed-for-mayfly";
    const trust = { Effect: "Allow", Principal: { AWS: [server.principal] }, Action: ["sts:AssumeRole"] };
    const wide = { Effect: "Allow", Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${bucket}/*`] };
    const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [Statement] });
    const made = await awsCall(server.url, server.root, "iam", {
      ...{ Action: "CreateRole", RoleName, Path: "/", AssumeRolePolicyDocument: document(trust) },
    });
    const arn = /<Arn>([^<]+)</.exec(made.text)?.[1] ?? "";
    const policy = { Action: "PutRolePolicy", RoleName, PolicyName: "wide", PolicyDocument: document(wide) };
    t.equal((await awsCall(server.url, server.root, "iam", policy)).status, 200);

    const issuer = openFixed(server, arn, "root");
    t.teardown(() => issuer.close());
    const request = requestFor({ expiresAt: systemClock.nowMs() + 4_000 });
    const handles: string[] = [];
    const note = async (handle: string) => void handles.push(handle);
    const { secret, expiresAt: end } = await issuer.issue(request, signal, note);
    const lease = { ...request.lease, handle: handles[0] ?? "" };
    t.equal(await tryAtS3(server.url, secret, inside), "accepted");
    t.equal(
      await tryAtS3(server.url, secret, `/${bucket}/out/a.txt`),
      "refused",
      "the session policy narrows the role",
    );
    await t.rejects(issuer.issue({ ...request, lease }, signal, note), { code: "issuer_refused" }, "no second one");
    await issuer.revoke(lease, signal);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "alive", how: /can't be ended: it may act until/ });
    while (systemClock.nowMs() <= end)
      await new Promise((resolve) => setTimeout(resolve, end + 1 - systemClock.nowMs()));
    t.equal(await tryAtS3(server.url, secret, inside), "refused");
    t.match(await issuer.prove(lease, undefined, signal), { verdict: "alive" }, "clocks may differ by five seconds");
    t.match(await issuer.prove({ ...lease, handle: String(end - 60_000) }, undefined, signal), {
      ...{ verdict: "dead", how: /^expired .* by AWS's clock$/ },
    });
    t.match(await issuer.prove(request.lease, undefined, signal), { verdict: "dead", how: /no session was asked for/ });
  });
}
