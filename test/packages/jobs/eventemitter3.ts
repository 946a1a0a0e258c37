import { EventEmitter } from "eventemitter3";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const emitter = new EventEmitter();
  const heard: unknown[] = [];
  emitter.once("order", (id) => heard.push(["once", id]));
  emitter.on("order", (id) => heard.push(["on", id]));
  emitter.emit("order", 1);
  emitter.emit("order", 2);
  return { heard, listeners: emitter.listenerCount("order"), unheard: emitter.emit("other") };
});
