// One statement of a job on an open session: runs it and reads its rows within bounds. Answers for the transaction
// around it and for counting; the session, and ending it when this fails, is postgres-session.ts's.
//
// The job's text goes alone through the extended protocol, which takes one statement. A read-only transaction has had a
// query before it, after which PostgreSQL refuses to make it read-write.
import type { Client, Connection } from "pg";
import Cursor from "pg-cursor";
import { IssuerFailure, type QueryRequest, type QueryResult } from "../../ports/credential-issuer.ts";
import { parserOf } from "./postgres-values.ts";

const rowsPerRead = 200; // a round trip on loopback costs as much as some ten rows

/** @throws whatever the server or the connection threw; IssuerFailure `query_limit`, `query_failed`. */
export async function runStatement(client: Client, request: QueryRequest): Promise<QueryResult> {
  await client.query(
    `BEGIN READ ${request.write ? "WRITE" : "ONLY"}; SET LOCAL statement_timeout = ${Math.ceil(request.timeMs)}; ` +
      "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL bytea_output = 'hex'; " +
      "SET LOCAL extra_float_digits = 1; SELECT 1",
  );
  const result = await readRows(client, request);
  await client.query("COMMIT");
  return result;
}

async function readRows(client: Client, request: QueryRequest): Promise<QueryResult> {
  const cursor = new JobCursor(request.sql, request.params, {
    rowMode: "array",
    types: { getTypeParser: parserOf as never },
  });
  client.query(cursor);
  const result: QueryResult = { columns: [], rows: [] };
  let bytes = 0;
  for (;;) {
    // One row more than allowed is asked for, to know that there is one.
    const count = Math.min(rowsPerRead, request.rowsMax + 1 - result.rows.length);
    const read = await readSome(cursor, count);
    result.columns = read.columns;
    for (const row of read.rows) {
      bytes += jsonBytes(row);
      result.rows.push(row);
    }
    if (bytes > request.bytesMax) throw limit("more bytes", `${request.bytesMax} bytes`);
    if (result.rows.length > request.rowsMax) throw limit("more rows", `${request.rowsMax} rows`);
    if (read.rows.length < count) return result;
  }
}

/** COPY would answer with messages that pg-cursor has no ears for; unheard, they would throw in pg's event handlers. */
class JobCursor extends Cursor {
  copied = false;

  handleCopyInResponse(connection: Connection & { sendCopyFail(reason: string): void }): void {
    this.copied = true;
    connection.sendCopyFail("COPY is not for jobs");
  }

  handleCopyData(): void {
    this.copied = true; // its bytes count on the wire
  }
}

function readSome(cursor: JobCursor, count: number): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    cursor.read(count, (error, rows, result) => {
      if (cursor.copied) reject(new IssuerFailure("query_failed", "found COPY, needed a query that gives rows"));
      else if (error) reject(error);
      else resolve({ columns: (result?.fields ?? []).map((field) => field.name), rows });
    });
  });
}

function jsonBytes(row: unknown[]): number {
  try {
    return Buffer.byteLength(JSON.stringify(row)) + 1;
  } catch (error) {
    throw new IssuerFailure("query_failed", "a value is nested too deeply to be written as JSON", error);
  }
}

function limit(found: string, needed: string): IssuerFailure {
  const next = "narrow the query, aggregate in SQL, or raise the limit in the config";
  return new IssuerFailure("query_limit", `the query gave ${found} than allowed: needed at most ${needed}; ${next}`);
}
