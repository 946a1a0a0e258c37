// The words of an AWS issuer, and their refusals.
import t from "tap";
import { ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const root = { accessKeyId: { env: "AWS_ID" }, secretAccessKey: { file: "./aws.key" } };
const roles = { principal: "arn:aws:iam::123456789012:user/mayfly" };
const region = "eu-central-1";

function parse(words: object, job?: object) {
  const jobs = job === undefined ? {} : { sync: { entry: "./jobs/sync.ts", ...job } };
  return parseConfig({ issuers: { data: { kind: "aws", ...words } }, jobs }, file);
}

function problems(words: object, job?: object): string[] {
  try {
    parse(words, job);
  } catch (error) {
    if (error instanceof ConfigInvalid)
      return error.problems.map((each) => `${each.path}: ${each.found} / ${each.needed}`);
    throw error;
  }
  return [];
}

t.test("roles of their own: AWS's endpoints, a path below ours, keys from where they are found", async (t) => {
  t.match(parseConfig({ issuers: { data: issuers.aws({ region, root, roles }) }, jobs: {} }, file).issuers.data, {
    ...{ kind: "aws", name: "data", region, iamRegion: "us-east-1" },
    sts: { href: "https://sts.eu-central-1.amazonaws.com/" },
    iam: { href: "https://iam.amazonaws.com/" },
    root: { accessKeyId: { env: "AWS_ID" }, secretAccessKey: { file: "/srv/app/aws.key" }, sessionToken: null },
    mode: { kind: "roles", principal: roles.principal, path: "/mayfly/", boundary: null },
  });
});

t.test("elsewhere than at AWS, IAM's signatures are for the region that was said", async (t) => {
  const endpoints = { sts: "http://127.0.0.1:7480", iam: "http://127.0.0.1:7480" };
  t.match(parse({ region, root, roles, endpoints }).issuers.data, { iamRegion: region, sts: { port: "7480" } });
});

t.test("sessions of one role: with a key, or with the run's identity", async (t) => {
  const role = { arn: "arn:aws:iam::123456789012:role/ops/data", ends: "at-expiry" };
  t.match(parse({ region, root, role }).issuers.data, { mode: { kind: "role", arn: role.arn, audience: null } });
  const keyless = parse({ region, role: { ...role, identity: { audience: "sts.amazonaws.com" } } }).issuers.data;
  t.match(keyless, { root: null, mode: { audience: "sts.amazonaws.com" } });
});

t.test("what is missing, doubled or unsafe is said", async (t) => {
  const role = { arn: "arn:aws:iam::123456789012:role/data", ends: "at-expiry" };
  const identity = { audience: "sts.amazonaws.com" };
  const cases: [string, object, RegExp][] = [
    ["no mode", { region, root }, /neither roles nor role/],
    ["two modes", { region, root, roles, role }, /both roles and role/],
    ["no key", { region, roles }, /issuers\.data\.root: nothing/],
    ["a key beside an identity", { region, root, role: { ...role, identity } }, /one of both/],
    ["no word on how it ends", { region, root, role: { arn: role.arn } }, /role\.ends: nothing .*"at-expiry"/],
    ["half a key", { region, roles, root: { accessKeyId: root.accessKeyId } }, /root\.secretAccessKey/],
    [
      "the key itself",
      { region, roles, root: { ...root, secretAccessKey: "wJalrXUt" } },
      /secretAccessKey: (?!.*wJalrXUt)/,
    ],
    ["a principal that is anybody", { region, root, roles: { principal: "*" } }, /roles\.principal/],
    ["a path that isn't one", { region, root, roles: { ...roles, path: "mayfly" } }, /roles\.path/],
    ["one endpoint", { region, root, roles, endpoints: { sts: "https://a.example" } }, /endpoints\.iam/],
    [
      "an endpoint with a path",
      { region, root, roles, endpoints: { sts: "https://a.example/x", iam: "https://a.example" } },
      /endpoints\.sts/,
    ],
    ["an unknown key", { region, root, roles, rolez: {} }, /rolez.*unknown key/],
  ];
  for (const [name, words, says] of cases) t.match(problems(words).join("\n"), says, name);
  const plain = { sts: "http://s3.example", iam: "http://127.0.0.1:1" };
  t.match(problems({ region, root, roles, endpoints: plain }).join("\n"), /endpoints: http: .*TLS/);
  t.same(problems({ region, root, roles, endpoints: plain, plaintext: "allowed" }), []);
});

t.test("a sealed session has its place in a signature, and says for what", async (t) => {
  const network = { allow: ["GET https://data.s3.eu-central-1.amazonaws.com/*"] };
  const hosts = ["data.s3.eu-central-1.amazonaws.com"];
  const credential = { issuer: "data", scope: ["s3:GetObject:arn:aws:s3:::data/*"], ttl: "2m", purpose: "sync", hosts };
  const with4 = { ...credential, place: { aws4: { region, service: "s3" } } };
  t.same(problems({ region, root, roles }, { credential: with4, network }), []);
  t.match(problems({ region, root, roles }, { credential, network }).join(), /credential\.place/);
  const header = { ...credential, place: { header: "authorization" } };
  t.match(problems({ region, root, roles }, { credential: header, network }).join(), /aws4, which is what/);
  const query = { issuer: "data", scope: credential.scope, ttl: "2m", purpose: "sync", delivery: "query" };
  t.match(problems({ region, root, roles }, { credential: query }).join(), /"sealed" or "revealed" with a aws issuer/);
});
