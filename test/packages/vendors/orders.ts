// A plain HTTP API, for clients of HTTP: JSON, forms, bytes, one answer that comes at the second try and one that comes late.
import assert from "node:assert/strict";
import type { Asked, Vendor } from "../vendor.ts";

/** Fields of a multipart/form-data body by name (RFC 7578): file name, type and text of each. */
function fieldsOf({ headers, text }: Asked): Record<string, string[]> {
  const boundary = /^multipart\/form-data; ?boundary="?([^"]+)"?$/.exec(headers["content-type"] ?? "")?.[1];
  assert.ok(boundary, `a form was expected, and ${headers["content-type"]} came`);
  const parts = text.split(`--${boundary}`).slice(1, -1);
  return Object.fromEntries(
    parts.map((part) => {
      const [head = "", ...content] = part.split("\r\n\r\n");
      const of = (pattern: RegExp) => pattern.exec(head)?.[1] ?? "";
      const text = content.join("\r\n\r\n").replace(/\r\n$/, "");
      return [of(/\bname="([^"]*)"/), [of(/filename="([^"]*)"/), of(/content-type: (.*)/i), text]];
    }),
  );
}

export const orders: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["GET,POST /*"],
  answer(asked) {
    const { method, path, query, headers, nth } = asked;
    switch (`${method} ${path}`) {
      case "POST /orders":
        assert.match(headers["content-type"] ?? "", /^application\/json/);
        assert.equal(query.get("dry"), "true");
        return { status: 201, json: { id: 7, ordered: asked.json() } };
      case "POST /form":
        return { json: fieldsOf(asked) };
      case "GET /flaky":
        return nth === 1 ? { status: 503, body: "busy" } : { body: "at last" };
      case "GET /none":
        return { status: 404, json: { error: "no such order" } };
      case "GET /slow":
        return { afterMs: 5_000, body: "late" };
      case "GET /bytes":
        return { headers: { "content-type": "application/octet-stream" }, body: new Uint8Array([0, 1, 254, 255]) };
      default:
        return undefined;
    }
  },
};
