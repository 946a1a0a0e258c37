// `Buffer` for undici's classes, which use it as a name that is there.
export { Buffer } from "buffer";
