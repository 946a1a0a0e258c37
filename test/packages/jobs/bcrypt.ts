import bcrypt from "bcrypt";
import { defineJob } from "mayfly";

export default defineJob(() => bcrypt.hash("correct horse", 4));
