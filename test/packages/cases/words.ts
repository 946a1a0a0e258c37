// Words: checked, compared, found, and spelt otherwise.
import type { Case } from "../case.ts";

export const words: readonly Case[] = [
  {
    package: "change-case",
    does: "spells a name in three ways",
    yields: { camel: "orderLineId", constant: "ORDER_LINE_ID", sentence: "Order line id" },
  },
  {
    package: "chroma-js",
    does: "darkens and scales colours, and measures contrast",
    yields: { darker: "#c93384", scale: ["#ffffff", "#947bc0", "#000080"], contrast: 16 },
  },
  {
    package: "diff",
    does: "makes a patch, applies it, and compares words",
    yields: { lines: ["-two", "+2", "+four"], applied: true, words: ["red", "green"] },
  },
  {
    package: "fuse.js",
    does: "finds a title in spite of slips",
    yields: [[1, "The Lock Artist"]],
  },
  {
    package: "he",
    does: "reads entities, and writes them",
    yields: { decoded: "café 🍵 <b> ¬in", encoded: "&eacute; &lt;&#x1F600;&gt;" },
  },
  {
    package: "mime-types",
    does: "tells types from names, and names from types",
    yields: {
      type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
      header: "text/html; charset=utf-8",
      extension: "json",
      unknown: false,
    },
  },
  {
    package: "ms",
    does: "reads and writes durations",
    yields: [9_000_000, "2m", "2 minutes"],
  },
  {
    package: "picomatch",
    does: "matches paths by globs",
    yields: ["src/a.ts", "src/deep/b.tsx"],
  },
  {
    package: "semver",
    does: "sorts and compares versions",
    yields: { sorted: ["1.2.0", "1.10.0-rc.1", "1.10.0"], fits: true, next: "1.3.0", least: "2.3.0" },
  },
  {
    package: "slugify",
    does: "makes a part of a URL of German words",
    yields: "groesse-und-aepfel-fuer-zuerich",
  },
  {
    package: "validator",
    does: "checks account and card numbers, normalises an address",
    yields: { iban: true, card: [true, false], mail: "adalovelace@gmail.com", escaped: "&lt;a href=&#x27;x&#x27;&gt;" },
  },
];
