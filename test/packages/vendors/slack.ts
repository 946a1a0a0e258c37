// Slack's Web API: a message, channels by cursor, and an error, which comes with status 200 (https://docs.slack.dev/apis/web-api/).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

export const slack: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["GET,POST /api/*"],
  answer({ path, query, headers, text, json }) {
    const isJson = headers["content-type"]?.startsWith("application/json") === true;
    const asked = isJson
      ? (json() as Record<string, string>)
      : Object.fromEntries([...query, ...new URLSearchParams(text)]);
    if (path === "/api/chat.postMessage") {
      if (asked.channel === "none") return { json: { ok: false, error: "channel_not_found" } };
      assert.equal(asked.text, "Deployed: 3 services");
      const blocks = typeof asked.blocks === "string" ? JSON.parse(asked.blocks) : asked.blocks;
      assert.deepEqual(blocks, [{ type: "divider" }]);
      return { json: { ok: true, channel: "C1", ts: "1764115200.000100", message: { text: asked.text } } };
    }
    if (path !== "/api/conversations.list") return undefined;
    assert.equal(String(asked.limit), "1");
    const [channel, next_cursor] = asked.cursor === "bmV4dA==" ? ["random", ""] : ["general", "bmV4dA=="];
    return { json: { ok: true, channels: [{ id: `C${channel}`, name: channel }], response_metadata: { next_cursor } } };
  },
};
