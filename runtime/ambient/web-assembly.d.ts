// WebAssembly (https://webassembly.github.io/spec/js-api/, https://webassembly.github.io/spec/web-api/), for jobs whose config
// says `isolate: { webAssembly: true }`.

interface MayflyGrants {
  webAssembly: WebAssemblyNamespace;
}

declare namespace WebAssembly {
  type ImportExportKind = "function" | "global" | "memory" | "table" | "tag";
  type ValueType = "anyfunc" | "externref" | "f32" | "f64" | "i32" | "i64" | "v128";
  type TableKind = "anyfunc" | "externref";
  type ExportValue = Function | Global | Memory | Table | Tag;
  type ImportValue = ExportValue | number | bigint;
  type Exports = Record<string, ExportValue>;
  type Imports = Record<string, Record<string, any>>;

  interface CompileOptions {
    builtins?: string[];
    importedStringConstants?: string | null;
  }

  interface ModuleExportDescriptor {
    kind: ImportExportKind;
    name: string;
  }

  interface ModuleImportDescriptor {
    kind: ImportExportKind;
    module: string;
    name: string;
  }

  /** Code that was compiled. */
  interface Module {}

  interface Instance {
    readonly exports: Exports;
  }

  interface WebAssemblyInstantiatedSource {
    module: Module;
    instance: Instance;
  }

  interface MemoryDescriptor {
    /** Pages of 64 KiB. */
    initial: number;
    maximum?: number;
    /** With shared memory granted too. */
    shared?: boolean;
  }

  interface Memory {
    readonly buffer: ArrayBuffer;
    /** @returns the size before, in pages. */
    grow(delta: number): number;
    toFixedLengthBuffer(): ArrayBuffer;
    toResizableBuffer(): ArrayBuffer;
  }

  interface TableDescriptor {
    element: TableKind;
    initial: number;
    maximum?: number;
  }

  interface Table {
    readonly length: number;
    get(index: number): any;
    grow(delta: number, value?: any): number;
    set(index: number, value?: any): void;
  }

  interface GlobalDescriptor {
    value: ValueType;
    mutable?: boolean;
  }

  interface Global {
    value: any;
    valueOf(): any;
  }

  interface TagType {
    parameters: ValueType[];
  }

  interface Tag {}

  interface Exception {
    readonly stack?: string;
    is(tag: Tag): boolean;
    getArg(tag: Tag, index: number): any;
  }

  /** A function of ours that code may call and wait for (https://github.com/WebAssembly/js-promise-integration). */
  interface Suspending {}

  interface CompileError extends Error {
    toString(): string;
  }
  interface LinkError extends Error {
    toString(): string;
  }
  interface RuntimeError extends Error {
    toString(): string;
  }
  interface SuspendError extends Error {
    toString(): string;
  }
}

interface WebAssemblyError<E extends Error>
  extends Pick<ErrorConstructor, "captureStackTrace" | "isError" | "stackTraceLimit"> {
  readonly prototype: E;
  new (message?: string, options?: ErrorOptions): E;
  (message?: string, options?: ErrorOptions): E;
}

interface WebAssemblyNamespace {
  compile(bytes: BufferSource, options?: WebAssembly.CompileOptions): Promise<WebAssembly.Module>;
  compileStreaming(source: Response | PromiseLike<Response>): Promise<WebAssembly.Module>;
  instantiate(bytes: BufferSource, imports?: WebAssembly.Imports): Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  instantiate(module: WebAssembly.Module, imports?: WebAssembly.Imports): Promise<WebAssembly.Instance>;
  instantiateStreaming(
    source: Response | PromiseLike<Response>,
    imports?: WebAssembly.Imports,
  ): Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  validate(bytes: BufferSource, options?: WebAssembly.CompileOptions): boolean;

  readonly Module: {
    readonly prototype: WebAssembly.Module;
    new (bytes: BufferSource, options?: WebAssembly.CompileOptions): WebAssembly.Module;
    customSections(module: WebAssembly.Module, name: string): ArrayBuffer[];
    exports(module: WebAssembly.Module): WebAssembly.ModuleExportDescriptor[];
    imports(module: WebAssembly.Module): WebAssembly.ModuleImportDescriptor[];
  };
  readonly Instance: {
    readonly prototype: WebAssembly.Instance;
    new (module: WebAssembly.Module, imports?: WebAssembly.Imports): WebAssembly.Instance;
  };
  readonly Memory: {
    readonly prototype: WebAssembly.Memory;
    new (descriptor: WebAssembly.MemoryDescriptor): WebAssembly.Memory;
  };
  readonly Table: {
    readonly prototype: WebAssembly.Table;
    new (descriptor: WebAssembly.TableDescriptor, value?: any): WebAssembly.Table;
  };
  readonly Global: {
    readonly prototype: WebAssembly.Global;
    new (descriptor: WebAssembly.GlobalDescriptor, value?: any): WebAssembly.Global;
  };
  readonly Tag: {
    readonly prototype: WebAssembly.Tag;
    new (type: WebAssembly.TagType): WebAssembly.Tag;
  };
  readonly JSTag: WebAssembly.Tag;
  readonly Exception: {
    readonly prototype: WebAssembly.Exception;
    new (tag: WebAssembly.Tag, payload: any[], options?: { traceStack?: boolean }): WebAssembly.Exception;
  };
  readonly CompileError: WebAssemblyError<WebAssembly.CompileError>;
  readonly LinkError: WebAssemblyError<WebAssembly.LinkError>;
  readonly RuntimeError: WebAssemblyError<WebAssembly.RuntimeError>;
  readonly SuspendError: WebAssemblyError<WebAssembly.SuspendError>;
  readonly Suspending: {
    readonly prototype: WebAssembly.Suspending;
    new (callback: (...args: any[]) => any): WebAssembly.Suspending;
  };
  /** An exported function, as one that gives a promise. */
  promising(exported: Function): (...args: any[]) => Promise<any>;
}
