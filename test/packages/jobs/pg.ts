import { defineJob } from "mayfly";
import pg from "pg";

export default defineJob(async () => {
  const client = new pg.Client({ connectionString: "postgres://ada:secret@127.0.0.1:5432/shop" });
  await client.connect();
});
