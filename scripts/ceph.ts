// A RadosGW in memory on loopback, to try the AWS issuer with: STS, IAM's roles and S3. It says what a config needs, and
// goes with whoever interrupts it.
import { cephMissing, startCeph } from "../runtime/testkit/ceph-server.ts";

const missing = await cephMissing();
if (missing !== undefined) {
  process.stderr.write(`${missing}\n`);
  process.exit(2);
}
process.stderr.write("starting, which takes some 12 seconds…\n");
const { url, root, principal, version, stop } = await startCeph();
process.stdout.write(`RadosGW ${version}
  endpoints: { sts: "${url}", iam: "${url}" }
  roles: { principal: "${principal}" }
export AWS_ROOT_ID=${root.accessKeyId}
export AWS_ROOT_SECRET=${root.secretAccessKey}
`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
