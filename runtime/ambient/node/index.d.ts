// Node's modules in a job (docs/node.md), by @types/node, and of @types/node nothing else: its types of globals come after
// those of a job, which stay what they are. tsconfig.json makes this file what any package gets that asks for the types of
// "node". What the layer lacks of a module is known here all the same, and refuses when it is used.

/// <reference path="../globals.d.ts" />
/// <reference path="own.d.ts" />
/// <reference path="refused.d.ts" />
/// <reference types="node/globals" />
/// <reference types="node/globals.typedarray" />
/// <reference types="node/buffer.buffer" />
/// <reference types="node/assert" />
/// <reference types="node/assert/strict" />
/// <reference types="node/async_hooks" />
/// <reference types="node/buffer" />
/// <reference types="node/constants" />
/// <reference types="node/crypto" />
/// <reference types="node/diagnostics_channel" />
/// <reference types="node/events" />
/// <reference types="node/fs" />
/// <reference types="node/fs/promises" />
/// <reference types="node/http" />
/// <reference types="node/https" />
/// <reference types="node/os" />
/// <reference types="node/path" />
/// <reference types="node/path/posix" />
/// <reference types="node/path/win32" />
/// <reference types="node/perf_hooks" />
/// <reference types="node/process" />
/// <reference types="node/punycode" />
/// <reference types="node/querystring" />
/// <reference types="node/stream" />
/// <reference types="node/stream/consumers" />
/// <reference types="node/stream/promises" />
/// <reference types="node/string_decoder" />
/// <reference types="node/timers" />
/// <reference types="node/timers/promises" />
/// <reference types="node/url" />
/// <reference types="node/util" />
/// <reference types="node/util/types" />
/// <reference types="node/zlib" />
