// Google Cloud Storage's JSON API (https://cloud.google.com/storage/docs/json_api): an upload in two parts, a download, a list.
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

const object = { kind: "storage#object", bucket: "reports", name: "november.csv", contentType: "text/csv", size: "15" };

export const googleCloudStorage: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: [
    "POST /upload/storage/v1/b/reports/o",
    "GET /storage/v1/b/reports/*",
    "GET /storage/v1/b/reports/o",
    "GET /download/storage/v1/b/reports/*",
  ],
  answer({ method, path, query, headers, text }) {
    if (path === "/upload/storage/v1/b/reports/o") {
      assert.equal(query.get("uploadType"), "multipart");
      assert.equal(query.get("name"), "november.csv");
      assert.match(headers["content-type"] ?? "", /^multipart\/related; boundary=/);
      assert.match(text, /\r\n\r\nid;total\n1;7\.50\n\r\n--/);
      return { json: object };
    }
    if (method !== "GET") return undefined;
    if (path.endsWith("/b/reports/o")) {
      assert.equal(query.get("prefix"), "nov");
      return { json: { kind: "storage#objects", items: [object] } };
    }
    if (!path.endsWith("/b/reports/o/november.csv")) return undefined;
    assert.equal(query.get("alt"), "media");
    return { headers: { "content-type": "text/csv" }, body: "id;total\n1;7.50\n" };
  },
};
