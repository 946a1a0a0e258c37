// AWS: a role for each run, or sessions of one that is there.
import type { SecretSource, Transport } from "../../model/issuer.ts";
import { problem, Unfit } from "../problems.ts";
import { choice, leaf, object, secretSource, text, word } from "../values.ts";
import {
  type AuthorSecretSource,
  type AuthorTransport,
  absoluteSource,
  check,
  type IssuerKind,
  type IssuerWords,
  parseTransport,
  transportShape,
} from "./kind.ts";

export interface AuthorAwsIssuer extends AuthorTransport {
  kind: "aws";
  /** Of STS: "eu-central-1". */
  region: string;
  /** Where STS and IAM are, if not at AWS: `{ sts: "https://…", iam: "https://…" }`. */
  endpoints?: { sts: string; iam: string };
  /** The root key. Absent only where the run's identity stands for it. */
  root?: { accessKeyId: AuthorSecretSource; secretAccessKey: AuthorSecretSource; sessionToken?: AuthorSecretSource };
  /** A role for each run, made below `path` (default "/mayfly/") and assumed by `principal`: the ARN of the root key's user or role. */
  roles?: { principal: string; path?: string; boundary?: string };
  /**
   * Sessions of one role. STS can't end them before their time: each lives until its lease would have ended by itself, and is
   * reported as unconfirmed until then. `ends` says that this is known.
   */
  role?: {
    arn: string;
    ends: "at-expiry";
    /** In exchange for the run's identity, rather than with the root key: what AWS's identity provider has as its audience. */
    identity?: { audience: string };
  };
}

export interface AwsIssuerConfig {
  kind: "aws";
  name: string;
  region: string;
  sts: URL;
  iam: URL;
  /** Of IAM's signatures: AWS's own has one for all regions. */
  iamRegion: string;
  transport: Transport;
  root: { accessKeyId: SecretSource; secretAccessKey: SecretSource; sessionToken: SecretSource | null } | null;
  mode:
    | { kind: "roles"; principal: string; path: string; boundary: string | null }
    | { kind: "role"; arn: string; audience: string | null };
}

const arn = (needed: string, pattern: RegExp) => text(needed, pattern, 512);
const endpoint = leaf((value) => {
  const url = typeof value === "string" && value.length <= 1_024 ? URL.parse(value) : null;
  const isPlain = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  const fits = isPlain && /^https?:$/.test(url.protocol) && url.pathname === "/";
  return fits ? url : new Unfit("a URL without path, such as https://sts.eu-central-1.amazonaws.com");
});

const shape = object({
  kind: choice(["aws"]),
  region: text('a region such as "eu-central-1"', /^[a-z0-9-]{1,63}$/, 63),
  endpoints: object({ sts: endpoint, iam: endpoint }).optional(),
  root: object({
    accessKeyId: secretSource,
    secretAccessKey: secretSource,
    sessionToken: secretSource.optional(),
  }).optional(),
  roles: object({
    principal: arn("the ARN of the root key's user or role", /^arn:aws[a-z-]*:(?:iam|sts)::\d*:[\x21-\x7e]+$/),
    path: text('a path such as "/mayfly/"', /^\/(?:[A-Za-z0-9_.,+=@-]+\/)+$/, 256).optional(),
    boundary: arn("the ARN of a policy", /^arn:aws[a-z-]*:iam::[\da-z]*:policy\/[\x21-\x7e]+$/).optional(),
  }).optional(),
  role: object({
    arn: arn("the ARN of a role", /^arn:aws[a-z-]*:iam::\d*:role\/[\x21-\x7e]+$/),
    ends: word("at-expiry"),
    identity: object({ audience: text("an audience: a URL or a name", /^[\x21-\x7e]+$/, 512) }).optional(),
  }).optional(),
  ...transportShape,
});

export const awsKind: IssuerKind<"aws", AwsIssuerConfig> = {
  kind: "aws",
  about: "AWS sessions, each of a role of its own",
  deliveries: ["sealed", "revealed"],
  place: "aws4",
  parse(value, at) {
    const words = check(shape, value, at.path, at.problems)?.value;
    if (words === undefined) return undefined;
    const { region, roles, role, root } = words;
    const sts = words.endpoints?.sts ?? new URL(`https://sts.${region}.amazonaws.com`);
    const iam = words.endpoints?.iam ?? new URL("https://iam.amazonaws.com");
    const urls = [
      { key: "endpoints", url: sts },
      { key: "endpoints", url: iam },
    ];
    const transport = parseTransport(words, urls, at);
    relate(words, at);
    return {
      ...{ kind: "aws", name: at.name, region, sts, iam, transport },
      iamRegion: words.endpoints === undefined ? "us-east-1" : region,
      root: root === undefined ? null : absoluteRoot(root, at.directory),
      mode:
        role === undefined
          ? {
              ...{ kind: "roles", principal: roles?.principal ?? "", path: roles?.path ?? "/mayfly/" },
              boundary: roles?.boundary ?? null,
            }
          : { kind: "role", arn: role.arn, audience: role.identity?.audience ?? null },
    };
  },
};

interface Related {
  roles?: object | undefined;
  role?: { identity?: object | undefined } | undefined;
  root?: object | undefined;
}

function relate({ roles, role, root }: Related, { path, problems }: IssuerWords): void {
  if ((roles === undefined) === (role === undefined)) {
    const found = roles === undefined ? "neither roles nor role" : "both roles and role";
    problems.push(
      problem(path, found, "roles: { principal } for a role a run, or role: { arn, ends } for sessions of one"),
    );
  }
  const isKeyless = role?.identity !== undefined;
  if (root === undefined && !isKeyless)
    problems.push(
      problem([...path, "root"], "nothing", "root: { accessKeyId, secretAccessKey }, each { env } or { file }"),
    );
  if (root !== undefined && isKeyless)
    problems.push(
      problem([...path, "root"], "a root key beside role.identity", "one of both: the identity stands for a key"),
    );
}

function absoluteRoot(
  root: { accessKeyId: SecretSource; secretAccessKey: SecretSource; sessionToken?: SecretSource | undefined },
  directory: string,
): AwsIssuerConfig["root"] {
  const { accessKeyId, secretAccessKey, sessionToken } = root;
  return {
    accessKeyId: absoluteSource(accessKeyId, directory),
    secretAccessKey: absoluteSource(secretAccessKey, directory),
    sessionToken: sessionToken === undefined ? null : absoluteSource(sessionToken, directory),
  };
}
