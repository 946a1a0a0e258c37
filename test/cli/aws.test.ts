// A session of AWS's through the whole runtime: the job signs with a placeholder, S3 verifies what the supervisor signed, and
// when the run is over the very keys are refused.
import t, { type Test } from "tap";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { s3 } from "../../runtime/testkit/aws-client.ts";
import { type AwsStandIn, startAwsStandIn } from "../../runtime/testkit/aws-stand-in.ts";
import { bucket, fill } from "../adapters/issuers/aws-world.ts";
import { configOf, ledgerOf, makeProject, mayfly, recordOf } from "../support/cli.ts";

const put = (key: string) => `
  const id = await credential.fetch();
  const scope = "20260101/us-east-1/s3/aws4_request";
  const authorization = \`AWS4-HMAC-SHA256 Credential=\${id}/\${scope}, SignedHeaders=host, Signature=00\`;
  const url = "http://" + input.host + "/${bucket}/${key}";
  const answer = await fetch(url, { method: "PUT", headers: { authorization }, body: "from the job" });
  return { status: answer.status, id };`;

async function open(t: Test, granted: string, body: string) {
  const aws = await startAwsStandIn({ clock: systemClock });
  t.teardown(() => aws.close());
  await fill(aws);
  const { host } = new URL(aws.url);
  const issuer = `issuers: { data: issuers.aws({
    region: "us-east-1", endpoints: { sts: "${aws.url}", iam: "${aws.url}" },
    root: { accessKeyId: { env: "AWS_ID" }, secretAccessKey: { env: "AWS_SECRET" } },
    roles: { principal: "${aws.principal}" } }) },`;
  const scope = `scope: ["s3:PutObject:arn:aws:s3:::${bucket}/in/*"]`;
  const credential = `credential: { issuer: "data", ${scope}, ttl: "1m", purpose: "test", ${granted.replaceAll("HOST", host)} },`;
  const network = `network: { allow: ["PUT http://${host}/*"] },`;
  const project = await makeProject(t, {
    config: configOf({ upload: `${credential} ${network} limits: { wall: "30s" }` }, issuer),
    jobs: { upload: body },
  });
  const env = { AWS_ID: aws.root.accessKeyId, AWS_SECRET: aws.root.secretAccessKey };
  const run = () => mayfly(t, project, ["run", "upload", "--json", "--input", JSON.stringify({ host })], { env });
  return { aws, project, run };
}

const sealed = `place: { aws4: { region: "us-east-1", service: "s3" } }, hosts: ["HOST"]`;

async function refused(aws: AwsStandIn): Promise<boolean> {
  const [session] = aws.sessions();
  if (session === undefined) throw new Error("no session was given");
  return (await s3(aws.url, session, `PUT /${bucket}/in/late.txt`, "late")).status === 403;
}

t.test("[CRED-06] [CRED-10] sealed: the job has a placeholder, S3 the object, and the thief nothing", async (t) => {
  const { aws, project, run } = await open(t, sealed, put("in/job.txt"));
  const ended = await run();
  t.equal(ended.code, 0, ended.stderr);
  const record = recordOf(ended);
  t.match(record.result, { status: 200, id: /^mayfly-sealed-/ });
  t.equal(aws.objects.get(`${bucket}/in/job.txt`)?.toString(), "from the job");
  t.match(record, { lease: { state: "revoked", proof: /^IAM: no such role; session: refused/ } });
  t.equal(record.teardown.lease, "confirmed");
  t.ok(await refused(aws), "the keys themselves");
  t.same(aws.roles(), []);
  const [{ secretAccessKey, sessionToken } = { secretAccessKey: "", sessionToken: "" }] = aws.sessions();
  const { store } = ledgerOf(project);
  const kept = JSON.stringify([store.auditEntries(1, 1_000), record]) + ended.stderr + ended.stdout;
  await store.close();
  for (const secret of [secretAccessKey, sessionToken, aws.root.secretAccessKey])
    t.notOk(kept.includes(secret), "in nothing that is kept or shown");
});

t.test("sealed: what is outside the scope is S3's no, through the same signature", async (t) => {
  const { run } = await open(t, sealed, put("out/job.txt"));
  t.match(recordOf(await run()).result, { status: 403 });
});

t.test("revealed: the job gets the three values, and they are dead after it", async (t) => {
  const { aws, run } = await open(
    t,
    `delivery: "revealed"`,
    "return Object.keys(JSON.parse(await credential.fetch())).sort();",
  );
  t.same(recordOf(await run()).result, ["accessKeyId", "secretAccessKey", "sessionToken"]);
  t.ok(await refused(aws));
});
