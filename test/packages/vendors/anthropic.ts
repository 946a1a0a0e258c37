// Anthropic: a message, whole and as a stream (https://docs.anthropic.com/en/api/messages).
import assert from "node:assert/strict";
import { eventStream, type Vendor } from "../vendor.ts";

const message = (content: object[], output_tokens: number) => ({
  ...{ id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5", content },
  ...{ stop_reason: "end_turn", stop_sequence: null, usage: { input_tokens: 9, output_tokens } },
});
const event = (type: string, rest: object) => ({ event: type, data: { type, ...rest } });
const piece = (text: string) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });

export const anthropic: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["POST /v1/messages"],
  answer({ path, headers, json }) {
    if (path !== "/v1/messages") return undefined;
    assert.match(headers["anthropic-version"] ?? "", /^\d{4}-\d\d-\d\d$/);
    const { stream = false, ...asked } = json() as { stream?: boolean };
    const messages = [{ role: "user", content: "Say hello" }];
    assert.deepEqual(asked, { model: "claude-sonnet-4-5", max_tokens: 100, messages });
    if (!stream) return { json: message([{ type: "text", text: "Hello" }], 5) };
    return eventStream([
      event("message_start", { message: { ...message([], 1), stop_reason: null } }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      event("ping", {}),
      piece("Hel"),
      piece("lo"),
      event("content_block_stop", { index: 0 }),
      event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 5 } }),
      event("message_stop", {}),
    ]);
  },
};
