import { defineJob } from "mayfly";
import puppeteer from "puppeteer";

export default defineJob(async () => {
  await puppeteer.connect({ browserWSEndpoint: "ws://127.0.0.1:9222/devtools/browser/1" });
});
