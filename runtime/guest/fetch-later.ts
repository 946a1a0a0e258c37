// The function `fetch`: what it needs is evaluated when a job first calls it.
import type * as Fetch from "./fetch.ts";

declare const require: (file: "./fetch.ts") => typeof Fetch;

export const loadFetch = (): typeof Fetch => require("./fetch.ts");

/** As an async function, but for its promise, which is the other's own. */
export function fetch(input: unknown, init: unknown = undefined): Promise<object> {
  try {
    return loadFetch().fetch(input, init);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}
