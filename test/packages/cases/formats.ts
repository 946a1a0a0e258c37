// Data as text or bytes, and back.
import type { Case } from "../case.ts";

export const formats: readonly Case[] = [
  {
    package: "@msgpack/msgpack",
    does: "packs a value with a date and bytes, and unpacks it",
    yields: { bytes: 39, tags: ["a", "ü"], at: "1970-01-01T00:00:01.000Z", raw: [1, 2] },
  },
  {
    package: "csv-parse",
    does: "reads a file with a byte order mark, comments and quotes",
    yields: [
      { id: 1, name: "Müller; Söhne", since: "2026-11-26" },
      { id: 2, name: "Ada", since: "2025-01-02" },
    ],
  },
  {
    package: "csv-stringify",
    does: "writes rows with quotes and dates to an output",
    yields: [
      "Id;Name;At",
      '1;"Ada ""the first""";1970-01-01T00:00:00.000Z',
      '2;"Müller; Söhne";1970-01-02T00:00:00.000Z',
      "",
    ],
  },
  {
    package: "dotenv",
    does: "reads settings from text",
    yields: { A: "1", B: "two\nlines", C: "as is $A", D: "" },
  },
  {
    package: "fast-xml-parser",
    does: "reads attributes and CDATA, and finds what isn't closed",
    yields: {
      order: {
        line: [
          { "#text": 2, "@sku": "tea" },
          { "#text": 1, "@sku": "jam" },
        ],
        note: "<now>",
        "@id": "7",
      },
      invalid: "InvalidTag",
    },
  },
  {
    package: "iconv-lite",
    does: "reads Shift JIS and UTF-16, writes Windows-1252",
    yields: { japanese: "日本", western: "5afc726963682080", utf16: "Aä" },
  },
  {
    package: "ini",
    does: "reads sections and lists, and writes them",
    yields: {
      read: { scope: "global", database: { user: "ada", ports: ["1", "2"] }, paths: { default: { tmp: "/t" } } },
      text: "a=b\n\n[section]\non=true\n",
    },
  },
  {
    package: "js-yaml",
    does: "reads anchors and blocks, writes sorted keys",
    yields: {
      read: { at: "2026-11-26", list: [{ x: 1 }, { x: 1 }], text: "two\nlines\n" },
      text: "a: null\nb:\n  - 1\n  - c: 'd: e'\n",
      wrong: "YAMLException",
    },
  },
  {
    package: "json5",
    does: "reads JSON as people write it",
    yields: {
      read: { unquoted: "single", hex: 31, list: [1, 2], plus: 1, line: "ab" },
      text: "{'a-b':1,c:['x']}",
    },
  },
  {
    package: "papaparse",
    does: "reads quoted cells by name and type, and writes them with another separator",
    yields: {
      data: [
        { sku: 1, name: "Tea, green", price: 4.5 },
        { sku: 2, name: 'Jam "red"', price: 3 },
      ],
      errors: [],
      text: 'sku;name;price\r\n1;Tea, green;4.5\r\n2;"Jam ""red""";3',
    },
  },
  {
    package: "protobufjs",
    does: "parses a .proto, encodes a message and decodes it",
    yields: { hex: "0a013712080a0374656110ac02", again: { id: "7", lines: [{ sku: "tea", quantity: 300 }] } },
  },
  {
    package: "qs",
    does: "reads a nested query, and writes one",
    yields: {
      read: { filter: { price: { gte: "3" } }, sort: ["a", "b"], name: "Jürg" },
      text: "a[b][0]=1&a[b][1]=2&at=1970-01-01T00:00:00.000Z",
    },
  },
  {
    package: "smol-toml",
    does: "reads tables and dates, and writes them",
    yields: {
      read: {
        title: "a",
        server: { ports: [8000, 8001], at: "2026-11-26T09:00:00.000Z" },
        job: [{ name: "x" }],
      },
      text: 'c = "d"\n\n[a]\nb = [ 1, 2 ]\n',
    },
  },
  {
    package: "xml2js",
    does: "reads XML into an object, and writes one",
    yields: {
      read: {
        order: {
          $: { id: "7" },
          line: [
            { _: "2", $: { sku: "tea" } },
            { _: "1", $: { sku: "jam" } },
          ],
        },
      },
      text: '<a b="c"><d>1</d><d>&lt;</d></a>',
    },
  },
  {
    package: "yaml",
    does: "changes a value and keeps comments, merges an anchor",
    yields: {
      lines: ["# the service", "service:", "  image: tea:1.3 # pinned"],
      job: { retries: 3, name: "nightly" },
    },
  },
];
