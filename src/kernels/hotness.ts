import type { KernelGlobal } from "./table.js";
import { instantiate } from "./wasm.js";

/** Exports of kernels/hotness.wasm. Call `open` and `configure` first; the memory does not grow after that. */
export interface HotnessKernel {
  open(capacity: number, buckets: number, rows: number, most: number, seed: bigint): number;
  configure(threshold: number, decay: number, decaySteps: number): void;
  observe(count: number, rows: number, scale: number): void;
  /** Address of the pending ids, 16 bytes each: key u64, score f32, row to take over u32 (0xffffffff: a free one). */
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

/** A new hotness kernel with its own memory. */
export function hotnessKernel(): { memory: WebAssembly.Memory; kernel: HotnessKernel } {
  return instantiate<HotnessKernel>("hotness");
}
