// Turns a job's module and its npm packages into one classic script.

export interface Bundle {
  /** The script that is compiled in the isolate. */
  code: Uint8Array;
  /** `sha256:` and 64 hex digits over `code`. */
  digest: string;
  /** Source map (version 3) as JSON: stays outside the isolate. Source paths are relative to the config's directory. */
  sourceMap: string;
  /** Sources that went into it, relative to the config's directory. */
  inputs: readonly string[];
}

export interface Bundler {
  /** Rejects with MayflyError `bundle_failed` that names file, line and column. */
  bundle(entry: string): Promise<Bundle>;
  close(): Promise<void>;
}
