import type { KernelGlobal } from "./table.js";
import { instantiate } from "./wasm.js";

/** Exports of kernels/split.wasm. Call `open` first; the memory does not grow after that. */
export interface SplitKernel {
  setLimit(bytes: number): void;
  open(capacity: number, dim: number, parts: number): number;
  partOf(key: bigint, seed: bigint): number;
  byHash(count: number, seed: bigint): void;
  byRow(count: number): void;
  spread(count: number): void;
  collect(count: number): void;
  measure(count: number): number;

  readonly keysAt: KernelGlobal;
  readonly rowsAt: KernelGlobal;
  readonly vectorsAt: KernelGlobal;
  readonly gradientsAt: KernelGlobal;
  readonly normsAt: KernelGlobal;
  readonly partKeysAt: KernelGlobal;
  readonly partVectorsAt: KernelGlobal;
  readonly partGradientsAt: KernelGlobal;
  readonly startsAt: KernelGlobal;
}

/** A new split kernel with its own memory. */
export function splitKernel(): { memory: WebAssembly.Memory; kernel: SplitKernel } {
  return instantiate<SplitKernel>("split");
}
