// How PostgreSQL's values become JSON for a job. The server sends text; what JSON has no exact form for stays text:
//
//   boolean                                    true, false
//   smallint, integer, oid, real, double       a number; NaN and the infinities stay text
//   bigint, numeric, money                     text, since a JSON number would lose digits
//   json, jsonb                                the value itself
//   date                                       2026-11-23
//   timestamp                                  2026-11-23T08:15:00.5
//   timestamptz                                2026-11-23T08:15:00.5Z, in UTC
//   bytea                                      Base64 (RFC 4648)
//   all others, arrays among them              PostgreSQL's text; to_json() in the query gives structure
//
// Dates before Christ, beyond the year 9999 and the infinite ones stay as PostgreSQL writes them.

type Parse = (text: string) => unknown;

const asNumber: Parse = (text) => {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
};

const asJson: Parse = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const asBase64: Parse = (text) =>
  text.startsWith("\\x") ? Buffer.from(text.slice(2), "hex").toString("base64") : text;

// The session's time zone is UTC and its date style ISO: postgres-session.ts sets them before each statement.
const asTimestamp: Parse = (text) =>
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?:\+00)?$/.test(text) ? text.replace(" ", "T").replace("+00", "Z") : text;

// Type oids of pg_type, fixed by PostgreSQL.
const parsers: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [16, (text) => text === "t"], // bool
  [17, asBase64], // bytea
  [21, asNumber], // int2
  [23, asNumber], // int4
  [26, asNumber], // oid
  [114, asJson], // json
  [3802, asJson], // jsonb
  [700, asNumber], // float4
  [701, asNumber], // float8
  [1114, asTimestamp], // timestamp
  [1184, asTimestamp], // timestamptz
]);

const asText: Parse = (text) => text;

/** The parser of a column, in the form that pg asks for. */
export function parserOf(typeOid: number): Parse {
  return parsers.get(typeOid) ?? asText;
}
