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
