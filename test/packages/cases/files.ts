// What is written to /output, and read again.
import type { Case } from "../case.ts";

export const files: readonly Case[] = [
  {
    package: "archiver",
    does: "streams a zip, which another package opens",
    yields: { bytes: 10_000, small: true, text: "hello" },
  },
  {
    package: "exceljs",
    does: "writes a workbook with a formula and a style, and reads it",
    yields: { items: ["Item", "tea", "sum"], sum: { formula: "SUM(B2:B2)", result: 4.5 }, bold: true },
  },
  {
    package: "fflate",
    does: "zips a folder and gzips text",
    yields: { names: ["a.txt", "dir/", "dir/b.txt"], same: true, small: true, unpacked: 12_000 },
  },
  {
    package: "jszip",
    does: "zips a folder, and reads a file of it",
    yields: { names: ["readme.txt", "data/", "data/numbers.json"], numbers: [1, 2, 3] },
  },
  {
    package: "pako",
    does: "gzips what DecompressionStream unpacks",
    yields: { small: true, text: true, raw: "raw" },
  },
  {
    package: "pdf-lib",
    does: "draws an invoice, and reads its pages and title",
    yields: { pages: 2, title: "Invoice 7", size: { width: 300, height: 200 }, width: 21.03 },
  },
  {
    package: "qrcode",
    does: "makes a code as PNG and SVG",
    yields: { version: 3, size: 29, signature: "PNG", width: 200, svg: "<svg" },
  },
  {
    package: "tar-stream",
    does: "packs files through gzip, and reads them entry by entry",
    yields: { "a.txt": "first", "dir/b.txt": "second" },
  },
  {
    package: "xlsx",
    does: "writes a sheet with a formula, and reads it",
    yields: {
      rows: [
        { item: "tea", price: 4.5 },
        { item: "jam", price: 3 },
        { item: "sum", price: 7.5 },
      ],
      formula: "SUM(B2:B3)",
    },
  },
];
