import type { CompiledSpec } from "../spec/compiled.js";

/** One bag cell's CSR region of a batch: items of row r are [offsets[r], offsets[r+1]). */
export interface BagRegion {
  readonly table: number;
  /** Index of the cell among its table's cells. */
  readonly cell: number;
  readonly maxLength: number;
  readonly offsets: number;
  readonly keys: number;
  readonly weights: number;
}

/**
 * Positions of the parts of a decoded batch: byte offsets into ONE contiguous region, the same in the decoder's memory
 * and in the ArrayBuffer shared by both threads. Strides use `capacity`, even for a shorter last batch.
 */
export interface BatchLayout {
  /** Rows the region has room for (B). */
  readonly capacity: number;
  /** Bytes of the whole region, a multiple of 16. */
  readonly bytes: number;
  /** f32[B]: 0 or 1, soft labels between them. */
  readonly labels: number;
  /** f32[B]: importance, 1 by default. */
  readonly weights: number;
  /** f64[B]: event time in ms since the epoch, 0 where the spec has no time. */
  readonly times: number;
  /** u64[B]: XXH64 (seed 0) of the event id's text, 0 where the spec has none. */
  readonly ids: number;
  /** f32[B]: true click probability of simulated data, NaN where unknown. */
  readonly oracle: number;
  /** f32[B × numberCount] row-major, log1p already applied; NaN = missing (the model's numeric stage resolves it). */
  readonly numbers: number;
  readonly numberCount: number;
  /** f32[B × vectorWidth] row-major, the vector fields side by side. */
  readonly vectors: number;
  readonly vectorWidth: number;
  /** Per table: u64[B × singles] row-major. */
  readonly keys: readonly { readonly offset: number; readonly singles: number }[];
  /** u32[B+1], u64[B × maxLength], f32[B × maxLength] for every bag cell, in table then cell order. */
  readonly bags: readonly BagRegion[];
}

/** Computes the layout of a batch of at most `capacity` rows of this model's events. */
export function batchLayout(spec: Pick<CompiledSpec, "fields" | "tables" | "numbers">, capacity: number): BatchLayout {
  let end = 0;
  const take = (bytes: number): number => {
    const at = end;
    end = (end + bytes + 15) & ~15;
    return at;
  };
  const vectorWidth = spec.fields.reduce((sum, field) => sum + ("take" in field ? field.take : 0), 0);
  const head = {
    labels: take(capacity * 4),
    weights: take(capacity * 4),
    times: take(capacity * 8),
    ids: take(capacity * 8),
    oracle: take(capacity * 4),
    numbers: take(capacity * 4 * spec.numbers.length),
    vectors: take(capacity * 4 * vectorWidth),
  };
  const keys = spec.tables.map((table) => {
    const singles = table.cells.filter((cell) => cell.kind === "single").length;
    return { offset: take(capacity * 8 * singles), singles };
  });
  const bags = spec.tables.flatMap((table, t) =>
    table.cells.flatMap((cell, c) => {
      const field = spec.fields.find((f) => f.name === cell.field);
      if (cell.kind !== "bag" || !field || !("max_length" in field)) return [];
      return {
        table: t,
        cell: c,
        maxLength: field.max_length,
        offsets: take((capacity + 1) * 4),
        keys: take(capacity * field.max_length * 8),
        weights: take(capacity * field.max_length * 4),
      };
    }),
  );
  return { capacity, ...head, numberCount: spec.numbers.length, vectorWidth, keys, bags, bytes: end };
}

/** The layout for events of which only label, weight, time, id and oracle are decoded. */
export function labelLayout(capacity: number): BatchLayout {
  return batchLayout({ fields: [], tables: [], numbers: [] }, capacity);
}

/** Memory for a batch: part of a buffer, starting at byte `base` (a multiple of 16). */
export interface Room {
  readonly buffer: ArrayBufferLike;
  readonly base: number;
}

/** A decoded batch: `rows` rows in a region laid out by `layout`. Labels etc. are views, made on demand. */
export class Batch {
  readonly layout: BatchLayout;
  readonly rows: number;
  readonly buffer: ArrayBufferLike;
  readonly base: number;

  /** @param base byte offset of the region in `buffer` (a multiple of 8) */
  constructor(layout: BatchLayout, rows: number, buffer: ArrayBufferLike, base = 0) {
    this.layout = layout;
    this.rows = rows;
    this.buffer = buffer;
    this.base = base;
  }

  get labels(): Float32Array {
    return new Float32Array(this.buffer, this.base + this.layout.labels, this.rows);
  }
  get weights(): Float32Array {
    return new Float32Array(this.buffer, this.base + this.layout.weights, this.rows);
  }
  get times(): Float64Array {
    return new Float64Array(this.buffer, this.base + this.layout.times, this.rows);
  }
  /** Two u32 halves per id, the lower one first. */
  get idHalves(): Uint32Array {
    return new Uint32Array(this.buffer, this.base + this.layout.ids, 2 * this.rows);
  }
  get ids(): BigUint64Array {
    return new BigUint64Array(this.buffer, this.base + this.layout.ids, this.rows);
  }
  get oracle(): Float32Array {
    return new Float32Array(this.buffer, this.base + this.layout.oracle, this.rows);
  }
  get numbers(): Float32Array {
    return new Float32Array(this.buffer, this.base + this.layout.numbers, this.rows * this.layout.numberCount);
  }
  get vectors(): Float32Array {
    return new Float32Array(this.buffer, this.base + this.layout.vectors, this.rows * this.layout.vectorWidth);
  }
  /** The single-valued keys of table `t`: [rows × singles], row-major. */
  keys(t: number): BigUint64Array {
    const { offset, singles } = this.layout.keys[t];
    return new BigUint64Array(this.buffer, this.base + offset, this.rows * singles);
  }
  /** CSR views of bag region `i`: offsets [rows + 1], keys and weights [offsets[rows]]. */
  bag(i: number): { offsets: Uint32Array; keys: BigUint64Array; weights: Float32Array } {
    const region = this.layout.bags[i];
    const offsets = new Uint32Array(this.buffer, this.base + region.offsets, this.rows + 1);
    const items = offsets[this.rows];
    return {
      offsets,
      keys: new BigUint64Array(this.buffer, this.base + region.keys, items),
      weights: new Float32Array(this.buffer, this.base + region.weights, items),
    };
  }
}

/** The batch without the rows whose `keep` is 0, packed to the front of the same memory, in order. */
export function keepRows(batch: Batch, keep: Uint8Array): Batch {
  const { layout } = batch;
  const kept = keep.reduce((sum, flag) => sum + flag, 0);
  for (const column of [batch.labels, batch.weights, batch.times, batch.ids, batch.oracle]) pack(column, 1, keep);
  pack(batch.numbers, layout.numberCount, keep);
  pack(batch.vectors, layout.vectorWidth, keep);
  layout.keys.forEach(({ singles }, t) => {
    pack(batch.keys(t), singles, keep);
  });
  layout.bags.forEach((_, i) => {
    packBag(batch.bag(i), keep);
  });
  return new Batch(layout, kept, batch.buffer, batch.base);
}

/** A copy of rows [from, to) of a batch, laid out alike, in `into` (a buffer of `layout.bytes`). */
export function copyRows(batch: Batch, from: number, to: number, into: ArrayBufferLike): Batch {
  const { layout } = batch;
  const rows = to - from;
  const some = new Batch(layout, rows, into);
  const copy = (name: "labels" | "weights" | "times" | "oracle" | "numbers" | "vectors", width: number) =>
    some[name].set(batch[name].subarray(from * width, to * width));
  for (const name of ["labels", "weights", "times", "oracle"] as const) copy(name, 1);
  some.ids.set(batch.ids.subarray(from, to));
  copy("numbers", layout.numberCount);
  copy("vectors", layout.vectorWidth);
  layout.keys.forEach(({ singles }, t) => {
    some.keys(t).set(batch.keys(t).subarray(from * singles, to * singles));
  });
  layout.bags.forEach((region, i) => {
    const { offsets, keys, weights } = batch.bag(i);
    const first = offsets[from];
    new Uint32Array(into, region.offsets, rows + 1).set(offsets.subarray(from, to + 1).map((end) => end - first));
    some.bag(i).keys.set(keys.subarray(first, offsets[to]));
    some.bag(i).weights.set(weights.subarray(first, offsets[to]));
  });
  return some;
}

/**
 * Appends copies of some rows of another batch with the same layout; `to`'s memory must have room for them.
 * @returns both together
 */
export function appendRows(to: Batch, from: Batch, rows: readonly number[]): Batch {
  const { layout } = to;
  const all = new Batch(layout, to.rows + rows.length, to.buffer, to.base);
  const copy = <T extends Column>(into: T, out: T, width: number) => {
    rows.forEach((row, i) => {
      into.set(out.subarray(row * width, (row + 1) * width) as never, (to.rows + i) * width);
    });
  };
  for (const name of ["labels", "weights", "times", "oracle"] as const) copy(all[name] as Column, from[name], 1);
  copy(all.ids, from.ids, 1);
  copy(all.numbers, from.numbers, layout.numberCount);
  copy(all.vectors, from.vectors, layout.vectorWidth);
  layout.keys.forEach(({ singles }, t) => {
    copy(all.keys(t), from.keys(t), singles);
  });
  layout.bags.forEach((region, i) => {
    appendItems(to, region, from.bag(i), rows);
  });
  return all;
}

function appendItems(to: Batch, region: BagRegion, from: ReturnType<Batch["bag"]>, rows: readonly number[]): void {
  const { buffer, base, layout } = to;
  const items = layout.capacity * region.maxLength;
  const offsets = new Uint32Array(buffer, base + region.offsets, layout.capacity + 1);
  const keys = new BigUint64Array(buffer, base + region.keys, items);
  const weights = new Float32Array(buffer, base + region.weights, items);
  if (to.rows === 0) offsets[0] = 0;
  rows.forEach((row, i) => {
    const first = from.offsets[row];
    const end = from.offsets[row + 1];
    const at = offsets[to.rows + i];
    keys.set(from.keys.subarray(first, end), at);
    weights.set(from.weights.subarray(first, end), at);
    offsets[to.rows + i + 1] = at + end - first;
  });
}

type Column = Float32Array | Float64Array | BigUint64Array;

function pack(column: Column, width: number, keep: Uint8Array): void {
  let to = 0;
  keep.forEach((flag, r) => {
    if (flag) column.copyWithin(width * to++, width * r, width * (r + 1));
  });
}

function packBag({ offsets, keys, weights }: ReturnType<Batch["bag"]>, keep: Uint8Array): void {
  let row = 0;
  let end = 0;
  keep.forEach((flag, r) => {
    const from = offsets[r];
    const to = offsets[r + 1];
    if (!flag) return;
    keys.copyWithin(end, from, to);
    weights.copyWithin(end, from, to);
    end += to - from;
    offsets[++row] = end;
  });
}
