// node:timers.
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "./timer-handles.ts";
import promises from "./timers-promises.ts";

export default { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises };
