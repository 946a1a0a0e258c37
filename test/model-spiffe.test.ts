// What a run is called: whom a rule on a prefix fits, and that no two runs, jobs or tenants come to one name.
import t from "tap";
import { runIdFrom } from "../runtime/model/ids.ts";
import { isTrustDomain, spiffeIdOf } from "../runtime/model/spiffe.ts";

const runId = runIdFrom(new Uint8Array(16));
const of = (tenant: string, job: string) => spiffeIdOf("jobs.example", { runId, tenant, job });

t.test("a rule on a prefix fits all runs of a job and no other job's", async (t) => {
  t.equal(of("acme", "order-sync"), `spiffe://jobs.example/tenant/acme/job/order-sync/run/${"0".repeat(32)}`);
  t.notOk(of("acme", "order-sync-2").startsWith("spiffe://jobs.example/tenant/acme/job/order-sync/"));
});

t.test("[CRED-36] names that no config lets through make no other path, and none of two is the other's", async (t) => {
  const names = [
    "a/b",
    "a",
    "..",
    ".",
    "",
    "a/job/x",
    "a b",
    "a_0020b",
    "a%2fb",
    "é",
    "\u{1f600}",
    "*",
    "A",
    "__proto__",
    "_",
  ];
  const ids = names.flatMap((name) => [of(name, "x"), of("x", name)]);
  t.equal(new Set(ids).size, ids.length);
  for (const id of ids) t.match(id, /^spiffe:\/\/jobs\.example(\/[A-Za-z0-9._-]+){6}$/);
  for (const id of ids) t.notMatch(id, /\/\.{1,2}\//);
});

t.test("a trust domain is lower case, without port, path or user, and not too long", async (t) => {
  for (const fits of ["jobs.example", "0a1b2c3d.mayfly", "a_b-c", "a".repeat(255)]) t.ok(isTrustDomain(fits), fits);
  const unfit = ["", "Jobs.example", "jobs.example:443", "a/b", "u@a", "a b", "é", "a".repeat(256)];
  for (const domain of unfit) t.notOk(isTrustDomain(domain), domain);
  t.throws(() => spiffeIdOf("a/b", { runId, tenant: "a", job: "b" }), RangeError);
  t.throws(() => of("a".repeat(2_048), "b"), RangeError);
});
