import type { Sums } from "../core/bf16.js";
import { stageSums } from "../kernels/staged-sums.js";
import type { TableKernel } from "../kernels/table.js";

/** What one lane's batch brings to a table: copies, which cross threads and processes. */
export interface TableContribution {
  /** u64: its distinct keys (rows of a hash table), in the order of first appearance. */
  readonly keys: BigUint64Array;
  /** [keys × floats]: the sum of each one's gradients. */
  readonly gradients: Sums;
  /** Of the network that decodes, where one does. */
  readonly decoder?: DecoderContribution;
  /** Of a table whose shards are held elsewhere: what each of them is brought, in place of the above. Absent once it has been sent. */
  readonly shards?: readonly ShardContribution[];
  /** Keys that were sent to who holds their rows. */
  readonly sent?: number;
}

/** What a lane's batch brings to one shard of a table. */
export type ShardContribution = Pick<TableContribution, "keys" | "gradients">;

/** What a lane's batch brings to a small network. */
export interface DecoderContribution {
  /** Rows it ran for. */
  readonly rows: number;
  /** The sum of its weights' gradients over them. */
  readonly weights: Float32Array;
  /** How its running statistics differ from the batch's; null where they do not follow it. */
  readonly statistics: Float32Array | null;
}

/** Where a kernel takes gradients of distinct keys. */
export interface GradientSlots {
  readonly kernel: TableKernel;
  /** f32: the kernel's dX, which is free while contributions are folded. */
  readonly stage: () => Float32Array;
  /** Floats a key. */
  readonly dim: number;
}

/** Sums contributions' gradients, in their order, for each distinct key of the kernel's last gather. */
export function addContributions(
  { kernel, stage, dim }: GradientSlots,
  parts: readonly TableContribution[],
  factor: number,
): void {
  kernel.clearGradients();
  const staged = stage();
  const most = Math.floor(staged.length / dim);
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

/** Writes all contributions' keys, one behind the other. @returns how many */
export function placeKeys(into: BigUint64Array, parts: readonly TableContribution[]): number {
  let count = 0;
  for (const { keys } of parts) {
    into.set(keys, count);
    count += keys.length;
  }
  return count;
}

/** What contributions bring to the network that decodes, of those that bring something. */
export const decodersOf = (parts: readonly TableContribution[]): DecoderContribution[] =>
  parts.flatMap(({ decoder }) => decoder ?? []);
