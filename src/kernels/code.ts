import { instantiate } from "./wasm.js";

/** An exported number of a kernel. */
interface KernelGlobal {
  readonly value: number;
}

/**
 * What kernels/code.wasm exports. Addresses and counts come back as signed 32-bit integers: read them with `>>> 0`. Functions
 * that answer yes or no return 1 or 0. The order of calls: setLimit, openCodes, openCache where there is one. The memory
 * does not grow after that.
 */
export interface CodeKernel {
  setLimit(bytes: number): void;
  openCodes(rows: number, hashes: number, gaussian: number, seed: bigint, dim: number, learns: number): number;
  openCache(places: number, rows: number): number;
  /** Writes the codes of the first `count` keys. */
  encode(count: number): void;
  /** Fills the vectors the cache has; writes the codes of the other keys from row 0 on and returns their number. */
  look(count: number): number;
  /** Takes the `missed` vectors at `decodedAt`. */
  settle(missed: number): void;
  /** Empties the cache. */
  forget(): void;

  readonly keysAt: KernelGlobal;
  readonly codesAt: KernelGlobal;
  readonly vectorsAt: KernelGlobal;
  readonly gradientsAt: KernelGlobal;
  readonly decodedAt: KernelGlobal;
}

/** A fresh code kernel with a memory of its own. */
export function codeKernel(): { memory: WebAssembly.Memory; kernel: CodeKernel } {
  return instantiate<CodeKernel>("code");
}
