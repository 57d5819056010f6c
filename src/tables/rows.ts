import type { RowLayout } from "../core/row-layout.js";
import type { TableKernel } from "../kernels/table.js";

/** One learned row. */
export interface RowState {
  readonly row: number;
  /** f32[dim]. */
  readonly weights: Float32Array;
  /** The optimizer's floats by slot name, padding included. */
  readonly state: Readonly<Record<string, Float32Array>>;
}

/** Some rows of a store: their keys or row numbers, and weights f32[keys × dim]. */
export interface RowChunk {
  readonly keys: BigUint64Array;
  readonly weights: Float32Array;
}

/** Rows copied together: few enough to stay in the processor's cache. */
export const PACKED = 256;

/** What is needed to read a row. */
interface RowMemory {
  readonly kernel: TableKernel;
  readonly memory: WebAssembly.Memory;
  readonly layout: RowLayout;
}

/** A copy of a row's floats by slot. @param probe address of space for all of them */
export function slotsOf({ kernel, memory, layout }: RowMemory, row: number, probe: number): RowState["state"] {
  let at = kernel.rowPtr(row) >>> 0;
  if (layout.precision !== "f32") {
    kernel.unpack(at, probe);
    at = probe;
  }
  const slots = layout.sections.filter(({ name }) => name !== "scale");
  return Object.fromEntries(
    slots.map(({ name, count }) => {
      const floats = new Float32Array(memory.buffer.slice(at, at + count * 4));
      at += floats.byteLength;
      return [name, floats];
    }),
  );
}

/**
 * Learned rows in the order of their numbers, `size` at a time.
 * @param store with space for the keys and weights of `PACKED` rows at `packing`
 * @param end the row behind the last one
 */
export function* learnedRows(
  store: RowMemory & { readonly packing: number },
  end: number,
  size: number,
): Generator<RowChunk> {
  const { kernel, memory, packing, layout } = store;
  const { dim } = layout;
  const out = packing + PACKED * 8;
  for (let row = 0; row < end; ) {
    const keys = new BigUint64Array(size);
    const weights = new Float32Array(size * dim);
    let count = 0;
    while (count < size && row < end) {
      const some = kernel.exportRows(row, end, Math.min(PACKED, size - count), packing, out, dim) >>> 0;
      keys.set(new BigUint64Array(memory.buffer, packing, some), count);
      weights.set(new Float32Array(memory.buffer, out, some * dim), count * dim);
      count += some;
      row = kernel.nextExported.value >>> 0;
    }
    if (count === size) yield { keys, weights };
    else if (count > 0) yield { keys: keys.slice(0, count), weights: weights.slice(0, count * dim) };
  }
}
