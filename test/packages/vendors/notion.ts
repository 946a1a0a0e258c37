// Notion: a page, and users by cursor (https://developers.notion.com/reference).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

const pageId = "22222222-2222-4222-8222-222222222222";

export const notion: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["POST /v1/pages", "GET /v1/users"],
  answer({ method, path, query, headers, json }) {
    assert.match(headers["notion-version"] ?? "", /^\d{4}-\d\d-\d\d$/);
    if (path === "/v1/pages" && method === "POST") {
      const { properties } = json() as { properties: unknown };
      assert.deepEqual(properties, { title: { title: [{ text: { content: "Tea" } }] } });
      return {
        json: {
          object: "page",
          id: pageId,
          url: `https://www.notion.so/Tea-${pageId.replaceAll("-", "")}`,
          properties: {},
        },
      };
    }
    if (path !== "/v1/users") return undefined;
    assert.equal(query.get("page_size"), "1");
    const isSecond = query.get("start_cursor") === "second";
    const results = [{ object: "user", id: isSecond ? "bob" : "ada" }];
    return {
      json: { object: "list", type: "user", results, has_more: !isSecond, next_cursor: isSecond ? null : "second" },
    };
  },
};
