// Arithmetic beyond doubles, and statistics.
import type { Case } from "../case.ts";

export const numbers: readonly Case[] = [
  {
    package: "big.js",
    does: "sums prices, and rounds down",
    yields: { total: "25.10", share: "33.33" },
  },
  {
    package: "bignumber.js",
    does: "raises to a power, and prints with separators",
    yields: { power: "340282366920938463463374607431768211456", shown: "1,234,567.89", hex: "11111111" },
  },
  {
    package: "d3-array",
    does: "groups, sums and bins",
    yields: {
      totals: [
        ["Bern", 15],
        ["Basel", 7],
      ],
      extent: [5, 10],
      bins: [2, 1, 1],
    },
  },
  {
    package: "decimal.js",
    does: "adds exactly, and takes a root to thirty digits",
    yields: { sum: "0.3", root: "1.41421356237309504880168872421", rounded: "2.35" },
  },
  {
    package: "mathjs",
    does: "evaluates matrices, units and complex numbers, and derives",
    yields: { determinant: 5, inches: "5 inch", complex: "1 + 2i", derivative: "3 * x ^ 2 + 2" },
  },
  {
    package: "simple-statistics",
    does: "finds mean, deviation, quantile and a regression",
    yields: { mean: 5, deviation: 2, upper: 5.5, line: { m: 2, b: 1 } },
  },
];
