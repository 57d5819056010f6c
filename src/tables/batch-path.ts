import type { Batch, BatchLayout } from "../core/batch.js";
import { combinerOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import type { TableKernel } from "../kernels/table.js";
import { type Combiner, type CompiledCell, type CompiledSpec, cellVectors, vectorCount } from "../spec/compiled.js";

/** The kernels' numbers for combiners. */
export const combiners: Readonly<Record<Combiner, number>> = { sum: 0, mean: 1, sqrtn: 2 };

/** A cell whose keys have weights: a bag, or one constant key per row (number, bias). */
type List =
  | (Place & { readonly kind: "bag"; readonly combiner: number; readonly region: number })
  | (Place & { readonly kind: "number"; readonly key: bigint; readonly column: number })
  | (Place & { readonly kind: "bias"; readonly key: bigint });

/** Which of a row's vectors a list fills. */
type Place = ReturnType<typeof cellVectors>[number];

/** The key of a number cell (of its field's name) or of the bias cell. */
export function constantKey(cell: CompiledCell): bigint {
  return xxh64(cell.field, BigInt(`0x${cell.seed}`));
}

/** Batches are padded by their readers to at most the next multiple of this many rows. */
const ROW_PADDING = 64;

/** Capacity of X in rows, for batches of at most `capacity`. */
export const paddedRows = (capacity: number): number => Math.ceil(capacity / ROW_PADDING) * ROW_PADDING;

/** Copies batches into a table kernel's workspace: which cells a table has, and where their keys and weights go. */
export class BatchPath {
  /** Vectors per row: one per cell, or one per item if a cell's items are laid side by side. */
  readonly vectors: number;
  readonly capacity: number;
  private readonly tableIndex: number;
  private readonly singles: number;
  private readonly lists: readonly List[];
  /** Largest number of occurrences in a batch. */
  readonly most: number;

  constructor(model: CompiledSpec, tableIndex: number, layout: BatchLayout, capacity: number) {
    const { cells } = model.tables[tableIndex];
    this.tableIndex = tableIndex;
    this.capacity = capacity;
    this.vectors = vectorCount(cells);
    this.singles = layout.keys[tableIndex].singles;
    const places = cellVectors(cells);
    this.lists = cells.flatMap((cell, c) => listOf(model, tableIndex, layout, cell, c, places[c]));
    this.most = this.lists.reduce(
      (sum, list) => sum + layout.capacity * (list.kind === "bag" ? layout.bags[list.region].maxLength : 1),
      layout.capacity * this.singles,
    );
  }

  /** Allocates the kernel's workspace for batches. @returns false if there is no room; opening rows behind it then fails */
  open(kernel: TableKernel): boolean {
    return kernel.openBatch(this.capacity, this.vectors, this.singles, this.lists.length, this.most) === 1;
  }

  /**
   * Writes a batch's keys, weights and list offsets into the workspace.
   * @param numbers f32[rows × numbers]: the values number cells multiply by; NaN counts as 0
   * @returns the number of occurrences
   */
  load(batch: Batch, numbers: Float32Array, kernel: TableKernel, memory: WebAssembly.Memory): number {
    const keys = new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, this.most);
    const weights = new Float32Array(memory.buffer, kernel.coefficientsAt.value >>> 0, this.most);
    keys.set(batch.keys(this.tableIndex));
    let first = batch.rows * this.singles;
    this.lists.forEach((list, i) => {
      const combiner = list.kind === "bag" ? list.combiner : combiners.sum;
      const at = kernel.setList(i, list.first, combiner, first, list.vectors) >>> 0;
      const offsets = new Uint32Array(memory.buffer, at, batch.rows + 1);
      if (list.kind === "bag") {
        const bag = batch.bag(list.region);
        offsets.set(bag.offsets);
        keys.set(bag.keys, first);
        weights.set(bag.weights, first);
      } else {
        for (let r = 0; r <= batch.rows; r++) offsets[r] = r;
        keys.fill(list.key, first, first + batch.rows);
        if (list.kind === "bias") weights.fill(1, first, first + batch.rows);
        else copyColumn(numbers, list.column, batch.layout.numberCount, weights.subarray(first, first + batch.rows));
      }
      first += offsets[batch.rows];
    });
    return first;
  }
}

function listOf(
  model: CompiledSpec,
  table: number,
  layout: BatchLayout,
  cell: CompiledCell,
  c: number,
  place: Place,
): List[] {
  switch (cell.kind) {
    case "single":
      return [];
    case "bag": {
      const field = model.fields.find(({ name }) => name === cell.field);
      const region = layout.bags.findIndex((bag) => bag.table === table && bag.cell === c);
      const combiner = cell.items === undefined ? combinerOf(field) : "sum";
      return [{ ...place, kind: "bag", combiner: combiners[combiner], region }];
    }
    case "number":
      return [{ ...place, kind: "number", key: constantKey(cell), column: model.numbers.indexOf(cell.field) }];
    case "bias":
      return [{ ...place, kind: "bias", key: constantKey(cell) }];
  }
}

function copyColumn(matrix: Float32Array, column: number, columns: number, out: Float32Array): void {
  for (let r = 0; r < out.length; r++) {
    const x = matrix[r * columns + column];
    out[r] = Number.isNaN(x) ? 0 : x;
  }
}
