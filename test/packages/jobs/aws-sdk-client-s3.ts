import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const s3 = new S3Client({
    endpoint: origin,
    region: "eu-central-1",
    forcePathStyle: true,
    credentials: { accessKeyId: await credential.fetch(), secretAccessKey: "any" }, // it is signed anew on its way out
  });
  const at = { Bucket: "reports", Key: "2026/november.csv" };
  const { ETag } = await s3.send(new PutObjectCommand({ ...at, Body: "id;total\n1;7.50\n", ContentType: "text/csv" }));
  const { Body, ContentType } = await s3.send(new GetObjectCommand(at));
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: at.Bucket, Prefix: "2026/" }));
  const missing = await s3.send(new GetObjectCommand({ ...at, Key: "none" })).catch((error) => error.name);
  return {
    ETag,
    text: await Body?.transformToString(),
    ContentType,
    keys: Contents?.map(({ Key, Size }) => [Key, Size]),
    missing,
  };
});
