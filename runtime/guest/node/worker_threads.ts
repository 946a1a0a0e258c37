// What node:worker_threads says of a thread that is alone. The rest refuses (refuse.ts).
import { web } from "./web.ts";

export default {
  isMainThread: true,
  isInternalThread: false,
  parentPort: null,
  resourceLimits: {},
  threadId: 0,
  threadName: "",
  workerData: null,
  SHARE_ENV: Symbol.for("nodejs.worker_threads.SHARE_ENV"),
  getEnvironmentData: () => undefined,
  setEnvironmentData() {},
  markAsUntransferable() {},
  markAsUncloneable() {},
  isMarkedAsUntransferable: () => false,
  get MessageChannel() {
    return web.MessageChannel;
  },
  get MessagePort() {
    return web.MessagePort;
  },
};
