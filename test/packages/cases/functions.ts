// Collections, state, events, and work that takes its time.
import type { Case } from "../case.ts";

export const functions: readonly Case[] = [
  {
    package: "async",
    does: "tries again, and works through a queue two at a time",
    yields: { answer: "answer", tries: 3, order: [1, 2, 300], mapped: [10, 20, 30] },
  },
  {
    package: "effect",
    does: "tries again until it works, and runs effects two at a time",
    yields: { answer: "answer", squares: [1, 4, 9], tries: 3 },
  },
  {
    package: "eventemitter3",
    does: "tells listeners, once and always",
    yields: {
      heard: [
        ["once", 1],
        ["on", 1],
        ["on", 2],
      ],
      listeners: 1,
      unheard: false,
    },
  },
  {
    package: "immer",
    does: "changes a draft, and says what changed",
    yields: {
      before: 1,
      after: 2,
      shared: true,
      patches: [{ op: "replace", path: ["cart", 0, "quantity"], value: 3 }],
    },
  },
  {
    package: "lodash-es",
    does: "groups, merges and debounces",
    yields: {
      totals: { Bern: 15, Basel: 7 },
      merged: { a: { b: 1, c: [2] } },
      pages: [[1, 2], [3]],
      name: "orderLineId",
      calls: 1,
    },
  },
  {
    package: "lru-cache",
    does: "drops what was used least recently, and what is too old",
    yields: { kept: ["c", "a"], gone: ["b"], stale: null },
  },
  {
    package: "p-limit",
    does: "runs six tasks, three at a time",
    yields: { squares: [1, 4, 9, 16, 25, 36], most: 3 },
  },
  {
    package: "ramda",
    does: "pipes orders into sorted totals, and changes by a lens",
    yields: {
      totals: [
        ["Bern", 15],
        ["Basel", 7],
      ],
      changed: { a: [{ b: 2 }] },
    },
  },
  {
    package: "rxjs",
    does: "delays, scans and debounces a stream",
    yields: { sums: [2, 6, 12], settled: ["ma", "may"] },
  },
];
