// What we use of pg-cursor 2, which brings no types of its own.
declare module "pg-cursor" {
  import type { Connection, CustomTypesConfig, FieldDef } from "pg";

  export default class Cursor {
    constructor(text: string, values: readonly unknown[], config: { rowMode: "array"; types: CustomTypesConfig });
    submit(connection: Connection): void;
    /** At most `count` further rows; none at the end. `result.fields` are the columns. */
    read(
      count: number,
      callback: (error: Error | null | undefined, rows: unknown[][], result?: { fields: FieldDef[] }) => void,
    ): void;
    close(callback: (error?: Error) => void): void;
  }
}
