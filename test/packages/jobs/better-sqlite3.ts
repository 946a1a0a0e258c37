import Database from "better-sqlite3";
import { defineJob } from "mayfly";

export default defineJob(() => new Database(":memory:").prepare("select 1").get());
