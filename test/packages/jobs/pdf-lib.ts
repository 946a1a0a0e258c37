import { defineJob } from "mayfly";
import { PDFDocument, rgb, StandardFonts } from "pdf-lib";

export default defineJob(async ({ files }) => {
  const document = await PDFDocument.create();
  document.setTitle("Invoice 7");
  const font = await document.embedFont(StandardFonts.Helvetica);
  const page = document.addPage([300, 200]);
  page.drawText("Total: 7.50", { x: 20, y: 150, size: 18, font, color: rgb(0.1, 0.2, 0.3) });
  document.addPage();
  await files.write("/output/invoice.pdf", await document.save());
  const again = await PDFDocument.load(await files.read("/output/invoice.pdf"));
  return {
    pages: again.getPageCount(),
    title: again.getTitle(),
    size: again.getPage(0).getSize(),
    width: font.widthOfTextAtSize("Total", 10),
  };
});
