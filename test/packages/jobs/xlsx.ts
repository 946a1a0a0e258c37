import { defineJob } from "mayfly";
import * as XLSX from "xlsx";

export default defineJob(async ({ files }) => {
  const sheet = XLSX.utils.aoa_to_sheet([
    ["item", "price"],
    ["tea", 4.5],
    ["jam", 3],
  ]);
  XLSX.utils.sheet_add_aoa(sheet, [["sum", { t: "n", f: "SUM(B2:B3)", v: 7.5 }]], { origin: "A4" });
  const book = XLSX.utils.book_new();
  XLSX.utils.book_append_sheet(book, sheet, "Prices");
  await files.write("/output/prices.xlsx", new Uint8Array(XLSX.write(book, { type: "array", bookType: "xlsx" })));
  const again =
    XLSX.read(await files.read("/output/prices.xlsx"), { type: "array", cellFormula: true }).Sheets.Prices ?? {};
  return { rows: XLSX.utils.sheet_to_json(again), formula: again.B4?.f };
});
