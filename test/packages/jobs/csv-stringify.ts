import { stringify } from "csv-stringify/sync";
import { defineJob } from "mayfly";

export default defineJob(async ({ files }) => {
  const rows = [
    { id: 1, name: 'Ada "the first"', at: new Date(0) },
    { id: 2, name: "Müller; Söhne", at: new Date(86_400_000) },
  ];
  const columns = { id: "Id", name: "Name", at: "At" };
  await files.write(
    "/output/rows.csv",
    stringify(rows, { header: true, columns, delimiter: ";", cast: { date: (at) => at.toISOString() } }),
  );
  return (await files.readText("/output/rows.csv")).split("\n");
});
