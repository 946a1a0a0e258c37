// Where recordings of runs are kept: sealed, each for its run, and written while the run goes on.

export interface RecordingWriter {
  /**
   * Keeps these behind those before. Rejects when the disk or the key can't be had; what was kept stays readable. One at a
   * time.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Marks the recording's end. Without it a reader is told that it was cut. */
  close(): Promise<void>;
  /** Leaves it as it is, and lets the file go. Never rejects. */
  abandon(): Promise<void>;
}

export interface Recordings {
  /** What runs it: "node 26.10.0, V8 14.2". */
  readonly engine: string;
  create(runId: string): Promise<RecordingWriter>;
  /**
   * The bytes as they were written, in order; returns whether the end was there. Rejects with MayflyError
   * `recording_unknown`, `sealed_invalid`.
   */
  read(runId: string): AsyncGenerator<Uint8Array, boolean>;
  /** Bytes of the file, as it is kept; undefined when there is none. */
  size(runId: string): Promise<number | undefined>;
}
