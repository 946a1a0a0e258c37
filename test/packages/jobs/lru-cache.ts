import { LRUCache } from "lru-cache";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  const gone: string[] = [];
  const few = new LRUCache<string, number>({ max: 2, dispose: (_value, key) => void gone.push(key) });
  few.set("a", 1).set("b", 2);
  few.get("a");
  few.set("c", 3);
  const brief = new LRUCache<string, number>({ max: 2, ttl: 1 });
  brief.set("d", 4);
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { kept: [...few.keys()], gone, stale: brief.get("d") ?? null };
});
