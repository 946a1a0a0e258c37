// OpenAI: a chat completion as a stream, a file, and an error (https://platform.openai.com/docs/api-reference).
import assert from "node:assert/strict";
import { eventStream, type Vendor } from "../vendor.ts";

const chunk = (delta: object, finish_reason: string | null = null) => ({
  data: {
    ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_764_115_200, model: "gpt-5-mini" },
    choices: [{ index: 0, delta, finish_reason }],
  },
});

export const openai: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["POST /v1/chat/completions", "POST /v1/files", "GET /v1/models/*"],
  answer({ method, path, headers, text, json }) {
    if (path === "/v1/chat/completions") {
      const { model, messages, stream } = json() as { model: string; messages: unknown[]; stream: boolean };
      assert.deepEqual([model, messages, stream], ["gpt-5-mini", [{ role: "user", content: "Say hello" }], true]);
      const deltas = [{ role: "assistant", content: "" }, { content: "Hel" }, { content: "lo" }];
      return eventStream([...deltas.map((delta) => chunk(delta)), chunk({}, "stop"), { data: "[DONE]" }]);
    }
    if (path === "/v1/files") {
      assert.equal(method, "POST");
      assert.match(headers["content-type"] ?? "", /^multipart\/form-data; boundary=/);
      assert.match(text, /name="purpose"\r\n\r\nbatch\r\n/);
      assert.match(text, /name="file"; filename="a.jsonl"\r\n(?:.+\r\n)*\r\n\{"a":1\}\n\r\n/);
      return { json: { id: "file-1", object: "file", bytes: 8, created_at: 1, filename: "a.jsonl", purpose: "batch" } };
    }
    if (path !== "/v1/models/none") return undefined;
    const error = {
      message: "The model 'none' does not exist",
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    };
    return { status: 404, json: { error } };
  },
};
