// S3 by path: objects put, got and listed, and each signature computed anew (https://docs.aws.amazon.com/AmazonS3/latest/API/).
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { verifySignature } from "../../../runtime/testkit/aws-signature.ts";
import type { AwsKeys, Vendor } from "../vendor.ts";

const aws4 = { region: "eu-central-1", service: "s3" };
const scope = [
  ...["s3:PutObject", "s3:GetObject"].map((action) => `${action}:arn:aws:s3:::reports/2026/*`),
  "s3:ListBucket:arn:aws:s3:::reports",
];
const xml = (body: string) => `<?xml version="1.0" encoding="UTF-8"?>\n${body}`;

export function makeS3(keys: AwsKeys): Vendor {
  const objects = new Map<string, { body: Buffer; type: string }>();
  const etagOf = (body: Buffer) => `"${createHash("md5").update(body).digest("hex")}"`;
  return {
    credential: { aws4, scope },
    allow: ["GET,PUT /reports/*", "GET /reports", "GET /reports/"],
    answer({ method, path, target, query, headers, body }) {
      const { region, service } = verifySignature({ method, target, headers, body }, keys, Date.now());
      assert.deepEqual({ region, service }, aws4);
      if (method === "PUT") {
        objects.set(path, { body, type: headers["content-type"] ?? "" });
        return { headers: { etag: etagOf(body) }, body: "" };
      }
      if (query.get("list-type") === "2") {
        assert.equal(query.get("prefix"), "2026/");
        const contents = [...objects].map(
          ([key, object]) =>
            `<Contents><Key>${key.replace("/reports/", "")}</Key><Size>${object.body.length}</Size><ETag>${etagOf(object.body).replaceAll('"', "&quot;")}</ETag></Contents>`,
        );
        const counts = `<Name>reports</Name><Prefix>2026/</Prefix><KeyCount>${objects.size}</KeyCount><MaxKeys>1000</MaxKeys>`;
        const list = `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${counts}<IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`;
        return { headers: { "content-type": "application/xml" }, body: xml(list) };
      }
      const object = objects.get(path);
      if (object !== undefined)
        return { headers: { "content-type": object.type, etag: etagOf(object.body) }, body: object.body };
      const error = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
      return { status: 404, headers: { "content-type": "application/xml" }, body: xml(error) };
    },
  };
}
