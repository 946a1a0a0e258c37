// All that the executor computes for the `node:*` modules of its guest (guest/node/).
import type { Services } from "./services.ts";
import { nodeCryptoServices } from "./services-node-crypto.ts";
import { nodeKeyServices } from "./services-node-keys.ts";
import { forgetKept } from "./services-node-parts.ts";
import { nodeZlibServices } from "./services-node-zlib.ts";

export const nodeServices: Services = {
  forget: forgetKept,
  atOnce: {
    ...nodeCryptoServices.atOnce,
    ...nodeKeyServices.atOnce,
    ...nodeZlibServices.atOnce,
  },
  later: {
    ...nodeCryptoServices.later,
    ...nodeKeyServices.later,
    ...nodeZlibServices.later,
    /** A turn of this process's loop, between which its pipe and its timers are served. */
    "node.turn": () => new Promise((resolve) => setImmediate(() => resolve({ value: null }))),
  },
};
