/** Says when a cron expression's time has come. It remembers nothing: slots and missed runs are the ledger's. */
export interface Ticker {
  /**
   * Calls at each slot, with its time as ISO 8601 in UTC, until the returned function is called.
   * @param cron five or six fields. @param timezone IANA name.
   */
  schedule(cron: string, timezone: string, onSlot: (slot: string) => void): () => void;
}
