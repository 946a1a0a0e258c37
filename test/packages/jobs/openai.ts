import { defineJob } from "mayfly";
import OpenAI, { toFile } from "openai";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const openai = new OpenAI({ apiKey: await credential.fetch(), baseURL: `${origin}/v1` });
  const stream = await openai.chat.completions.create({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: "Say hello" }],
    stream: true,
  });
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  const file = await openai.files.create({
    file: await toFile(new TextEncoder().encode('{"a":1}\n'), "a.jsonl"),
    purpose: "batch",
  });
  const wrong = await openai.models.retrieve("none").catch((error) => [error.status, error.code]);
  return { text, file: [file.id, file.bytes], wrong };
});
