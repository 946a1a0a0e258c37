// A thread that copies the ledger's journal into the ledger when it is told: with two syncs, for which no commit waits.
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

const db = new DatabaseSync((workerData as { path: string }).path);
db.exec("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
const checkpoint = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");

parentPort?.on("message", (word: "checkpoint" | "close") => {
  if (word === "checkpoint") {
    checkpoint.all(); // what readers still need is left for the next one
    parentPort?.postMessage("done");
    return;
  }
  db.close();
  parentPort?.close();
});
