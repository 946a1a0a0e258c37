// Blob and File (https://w3c.github.io/FileAPI/) and FormData (https://xhr.spec.whatwg.org/#interface-formdata): what a body
// is made of. They lie in the job's memory; the run's files are reached by the context's `files`.

type BlobPart = BufferSource | Blob | string;
type EndingType = "native" | "transparent";

interface BlobPropertyBag {
  type?: string;
  endings?: EndingType;
}

interface Blob {
  readonly size: number;
  readonly type: string;
  slice(start?: number, end?: number, contentType?: string): Blob;
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

declare var Blob: {
  prototype: Blob;
  new (parts?: Iterable<BlobPart>, options?: BlobPropertyBag): Blob;
};

interface FilePropertyBag extends BlobPropertyBag {
  /** ms since 1970-01-01T00:00:00Z. */
  lastModified?: number;
}

interface File extends Blob {
  readonly name: string;
  readonly lastModified: number;
}

declare var File: {
  prototype: File;
  new (parts: Iterable<BlobPart>, name: string, options?: FilePropertyBag): File;
};

type FormDataEntryValue = File | string;

interface FormData {
  append(name: string, value: string): void;
  append(name: string, value: Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): FormDataEntryValue | null;
  getAll(name: string): FormDataEntryValue[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  set(name: string, value: Blob, filename?: string): void;
  keys(): IteratorObject<string, undefined, unknown>;
  values(): IteratorObject<FormDataEntryValue, undefined, unknown>;
  entries(): IteratorObject<[string, FormDataEntryValue], undefined, unknown>;
  forEach(callback: (value: FormDataEntryValue, name: string, form: FormData) => void, thisArg?: any): void;
  [Symbol.iterator](): IteratorObject<[string, FormDataEntryValue], undefined, unknown>;
}

declare var FormData: {
  prototype: FormData;
  new (): FormData;
};
