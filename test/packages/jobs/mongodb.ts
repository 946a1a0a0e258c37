import { defineJob } from "mayfly";
import { MongoClient } from "mongodb";

export default defineJob(async () => {
  await new MongoClient("mongodb://127.0.0.1:27017", { serverSelectionTimeoutMS: 500 }).connect();
});
