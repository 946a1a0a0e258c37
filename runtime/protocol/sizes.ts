// Sizes that both ends of a streamed body go by. A file of its own, since the guest imports it: the schemas of bridge.ts
// would bring their library into every isolate, with 10 MiB and globals of its own.

/** A request's body that travels with its call, bytes. Larger ones are streamed. */
export const inlineBodyBytesMax = 65_536;
/** One piece of a streamed body, either way, bytes. */
export const pieceBytesMax = 262_144;
/** Bytes of one response that may be under way towards a guest which has not consumed them. */
export const windowBytes = 262_144;
