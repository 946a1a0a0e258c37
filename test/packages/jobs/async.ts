import async from "async";
import { defineJob } from "mayfly";

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export default defineJob(async () => {
  let tries = 0;
  const answer = await async.retry({ times: 5, interval: 1 }, async () => {
    tries += 1;
    if (tries < 3) throw new Error("busy");
    return "answer";
  });
  const order: number[] = [];
  const queue = async.queue(async (ms: number) => {
    await later(ms);
    order.push(ms);
  }, 2);
  queue.push([300, 1, 2]);
  await queue.drain();
  return { answer, tries, order, mapped: await async.mapLimit([1, 2, 3], 2, async (each: number) => each * 10) };
});
