// Upstash: Redis commands as JSON (https://upstash.com/docs/redis/features/restapi).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

export function makeUpstash(): Vendor {
  const values = new Map<string, string>();
  const run = ([name = "", key = "", value = ""]: string[]): unknown => {
    if (name.toLowerCase() === "get") return values.get(key) ?? null;
    if (name.toLowerCase() === "incr") {
      const count = Number(values.get(key) ?? 0) + 1;
      values.set(key, String(count));
      return count;
    }
    assert.equal(name.toLowerCase(), "set");
    values.set(key, value);
    return "OK";
  };
  return {
    credential: { header: "authorization", scheme: "Bearer" },
    allow: ["POST /*"],
    answer({ path, headers, json }) {
      const isEncoded = headers["upstash-encoding"] === "base64";
      const encoded = (result: unknown) =>
        isEncoded && typeof result === "string" && result !== "OK" ? Buffer.from(result).toString("base64") : result;
      const answerTo = (command: unknown) => ({ result: encoded(run((command as unknown[]).map(String))) });
      if (path === "/pipeline") return { json: (json() as unknown[]).map(answerTo) };
      return path === "/" ? { json: answerTo(json()) } : undefined;
    },
  };
}
