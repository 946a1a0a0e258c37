import { defineJob } from "mayfly";
import QRCode from "qrcode";

export default defineJob(async ({ files }) => {
  const text = "https://example.org/invoice/7";
  await files.write("/output/invoice.png", await QRCode.toBuffer(text, { width: 200 }));
  const png = Buffer.from(await files.read("/output/invoice.png"));
  const { version, size } = { version: QRCode.create(text, {}).version, size: QRCode.create(text, {}).modules.size };
  return {
    version,
    size,
    signature: png.toString("latin1", 1, 4),
    width: png.readUInt32BE(16),
    svg: (await QRCode.toString(text, { type: "svg" })).slice(0, 4),
  };
});
