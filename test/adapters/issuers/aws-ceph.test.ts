// The AWS issuer on a real server: Ceph's RadosGW has STS, IAM's roles, and S3. It takes 12 s to start, so this runs when it
// is asked for: MAYFLY_TEST_CEPH=1.
import t from "tap";
import { cephMissing, startCeph } from "../../../runtime/testkit/ceph-server.ts";
import { tellStories } from "./aws-stories.ts";
import { fill } from "./aws-world.ts";

const missing = process.env.MAYFLY_TEST_CEPH === "1" ? await cephMissing() : "MAYFLY_TEST_CEPH is not 1";
if (missing !== undefined) {
  t.test("the stories of AWS on a real RadosGW", { skip: missing }, () => {});
} else {
  const ceph = await startCeph();
  t.teardown(() => ceph.stop());
  await fill(ceph);
  await tellStories(t, ceph);
}
