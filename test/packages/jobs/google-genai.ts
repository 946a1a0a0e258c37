import { GoogleGenAI } from "@google/genai";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const genai = new GoogleGenAI({ apiKey: await credential.fetch(), httpOptions: { baseUrl: origin } });
  const { text } = await genai.models.generateContent({ model: "gemini-2.5-flash", contents: "Say hello" });
  return text;
});
