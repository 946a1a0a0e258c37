// node:stream/promises.
import { promises } from "./stream.ts";

export default promises;
