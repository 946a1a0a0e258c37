import Anthropic from "@anthropic-ai/sdk";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const anthropic = new Anthropic({ apiKey: await credential.fetch(), baseURL: origin });
  const ask = {
    model: "claude-sonnet-4-5",
    max_tokens: 100,
    messages: [{ role: "user" as const, content: "Say hello" }],
  };
  const whole = await anthropic.messages.create(ask);
  let text = "";
  for await (const event of await anthropic.messages.create({ ...ask, stream: true }))
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
  return { whole: whole.content, tokens: whole.usage.output_tokens, text };
});
