// The part of the WebAssembly JavaScript API that the kernels use; TypeScript keeps its own copy in the DOM library
// only.
declare namespace WebAssembly {
  class CompileError extends Error {}
  class Module {
    constructor(bytes: Uint8Array);
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    /** A SharedArrayBuffer if the memory is shared. */
    readonly buffer: ArrayBuffer;
    /** @returns the previous size, in pages */
    grow(pages: number): number;
  }
}
