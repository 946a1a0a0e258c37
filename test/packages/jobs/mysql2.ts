import { defineJob } from "mayfly";
import mysql from "mysql2/promise";

export default defineJob(async () => {
  await mysql.createConnection({ host: "127.0.0.1", user: "ada", password: "secret" });
});
