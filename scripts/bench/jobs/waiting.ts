// Says that it is there, and waits until it is ended: part (d) looks at what it takes meanwhile.
import { defineJob } from "mayfly";

export default defineJob(async () => {
  console.log("waiting");
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
});
