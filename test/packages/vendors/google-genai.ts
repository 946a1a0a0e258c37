// Google's generative models (https://ai.google.dev/api/generate-content).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

export const googleGenai: Vendor = {
  credential: { header: "x-goog-api-key" },
  allow: ["POST /v1/models/*"],
  answer({ path, json }) {
    if (path !== "/v1/models/gemini-2.5-flash:generateContent") return undefined;
    const { contents } = json() as { contents: unknown };
    assert.deepEqual(contents, [{ role: "user", parts: [{ text: "Say hello" }] }]);
    const content = { role: "model", parts: [{ text: "Hello" }] };
    return { json: { candidates: [{ content, finishReason: "STOP", index: 0 }], modelVersion: "gemini-2.5-flash" } };
  },
};
