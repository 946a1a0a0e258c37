import { defineJob } from "mayfly";
import WebSocket from "ws";

export default defineJob(async () => {
  const socket = new WebSocket("ws://127.0.0.1:1/");
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
});
