import { parse } from "csv-parse/sync";
import { defineJob } from "mayfly";

export default defineJob(async ({ files }) => {
  await files.write("/in.csv", '\ufeffid;name;since\n1;"Müller; Söhne";2026-11-26\n# a comment\n2;Ada;2025-01-02\n');
  return parse(await files.read("/in.csv"), {
    bom: true,
    columns: true,
    comment: "#",
    delimiter: ";",
    cast: (value, { column }) => (column === "id" ? Number(value) : value),
  });
});
