import type { Sums } from "../core/bf16.js";
import { stageSums } from "../kernels/staged-sums.js";
import type { TableKernel } from "../kernels/table.js";

/** What one lane's batch contributes to a table: copies that can cross threads and processes. */
export interface TableContribution {
  /** u64: its distinct keys (rows of a hash table), in the order of first appearance. */
  readonly keys: BigUint64Array;
  /** [keys × floats]: the sum of each one's gradients. */
  readonly gradients: Sums;
  /** For the decoder network, if there is one. */
  readonly decoder?: DecoderContribution;
  /**
   * For a table whose shards are held elsewhere: the part for each of them, instead of the above. Absent once it has
   * been sent.
   */
  readonly shards?: readonly ShardContribution[];
  /** Number of keys that were sent to the owners of their rows. */
  readonly sent?: number;
}

/** What a lane's batch contributes to one shard of a table. */
export type ShardContribution = Pick<TableContribution, "keys" | "gradients">;

/** What a lane's batch contributes to a small network. */
export interface DecoderContribution {
  /** Rows it ran for. */
  readonly rows: number;
  /** The sum of its weights' gradients over them. */
  readonly weights: Float32Array;
  /** Differences between its running statistics and the batch's; null if these are not to be updated. */
  readonly statistics: Float32Array | null;
}

/** Where a kernel takes gradients of distinct keys. */
export interface GradientSlots {
  readonly kernel: TableKernel;
  /** f32: the kernel's dX, which is unused while contributions are folded. */
  readonly stage: () => Float32Array;
  /** Floats per key. */
  readonly dim: number;
}

/** Keys whose gradients are copied into the kernel's memory at a time: few enough to stay in the processor's cache. */
const STAGED = 1 << 12;

/** Sums contributions' gradients, in their order, for each distinct key of the kernel's last gather. */
export function addContributions(
  { kernel, stage, dim }: GradientSlots,
  parts: readonly TableContribution[],
  factor: number,
): void {
  kernel.clearGradients();
  const staged = stage();
  const most = Math.min(STAGED, Math.floor(staged.length / dim));
  let first = 0;
  for (const { keys, gradients } of parts) {
    for (let from = 0; from < keys.length; from += most) {
      const to = Math.min(keys.length, from + most);
      stageSums(kernel, staged, gradients.subarray(from * dim, to * dim));
      if (factor !== 1) for (let i = 0; i < (to - from) * dim; i++) staged[i] *= factor;
      kernel.addGradients(first + from, to - from);
    }
    first += keys.length;
  }
}

/** Writes all contributions' keys, concatenated. @returns how many */
export function placeKeys(into: BigUint64Array, parts: readonly TableContribution[]): number {
  let count = 0;
  for (const { keys } of parts) {
    into.set(keys, count);
    count += keys.length;
  }
  return count;
}

/** The contributions to the decoder network, without empty ones. */
export const decodersOf = (parts: readonly TableContribution[]): DecoderContribution[] =>
  parts.flatMap(({ decoder }) => decoder ?? []);
