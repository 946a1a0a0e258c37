import ExcelJS from "exceljs";
import { defineJob } from "mayfly";

export default defineJob(async ({ files }) => {
  const book = new ExcelJS.Workbook();
  const sheet = book.addWorksheet("Prices");
  sheet.columns = [
    { header: "Item", key: "item", width: 20 },
    { header: "Price", key: "price" },
  ];
  sheet.addRow({ item: "tea", price: 4.5 }).font = { bold: true };
  sheet.addRow({ item: "sum", price: { formula: "SUM(B2:B2)", result: 4.5 } });
  await files.write("/output/prices.xlsx", new Uint8Array(await book.xlsx.writeBuffer()));
  const again = new ExcelJS.Workbook();
  await again.xlsx.load((await files.read("/output/prices.xlsx")).buffer as ArrayBuffer);
  const read = again.getWorksheet("Prices");
  return {
    items: read?.getColumn(1).values.slice(1),
    sum: read?.getCell("B3").value,
    bold: read?.getCell("A2").font.bold,
  };
});
