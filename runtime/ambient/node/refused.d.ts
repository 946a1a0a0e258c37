// Written by `npm run ambient` from adapters/system/node-names.ts: modules of Node that no job can have. A job that imports
// one is not bundled; what a package's types name of one is unknown here.

declare module "node:child_process" {
  const refused: "node:child_process is not for jobs: a job starts no programs, processes or threads";
  export = refused;
}
declare module "child_process" {
  import refused = require("node:child_process");
  export = refused;
}

declare module "node:cluster" {
  const refused: "node:cluster is not for jobs: a job starts no programs, processes or threads";
  export = refused;
}
declare module "cluster" {
  import refused = require("node:cluster");
  export = refused;
}

declare module "node:console" {
  const refused: "node:console is not for jobs: use what the web has, or an npm package without Node's modules";
  export = refused;
}
declare module "console" {
  import refused = require("node:console");
  export = refused;
}

declare module "node:dgram" {
  const refused: "node:dgram is not for jobs: a job has no sockets: use the context's fetch";
  export = refused;
}
declare module "dgram" {
  import refused = require("node:dgram");
  export = refused;
}

declare module "node:dns" {
  const refused: "node:dns is not for jobs: names are resolved by the runtime, for the hosts that are granted: use the context's fetch";
  namespace refused {
    interface LookupOptions {
      hints?: number;
    }
  }
  export = refused;
}
declare module "dns" {
  import refused = require("node:dns");
  export = refused;
}

declare module "node:dns/promises" {
  const refused: "node:dns/promises is not for jobs: names are resolved by the runtime, for the hosts that are granted: use the context's fetch";
  export = refused;
}
declare module "dns/promises" {
  import refused = require("node:dns/promises");
  export = refused;
}

declare module "node:domain" {
  const refused: "node:domain is not for jobs: use async_hooks.AsyncLocalStorage, and try and catch";
  export = refused;
}
declare module "domain" {
  import refused = require("node:domain");
  export = refused;
}

declare module "node:ffi" {
  const refused: "node:ffi is not for jobs: use what the web has, or an npm package without Node's modules";
  export = refused;
}

declare module "node:http2" {
  const refused: "node:http2 is not for jobs: use the context's fetch, or node:https";
  export = refused;
}
declare module "http2" {
  import refused = require("node:http2");
  export = refused;
}

declare module "node:inspector" {
  const refused: "node:inspector is not for jobs: a job has no way to V8, and evaluates what its bundle has";
  export = refused;
}
declare module "inspector" {
  import refused = require("node:inspector");
  export = refused;
}

declare module "node:inspector/promises" {
  const refused: "node:inspector/promises is not for jobs: a job has no way to V8, and evaluates what its bundle has";
  export = refused;
}
declare module "inspector/promises" {
  import refused = require("node:inspector/promises");
  export = refused;
}

declare module "node:module" {
  const refused: "node:module is not for jobs: a bundle has all its modules in it: import each by its own name";
  export = refused;
}
declare module "module" {
  import refused = require("node:module");
  export = refused;
}

declare module "node:net" {
  const refused: "node:net is not for jobs: a job has no sockets: use the context's fetch";
  export = refused;
}
declare module "net" {
  import refused = require("node:net");
  export = refused;
}

declare module "node:quic" {
  const refused: "node:quic is not for jobs: a job has no sockets: use the context's fetch";
  export = refused;
}

declare module "node:readline" {
  const refused: "node:readline is not for jobs: a job has no terminal: what it is told comes as its input";
  export = refused;
}
declare module "readline" {
  import refused = require("node:readline");
  export = refused;
}

declare module "node:readline/promises" {
  const refused: "node:readline/promises is not for jobs: a job has no terminal: what it is told comes as its input";
  export = refused;
}
declare module "readline/promises" {
  import refused = require("node:readline/promises");
  export = refused;
}

declare module "node:repl" {
  const refused: "node:repl is not for jobs: a job has no terminal: what it is told comes as its input";
  export = refused;
}
declare module "repl" {
  import refused = require("node:repl");
  export = refused;
}

declare module "node:sea" {
  const refused: "node:sea is not for jobs: a job starts no programs, processes or threads";
  export = refused;
}

declare module "node:sqlite" {
  const refused: "node:sqlite is not for jobs: a job has files, and no database in them: use an npm package that is WebAssembly or JavaScript";
  export = refused;
}

declare module "node:test" {
  const refused: "node:test is not for jobs: tests of a job are files of their own, beside it";
  export = refused;
}

declare module "node:test/reporters" {
  const refused: "node:test/reporters is not for jobs: tests of a job are files of their own, beside it";
  export = refused;
}

declare module "node:tls" {
  const refused: "node:tls is not for jobs: a job has no sockets: use the context's fetch";
  export = refused;
}
declare module "tls" {
  import refused = require("node:tls");
  export = refused;
}

declare module "node:trace_events" {
  const refused: "node:trace_events is not for jobs: a job has no way to V8, and evaluates what its bundle has";
  export = refused;
}
declare module "trace_events" {
  import refused = require("node:trace_events");
  export = refused;
}

declare module "node:tty" {
  const refused: "node:tty is not for jobs: a job has no terminal: what it is told comes as its input";
  export = refused;
}
declare module "tty" {
  import refused = require("node:tty");
  export = refused;
}

declare module "node:v8" {
  const refused: "node:v8 is not for jobs: a job has no way to V8, and evaluates what its bundle has";
  export = refused;
}
declare module "v8" {
  import refused = require("node:v8");
  export = refused;
}

declare module "node:vm" {
  const refused: "node:vm is not for jobs: a job has no way to V8, and evaluates what its bundle has";
  export = refused;
}
declare module "vm" {
  import refused = require("node:vm");
  export = refused;
}

declare module "node:wasi" {
  const refused: "node:wasi is not for jobs: a job starts no programs, processes or threads";
  export = refused;
}
declare module "wasi" {
  import refused = require("node:wasi");
  export = refused;
}

declare module "node:worker_threads" {
  const refused: "node:worker_threads is not for jobs: a job starts no programs, processes or threads";
  export = refused;
}
declare module "worker_threads" {
  import refused = require("node:worker_threads");
  export = refused;
}
