import express from "express";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const app = express();
  app.get("/", (_request, response) => response.send("hello"));
  app.listen(8_080);
});
