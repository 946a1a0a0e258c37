import { defineJob } from "mayfly";
import slugify from "slugify";

export default defineJob(() => slugify("Größe & Äpfel für Zürich!", { lower: true, strict: true, locale: "de" }));
