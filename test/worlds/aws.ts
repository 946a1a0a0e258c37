// Sessions of AWS's, and S3: a real RadosGW with MAYFLY_TEST_CEPH=1, the stand-in otherwise. The job signs as an SDK does
// that took the placeholder for its access key id; the thief has the keys themselves.
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { s3 } from "../../runtime/testkit/aws-client.ts";
import { startAwsStandIn } from "../../runtime/testkit/aws-stand-in.ts";
import { startCeph } from "../../runtime/testkit/ceph-server.ts";
import { type AwsServer, bucket, fill, scope } from "../adapters/issuers/aws-world.ts";
import type { IssuerWorld } from "./world.ts";

async function openServer(): Promise<AwsServer & { stop(): Promise<void> }> {
  if (process.env.MAYFLY_TEST_CEPH === "1") return startCeph();
  const { close, ...server } = await startAwsStandIn({ clock: systemClock });
  return { ...server, stop: close };
}

export async function openAwsWorld(): Promise<IssuerWorld> {
  const server = await openServer();
  await fill(server);
  const { host } = new URL(server.url);
  return {
    kind: "aws",
    checks: `the session, at each request${process.env.MAYFLY_TEST_CEPH === "1" ? "" : " (stand-in)"}`,
    issuer: {
      ...{ kind: "aws", region: "us-east-1", endpoints: { sts: server.url, iam: server.url } },
      root: { accessKeyId: { env: "WORLD_AWS_ID" }, secretAccessKey: { env: "WORLD_AWS_SECRET" } },
      roles: { principal: server.principal },
    },
    credential: { scope, place: { aws4: { region: "us-east-1", service: "s3" } }, hosts: [host] },
    network: { allow: [`GET http://${host}/*`] },
    env: { WORLD_AWS_ID: server.root.accessKeyId, WORLD_AWS_SECRET: server.root.secretAccessKey },
    use: `
      const id = await c.credential.fetch();
      const scope = "20260101/us-east-1/s3/aws4_request";
      const authorization = \`AWS4-HMAC-SHA256 Credential=\${id}/\${scope}, SignedHeaders=host;x-amz-date, Signature=00\`;
      const headers = { authorization, "x-amz-date": "20260101T000000Z" };
      const answer = await fetch("http://${host}/${bucket}/in/a.txt", { headers });
      if (answer.status !== 200) throw new Error("S3 said " + answer.status + await answer.text());
    `,
    async accepts({ secret }) {
      const answer = await s3(server.url, JSON.parse(secret), `GET /${bucket}/in/a.txt`).catch(() => undefined);
      return answer?.status === 200;
    },
    stop: () => server.stop(),
  };
}
