import type { Batch, BatchLayout } from "../core/batch.js";
import { type CompiledSpec, cellVectors, vectorDim } from "../spec/compiled.js";
import type { Table } from "../tables/table.js";
import type { PooledBag } from "../towers/tower.js";

interface Bag {
  readonly shape: PooledBag;
  /** Index of the batch's bag region. */
  readonly region: number;
  /** f32[rows]: items per row. */
  readonly lengths: Float32Array;
}

/** Where the vectors of pooled bags and of their queries are. */
export function pooledBags({ poolings = [], tables }: CompiledSpec): PooledBag[] {
  const placeOf = (field: string) => {
    const table = tables.findIndex(
      ({ role, cells }) => role === "embedding" && cells.some((cell) => cell.field === field),
    );
    const { cells } = tables[table];
    const { first, vectors } = cellVectors(cells)[cells.findIndex((cell) => cell.field === field)];
    return { table, first, most: vectors };
  };
  return poolings.map((pooling) => {
    const { over, query } = pooling;
    return { over, query: placeOf(query), items: placeOf(over), pooling };
  });
}

/** What a graph needs about the bags it pools, beside their items' vectors. */
export class PooledBags {
  private readonly bags: readonly Bag[];

  /** @param rows of the largest run */
  constructor(spec: CompiledSpec, layout: BatchLayout, rows: number) {
    this.bags = pooledBags(spec).map((shape) => {
      const cell = spec.tables[shape.items.table].cells.findIndex(({ field }) => field === shape.over);
      const region = layout.bags.findIndex((bag) => bag.table === shape.items.table && bag.cell === cell);
      return { shape, region, lengths: new Float32Array(rows) };
    });
  }

  /** Sets the lengths of a batch's bags. */
  count(batch: Batch): void {
    for (const { region, lengths } of this.bags) {
      const { offsets } = batch.bag(region);
      for (let r = 0; r < batch.rows; r++) lengths[r] = offsets[r + 1] - offsets[r];
    }
  }

  /** True if there are pooled bags, and all of the batch's rows have the same items in them: candidates of one context. */
  areShared(batch: Batch): boolean {
    return this.bags.length > 0 && batch.rows > 1 && this.bags.every(({ region }) => isRepeated(batch.bag(region)));
  }

  /** `length_<bag>`, f32[rows]. */
  lengths(): Record<string, Float32Array> {
    return Object.fromEntries(this.bags.map(({ shape, lengths }) => [`length_${shape.over}`, lengths]));
  }

  /** `items_<bag>`: the items' vectors of the first row, in the table's current memory. */
  items(tables: readonly Table[]): Record<string, Float32Array> {
    const items = this.bags.map(({ shape }) => {
      const { output, spec } = tables[shape.items.table];
      return [`items_${shape.over}`, output.subarray(shape.items.first * vectorDim(spec))];
    });
    return Object.fromEntries(items);
  }
}

/** True when every row's items and weights are the first row's. */
function isRepeated({ offsets, keys, weights }: ReturnType<Batch["bag"]>): boolean {
  const length = offsets[1];
  for (let r = 1; r < offsets.length; r++) if (offsets[r] !== r * length) return false;
  for (let i = length; i < keys.length; i++)
    if (keys[i] !== keys[i - length] || weights[i] !== weights[i - length]) return false;
  return true;
}
