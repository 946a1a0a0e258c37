import { defineJob } from "mayfly";
import mime from "mime-types";

export default defineJob(() => ({
  type: mime.lookup("report.final.xlsx"),
  header: mime.contentType("page.html"),
  extension: mime.extension("application/json; charset=utf-8"),
  unknown: mime.lookup("x.unknown-type"),
}));
