import { instantiate } from "./wasm.js";

/** An exported number of a kernel. */
interface KernelGlobal {
  readonly value: number;
}

/**
 * Exports of kernels/code.wasm. Addresses and counts are signed 32-bit integers: read them with `>>> 0`. Functions with
 * a boolean result return 1 or 0. Order of calls: setLimit, openCodes, openCache (optional). The memory does not grow
 * after that.
 */
export interface CodeKernel {
  setLimit(bytes: number): void;
  openCodes(rows: number, hashes: number, gaussian: number, seed: bigint, dim: number, learns: number): number;
  openCache(places: number, rows: number): number;
  /** Writes the codes of the first `count` keys. */
  encode(count: number): void;
  /** Writes the vectors of cached keys; writes the codes of the other keys from row 0 on and returns their number. */
  look(count: number): number;
  /** Stores the `missed` decoded vectors at `decodedAt` in the output and in the cache. */
  settle(missed: number): void;
  /** Empties the cache. */
  forget(): void;

  readonly keysAt: KernelGlobal;
  readonly codesAt: KernelGlobal;
  readonly vectorsAt: KernelGlobal;
  readonly gradientsAt: KernelGlobal;
  readonly decodedAt: KernelGlobal;
}

/** A new code kernel with its own memory. */
export function codeKernel(): { memory: WebAssembly.Memory; kernel: CodeKernel } {
  return instantiate<CodeKernel>("code");
}
