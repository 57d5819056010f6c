import type { KernelGlobal } from "./table.js";
import { instantiate } from "./wasm.js";

/** What kernels/hotness.wasm exports. Call `open` and `configure` first: from then on its memory does not grow. */
export interface HotnessKernel {
  open(capacity: number, buckets: number, rows: number, most: number, seed: bigint): number;
  configure(threshold: number, decay: number, decaySteps: number): void;
  observe(count: number, rows: number, scale: number): void;
  /** Bytes of each: key u64, score f32, row to take u32 (0xffffffff: a free one). */
  pendingAt(): number;
  takePending(): number;
  demote(key: bigint, row: number, rows: number): void;
  promote(row: number, score: number): void;
  scoreOf(key: bigint): number;
  boundOf(key: bigint): number;

  readonly keysAt: KernelGlobal;
  readonly rowsAt: KernelGlobal;
  readonly gainsAt: KernelGlobal;
  readonly controlAt: KernelGlobal;
  readonly scoresAt: KernelGlobal;
  readonly bucketsAt: KernelGlobal;
}

/** A fresh hotness kernel with a memory of its own. */
export function hotnessKernel(): { memory: WebAssembly.Memory; kernel: HotnessKernel } {
  return instantiate<HotnessKernel>("hotness");
}
