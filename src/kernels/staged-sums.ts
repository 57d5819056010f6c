import type { Sums } from "../core/bf16.js";
import type { TableKernel } from "./table.js";

/** Writes sums as f32 to the beginning of `staged`, a view of the kernel's memory. */
export function stageSums(kernel: Pick<TableKernel, "widen">, staged: Float32Array, sums: Sums): void {
  if (sums instanceof Float32Array) {
    staged.set(sums);
    return;
  }
  new Uint16Array(staged.buffer, staged.byteOffset, sums.length).set(sums);
  kernel.widen(staged.byteOffset, sums.length);
}
