import { defineJob } from "mayfly";
import pLimit from "p-limit";

export default defineJob(async () => {
  const limit = pLimit(3);
  let underWay = 0;
  let most = 0;
  const work = async (index: number) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 2));
    underWay -= 1;
    return index * index;
  };
  return { squares: await Promise.all([1, 2, 3, 4, 5, 6].map((index) => limit(() => work(index)))), most };
});
