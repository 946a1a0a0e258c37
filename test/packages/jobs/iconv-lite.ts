import iconv from "iconv-lite";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  japanese: iconv.decode(Buffer.from([0x93, 0xfa, 0x96, 0x7b]), "Shift_JIS"),
  western: iconv.encode("Zürich €", "win1252").toString("hex"),
  utf16: iconv.decode(Buffer.from("fffe4100e400", "hex"), "utf-16"),
}));
