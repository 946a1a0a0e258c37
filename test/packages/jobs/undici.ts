import { defineJob } from "mayfly";
import { request } from "undici";

export default defineJob(async () => {
  await request("http://127.0.0.1:1/");
});
