// The AWS issuer before a server that speaks STS, IAM and S3: the stand-in, or a real RadosGW. The stories in aws-stories.ts
// are told of both.
import { makeAwsIssuer } from "../../../runtime/adapters/issuers/aws.ts";
import { makeAwsFixedIssuer } from "../../../runtime/adapters/issuers/aws-fixed.ts";
import { makeIssuerHttp } from "../../../runtime/adapters/issuers/issuer-http.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import type { CredentialIssuer } from "../../../runtime/ports/credential-issuer.ts";
import { type AwsCaller, s3, tryAtS3 } from "../../../runtime/testkit/aws-client.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import type { IssuerUnderTest } from "../../../runtime/testkit/issuer-contract.ts";

export interface AwsServer {
  url: string;
  port: number;
  root: AwsCaller;
  principal: string;
}

export const installation = "0a1b2c3d";
export const bucket = "orders-bucket";
export const scope = [`s3:GetObject:arn:aws:s3:::${bucket}/in/*`];

export const signal = new AbortController().signal;

/** Two objects, of which the scope covers the first. */
export async function fill({ url, root }: AwsServer): Promise<void> {
  for (const [line, body] of [
    [`PUT /${bucket}`, undefined],
    [`PUT /${bucket}/in/a.txt`, "inside"],
    [`PUT /${bucket}/out/a.txt`, "outside"],
  ] as const) {
    const { status, text } = await s3(url, root, line, body);
    if (status !== 200) throw new Error(`${line}: ${status} ${text}`);
  }
}

export interface OpenOptions {
  url?: string;
  installed?: string;
  clock?: Clock;
  settleMs?: number;
}

function at(server: AwsServer, { url = server.url, clock = systemClock }: OpenOptions) {
  const transport = { ca: null, client: null, plaintext: false };
  const http = makeIssuerHttp({ transport, clientKey: null, nowMs: clock.nowMs });
  const region = "us-east-1";
  const sts = { name: "sts", url: new URL(url), region, version: "2011-06-15" };
  const iam = { name: "iam", url: new URL(url), region, version: "2010-05-08" };
  return { clock, http, sts, iam, keys: { ...server.root, sessionToken: null } };
}

export function openAws(server: AwsServer, options: OpenOptions = {}): CredentialIssuer {
  const { installed = installation, settleMs = 0 } = options;
  const { principal } = server;
  return makeAwsIssuer({
    ...at(server, options),
    ...{ installation: installed, path: "/mayfly/", principal, boundary: null, settleMs },
  });
}

export function openFixed(
  server: AwsServer,
  role: string,
  by: Parameters<typeof makeAwsFixedIssuer>[0]["by"] | "root",
  options: OpenOptions = {},
): CredentialIssuer {
  const { clock, http, sts, keys } = at(server, options);
  return makeAwsFixedIssuer({ clock, http, sts, role, by: by === "root" ? { keys } : by });
}

/** For the contract. */
export async function openUnderTest(server: AwsServer): Promise<IssuerUnderTest> {
  const proxy = await startFaultyProxy({ port: server.port, speaks: "http" });
  const issuer = openAws(server, { url: `http://127.0.0.1:${proxy.port}` });
  const path = `/${bucket}/in/a.txt`;
  return {
    issuer,
    scope,
    scopesRefused: [
      ["s3:*:arn:aws:s3:::b/*"],
      ["s3:Get*:arn:aws:s3:::b/a"],
      ["*:*:*"],
      ["s3:GetObject:*"],
      ["s3:GetObject:arn:aws:s3:::*"],
      ["s3:GetObject:arn:aws:s3:::buck*"],
      ["s3:GetObject:arn:aws:s3:::buck*/in/a"],
      ["s3:GetObject:arn:aws:s3:::b/*/a"],
      ["s3:GetObject:arn:aws:s3:::b/?"],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, which AWS would fill in
      ["s3:GetObject:arn:aws:s3:::b/${aws:username}/*"],
      ['s3:GetObject:arn:aws:s3:::b/"],"NotResource":["x'],
      ["s3:GetObject:arn:aws:sqs:eu-central-1:123456789012:queue"],
      ["sts:AssumeRole:arn:aws:sts::123456789012:role/other"],
      ["iam:CreateAccessKey:arn:aws:iam::123456789012:user/x"],
      ["sqs:SendMessage:arn:aws:sqs:eu-central-1:123456789012:*"],
      ["s3:GetObject:arn:aws:s3:::b/é"],
      ["s3:GetObject:arn:aws:s3:::b/a\n"],
      [...scope, ...scope],
      ["s3:GetObject"],
      [""],
    ],
    nowMs: () => systemClock.nowMs(),
    tryAtResource: (_lease, secret) => tryAtS3(server.url, secret, path),
    openSession: async (_lease, secret) => () => tryAtS3(server.url, secret, path),
    elsewhere: async () => openAws(server, { installed: "ffffffff" }),
    takeDown: () => proxy.close(),
    misbehave: (how) => proxy.behave(how),
    async close() {
      await proxy.close();
      await issuer.close();
      const straight = openAws(server); // what a law left alive is of no concern to the next one
      const left = await straight.sweep(signal);
      await Promise.all(left.map((lease) => straight.revoke(lease, signal)));
      await straight.close();
    },
  };
}
