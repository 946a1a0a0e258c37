// All fuzzers, in the order in which they take their turns.
import { callFuzzer } from "./calls.ts";
import { frameFuzzer } from "./frames.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { leakFuzzer } from "./leaks.ts";
import { logFuzzer } from "./logs.ts";
import { pathFuzzer } from "./paths.ts";
import { replyFuzzer } from "./replies.ts";
import { resultFuzzer } from "./results.ts";
import { urlFuzzer } from "./urls.ts";

export const fuzzers: readonly Fuzzer[] = [
  frameFuzzer,
  callFuzzer,
  urlFuzzer,
  pathFuzzer,
  logFuzzer,
  resultFuzzer,
  replyFuzzer,
  leakFuzzer,
];
