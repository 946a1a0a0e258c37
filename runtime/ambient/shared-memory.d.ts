// SharedArrayBuffer and Atomics, for jobs whose config says `isolate: { sharedMemory: true }`: they are ECMAScript's, and
// TypeScript's own libraries know them.

/// <reference lib="es2017.sharedmemory" />
/// <reference lib="es2020.sharedmemory" />
/// <reference lib="es2024.sharedmemory" />
/// <reference lib="esnext.sharedmemory" />
