// GitHub: issues by page, a comment, and what isn't there (https://docs.github.com/en/rest).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

const issue = (number: number) => ({ id: number, number, title: `Issue ${number}`, state: "open" });

export const github: Vendor = {
  credential: { header: "authorization", scheme: "token" },
  allow: ["GET /repos/*", "POST /repos/tea/shop/issues/3/comments"],
  answer({ method, path, query, headers, json, origin }) {
    assert.match(headers.accept ?? "", /application\/vnd\.github/);
    assert.match(headers["user-agent"] ?? "", /octokit/);
    if (path === "/repos/tea/none")
      return { status: 404, json: { message: "Not Found", documentation_url: "https://docs.github.com/rest" } };
    if (path === "/repos/tea/shop/issues" && method === "GET") {
      assert.equal(query.get("per_page"), "2");
      if (query.get("page") === "2") return { json: [issue(3)] };
      const next = `<${origin}/repos/tea/shop/issues?per_page=2&page=2>; rel="next"`;
      return { headers: { link: next }, json: [issue(1), issue(2)] };
    }
    if (path !== "/repos/tea/shop/issues/3/comments") return undefined;
    assert.deepEqual(json(), { body: "Fixed." });
    return { status: 201, json: { id: 40, body: "Fixed." } };
  },
};
