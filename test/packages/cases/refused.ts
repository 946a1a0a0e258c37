// What a job can't have, and what is said then: sockets, servers, programs, and code that was compiled for a machine.
import type { Case } from "../case.ts";

const noSockets = "a job has no sockets";
const sql = "the credential of a `postgres` issuer, with `credential.query`";

export const refused: readonly Case[] = [
  {
    package: "bcrypt",
    does: "hashes in an addon",
    refused: {
      at: "run",
      message: /the addon of bcrypt isn't available in a job/,
      instead: "`bcryptjs`, or `scrypt` of `node:crypto`",
    },
  },
  {
    package: "better-sqlite3",
    does: "opens a database in an addon",
    refused: {
      at: "run",
      message: /fs\.existsSync isn't available in a job/,
      instead: "rows that come as input or in a mounted file",
    },
  },
  {
    package: "execa",
    does: "starts a program",
    refused: { at: "bundle", message: /has for Node alone/, instead: "a package that does it in JavaScript" },
  },
  {
    package: "express",
    does: "listens",
    refused: { at: "run", message: /a job serves nobody/, instead: "`hono` for routes without a server" },
  },
  {
    package: "ioredis",
    does: "connects to Redis",
    refused: {
      at: "run",
      message: RegExp(noSockets),
      instead: "the credential of a `redis` issuer, with `credential.command`",
    },
  },
  {
    package: "jsdom",
    does: "makes a page",
    refused: { at: "bundle", message: /too large/, instead: "`cheerio` or `htmlparser2`" },
  },
  {
    package: "mongodb",
    does: "connects to MongoDB",
    refused: { at: "run", message: RegExp(noSockets), instead: "an HTTP API before the database" },
  },
  {
    package: "mysql2",
    does: "connects to MySQL",
    refused: { at: "run", message: RegExp(noSockets), instead: "an HTTP API before the database" },
  },
  {
    package: "pg",
    does: "connects to PostgreSQL",
    refused: { at: "run", message: RegExp(noSockets), instead: sql },
  },
  {
    package: "puppeteer",
    does: "connects to a browser",
    refused: { at: "run", message: /no sockets/, instead: "`cheerio` on what `fetch` gets" },
  },
  {
    package: "sharp",
    does: "makes an image in an addon",
    refused: {
      at: "run",
      message: /module\.createRequire\(…\) isn't available in a job/,
      instead: "a package in JavaScript or WebAssembly",
    },
  },
  {
    package: "undici",
    does: "asks over a socket of its own",
    refused: { at: "run", message: RegExp(noSockets), instead: "`fetch`, which is undici's outside of the job" },
  },
  {
    package: "ws",
    does: "opens a WebSocket",
    refused: { at: "run", message: /no sockets/, instead: "requests, or a server that streams its answer" },
  },
];
