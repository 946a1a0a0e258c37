// The AWS issuer before the stand-in: the stories that a real RadosGW is told too, and those that need a server which lies,
// is late, or has a clock of our own.
import { generateKeyPair, SignJWT } from "jose";
import t from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import { awsCall, tryAtS3 } from "../../../runtime/testkit/aws-client.ts";
import { startAwsStandIn } from "../../../runtime/testkit/aws-stand-in.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { requestFor, tellStories } from "./aws-stories.ts";
import { bucket, fill, openAws, openFixed, signal } from "./aws-world.ts";

const aws = await startAwsStandIn({ clock: systemClock });
t.teardown(() => aws.close());
await fill(aws);
await tellStories(t, aws);

t.test("[CRED-19] an answer that isn't what was asked for is refused, and the role is gone again", async (t) => {
  const issuer = openAws(aws);
  t.teardown(() => issuer.close());
  const later = new Date(systemClock.nowMs() + 7_200_000).toISOString();
  const lies: [string, string, (xml: string) => string][] = [
    ["another role's session", "AssumeRole", (xml) => xml.replace(/assumed-role\/[^/]+\//, "assumed-role/admin/")],
    ["a longer life", "AssumeRole", (xml) => xml.replace(/<Expiration>[^<]+/, `<Expiration>${later}`)],
    ["no expiration", "AssumeRole", (xml) => xml.replace(/<Expiration>.*<\/Expiration>/, "")],
    ["no token", "AssumeRole", (xml) => xml.replace(/<SessionToken>[^<]+/, "<SessionToken>")],
    ["two secrets", "AssumeRole", (xml) => xml.replace(/(<SecretAccessKey>.*<\/SecretAccessKey>)/, "$1$1")],
    ["another action's answer", "AssumeRole", (xml) => xml.replaceAll("AssumeRole", "GetSessionToken")],
    ["an entity of its own", "AssumeRole", (xml) => `<!DOCTYPE a [<!ENTITY b "c">]>${xml}`],
    ["a page", "AssumeRole", () => "<!doctype html><title>welcome</title>"],
    ["nothing", "AssumeRole", () => ""],
    ["half of it", "AssumeRole", (xml) => xml.slice(0, xml.length / 2)],
    ["another role", "CreateRole", (xml) => xml.replace(/(<Arn>[^<]*)<\/Arn>/, "$1x</Arn>")],
  ];
  for (const [name, action, change] of lies) {
    aws.tamper(action, change);
    await t.rejects(issuer.issue(requestFor(), signal), { code: "issuer_garbage" }, name);
    aws.tamper(action, undefined);
    t.same(await issuer.sweep(signal), [], `${name}: nothing is left`);
  }
});

t.test("a role that STS doesn't know of yet is waited for, and not for ever", async (t) => {
  const patient = openAws(aws, { settleMs: 5_000 });
  t.teardown(() => patient.close());
  aws.settle(2);
  const request = requestFor();
  const { secret } = await patient.issue(request, signal);
  t.equal(await tryAtS3(aws.url, secret, `/${bucket}/in/a.txt`), "accepted");
  await patient.revoke(request.lease, signal);

  const hasty = openAws(aws, { settleMs: 300 });
  t.teardown(() => hasty.close());
  aws.settle(1_000);
  await t.rejects(hasty.issue(requestFor(), signal), { code: "issuer_refused", message: /"AccessDenied" \(403\)/ });
  aws.settle(0);
  t.same(await hasty.sweep(signal), []);
});

t.test("[CRED-32] a wrong root key, and a clock that is far off, are said in AWS's own words", async (t) => {
  const wrong = openAws({ ...aws, root: { ...aws.root, secretAccessKey: "another-secret-of-some-length" } });
  t.teardown(() => wrong.close());
  await t.rejects(wrong.issue(requestFor(), signal), { code: "issuer_refused", message: /SignatureDoesNotMatch/ });
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() - 901_000 };
  const late = openAws(aws, { clock });
  t.teardown(() => late.close());
  await t.rejects(late.issue(requestFor(), signal), { code: "issuer_refused", message: /RequestTimeTooSkewed/ });
  const within = openAws(aws, { clock: { ...systemClock, nowMs: () => systemClock.nowMs() - 290_000 } });
  t.teardown(() => within.close());
  const request = requestFor();
  await within.issue(request, signal);
  await within.revoke(request.lease, signal);
});

t.test("asked to leave it alone, it says for how long", async (t) => {
  const proxy = await startFaultyProxy({ port: aws.port, speaks: "http" });
  const issuer = openAws(aws, { url: `http://127.0.0.1:${proxy.port}` });
  t.teardown(async () => {
    await issuer.close();
    await proxy.close();
  });
  proxy.behave("busy");
  await t.rejects(issuer.revoke(newLease(), signal), { code: "issuer_unavailable", retryAfterMs: 7_000 });
});

t.test("a sweep reads every page, and leaves roles of other names alone", async (t) => {
  const issuer = openAws(aws);
  t.teardown(() => issuer.close());
  const leases = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const request = requestFor();
      await issuer.issue(request, signal);
      return request.lease;
    }),
  );
  const trust = { Effect: "Allow", Principal: { AWS: [aws.principal] }, Action: ["sts:AssumeRole"] };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
  for (const RoleName of ["mayfly-0a1b2c3d-admin", `mayfly-0a1b2c3d-${"A".repeat(32)}`, "other"])
    await awsCall(aws.url, aws.root, "iam", {
      ...{ Action: "CreateRole", RoleName, Path: "/mayfly/0a1b2c3d/", AssumeRolePolicyDocument: document },
    });
  const found = await issuer.sweep(signal);
  t.same(found.map(({ runId }) => runId).sort(), leases.map(({ runId }) => runId).sort());
  for (const lease of leases) await issuer.revoke(lease, signal);
  t.same(await issuer.sweep(signal), []);
});

t.test("a scope as long as AWS takes is issued, and one entry more is refused when the config is loaded", async (t) => {
  const issuer = openAws(aws);
  t.teardown(() => issuer.close());
  const entry = (index: number) => `s3:GetObject:arn:aws:s3:::orders-bucket/in/${String(index).padStart(2, "0")}/*`;
  const entries = Array.from({ length: 64 }, (_, index) => entry(index));
  const fits = (count: number) => {
    try {
      issuer.checkScope(entries.slice(0, count));
      return true;
    } catch {
      return false;
    }
  };
  const most = entries.findIndex((_, index) => !fits(index + 1));
  t.ok(most > 50, `${most} entries fit`);
  const request = requestFor({ scope: entries.slice(0, most) });
  await issuer.issue(request, signal);
  await issuer.revoke(request.lease, signal);
  const says = { code: "scope_invalid", message: /at most 10240/ };
  t.throws(() => issuer.checkScope(entries.slice(0, most + 1)), says);
});

t.test("the run's identity stands for a root key, and nothing is asked for before its end is noted", async (t) => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const [issuerUrl, audience] = ["https://identity.example", "sts.amazonaws.com"];
  const server = await startAwsStandIn({
    clock: systemClock,
    webIdentity: { issuer: issuerUrl, audience, keys: async () => publicKey },
  });
  t.teardown(() => server.close());
  await fill(server);
  const Statement = [
    {
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::1:oidc-provider/x" },
      Action: ["sts:AssumeRoleWithWebIdentity"],
    },
  ];
  const role = {
    ...{ Action: "CreateRole", RoleName: "web", Path: "/" },
    AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
  };
  const arn = /<Arn>([^<]+)</.exec((await awsCall(server.url, server.root, "iam", role)).text)?.[1] ?? "";
  const allow = { Effect: "Allow", Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${bucket}/*`] };
  await awsCall(server.url, server.root, "iam", {
    ...{ Action: "PutRolePolicy", RoleName: "web", PolicyName: "p" },
    PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [allow] }),
  });
  const asked: string[] = [];
  const identity = {
    url: issuerUrl,
    spiffeId: () => "spiffe://x",
    ...{ end: async () => {}, active: () => [] },
    async token(request: { audience: string; job: string; expiresAt: number }) {
      asked.push(`${request.job} for ${request.audience}`);
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: "ES256" })
        .setIssuer(issuerUrl)
        .setSubject("spiffe://x")
        .setAudience(request.audience)
        .setExpirationTime("1m")
        .sign(privateKey);
      return { token, expiresAt: request.expiresAt };
    },
  };
  const issuer = openFixed(server, arn, { identity, audience });
  t.teardown(() => issuer.close());
  let requestsWhenNoted = -1;
  const request = requestFor();
  const before = server.requests.length;
  const { secret } = await issuer.issue(request, signal, async () => {
    requestsWhenNoted = server.requests.length - before;
  });
  t.equal(requestsWhenNoted, 0);
  t.same(server.requests.slice(before), ["AssumeRoleWithWebIdentity"]);
  t.same(asked, ["order-sync for sts.amazonaws.com"]);
  t.equal(await tryAtS3(server.url, secret, `/${bucket}/in/a.txt`), "accepted");
  t.equal(await tryAtS3(server.url, secret, `/${bucket}/out/a.txt`), "refused");
  await t.rejects(issuer.issue(requestFor(), signal), { code: "issuer_refused", message: /must be noted/ });

  const wrong = openFixed(server, arn, { identity, audience: "other" });
  t.teardown(() => wrong.close());
  await t.rejects(
    wrong.issue(requestFor(), signal, async () => {}),
    {
      ...{ code: "issuer_refused", message: /InvalidIdentityToken/ },
    },
  );
  const many = Array.from({ length: 30 }, (_, index) => `s3:GetObject:arn:aws:s3:::${bucket}/in/${index}/*`);
  t.throws(() => issuer.checkScope(many), { code: "scope_invalid", message: /at most 2048/ });
});
