// A thread that copies the ledger's journal into the ledger, once: with two syncs, for which no commit waits.
import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";

const db = new DatabaseSync((workerData as { path: string }).path);
db.exec("PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(PASSIVE)"); // what readers still need is left for the next one
db.close();
