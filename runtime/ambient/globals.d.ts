// The global names of a job, as they are in a run: what ECMAScript has comes from TypeScript's own libraries (tsconfig.json
// names them), the web's API from the files below, and names that a job hasn't, each with what to do instead, from
// absent.d.ts. test/ambient compares all of it with real runs, so a global or a member that comes or goes must be said here.
//
// Everything is an interface and a `var`: so packages that add to a global type, or ask whether there is one, find it.

/// <reference path="absent.d.ts" />
/// <reference path="events.d.ts" />
/// <reference path="streams.d.ts" />
/// <reference path="text.d.ts" />
/// <reference path="files.d.ts" />
/// <reference path="fetch.d.ts" />
/// <reference path="url.d.ts" />
/// <reference path="crypto.d.ts" />
/// <reference path="scope.d.ts" />
