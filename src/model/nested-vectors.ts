import type { Batch } from "../core/batch.js";
import { mixed } from "../core/mix.js";
import { xxh64 } from "../kernels/hash.js";
import { logistic } from "../metrics/kernel.js";
import { type CompiledSpec, cellVectors, vectorDim } from "../spec/compiled.js";
import { scaleAndAdd } from "./views.js";

/** One batch in this many is also learned with cut vectors. */
const EVERY = 3;
/** Weight of the gradients of cut vectors, since other batches have none. The best of 1, 2 and 4 over 500,000 events. */
const WEIGHT = 2;
/**
 * The target of cut vectors: this share of the label, and for the rest the whole vectors' prediction (distillation, Hinton et
 * al. 2015), which is less noisy.
 */
const OF_LABEL = 0.15;
/** Share of events whose fields are all cut to the same prefix; in the others each field has its own, or is whole. */
const TOGETHER = 0.75;
/** A cut vector is scaled up by dim ÷ prefix to this power: the measured best of 0, ¼, ½ and ¾. */
const GROWTH = 0.25;
/** Prefixes of this many components and more are drawn equally often, shorter ones in proportion to their length. */
const USUAL = 8;
/**
 * Gradients of components [n, 2n) after the first USUAL ones are divided by 2n ÷ USUAL to this power, so that whole vectors
 * concentrate their information in the first components. The measured best of 0, ½ and 2 at dim 32 over 1,000,000 events.
 */
const DECLINE = 0.5;

/** By field, the components of its vectors that are used; other fields use all. */
export type Prefixes = Readonly<Record<string, number>>;

/** A tower's arrays for a batch, and a function that runs it. */
export interface TowerPass {
  /** X of every table. */
  readonly vectors: readonly Float32Array[];
  /** dX of every table. */
  readonly gradients: readonly Float32Array[];
  /** Of the tower's weights. */
  readonly dense: readonly Float32Array[];
  readonly logits: Float32Array;
  /** Runs the tower: computes logits and gradients. */
  readonly tower: (labels: Float32Array) => Promise<void>;
}

/** The vectors of one cell, and their position in a row of X. */
interface Cell {
  readonly field: string;
  readonly table: number;
  readonly first: number;
  readonly vectors: number;
  readonly dim: number;
  /** Floats per row of X. */
  readonly width: number;
  /** The prefixes it may be cut to. */
  readonly nested: Draw;
  /** By prefix: what the components before the cut are multiplied by, since sums have fewer terms. */
  readonly growth: Float64Array;
}

/**
 * Nested vectors (Matryoshka representations, Kusupati et al. 2022): some batches are learned twice at once, with whole vectors
 * and with only the first components of the fields' vectors, whose number is drawn (by event and field, as in OptEmbed, Lyu et
 * al. 2022). Draws depend on the seed and the event's number, so neither threads nor resuming change them.
 */
export class NestedVectors {
  private readonly cells: readonly Cell[];
  /** The prefixes of all cells, without the longest. */
  private readonly together: Draw;
  /** One in this many events begins a batch that is cut. */
  private readonly every: number;
  private readonly seeds: readonly [number, number];
  /** By table: what each column of dX is multiplied by. */
  private readonly declines: ReadonlyMap<number, Float64Array>;
  /** u16[rows × cells]: the prefixes of the events last cut. */
  private drawn = new Uint16Array();
  /** Logits and gradients of the whole vectors, while the cut ones are learned. */
  private whole: Float32Array[] = [];

  private constructor({ seed, batch }: CompiledSpec, cells: readonly Cell[]) {
    this.cells = cells;
    this.every = EVERY * batch;
    this.declines = declinesOf(cells);
    const all = cells.flatMap(({ nested }) => nested.prefixes);
    this.together = new Draw(all.filter((prefix) => prefix < Math.max(...all)));
    const bits = xxh64("nested", BigInt(seed));
    this.seeds = [Number(bits & 0xffffffffn), Number(bits >> 32n)];
  }

  /** null if no table is nested. */
  static of(spec: CompiledSpec): NestedVectors | null {
    const cells = cellsOf(spec).filter(({ table }) => spec.tables[table].nested !== undefined);
    return cells.length > 0 ? new NestedVectors(spec, cells) : null;
  }

  /**
   * Runs a tower with whole vectors and, for some batches, also with cut ones: the logits are those of the whole vectors, the
   * gradients include both.
   * @param first the number of the batch's first event in the stream
   */
  async run(batch: Pick<Batch, "labels" | "rows">, first: number, pass: TowerPass): Promise<void> {
    const { labels, rows } = batch;
    await pass.tower(labels);
    if (Math.floor((first + rows) / this.every) > Math.floor(first / this.every)) await this.addCut(batch, first, pass);
    for (const [table, factors] of this.declines) scaleColumns(pass.gradients[table], rows, factors);
  }

  /** Runs the tower again, with cut vectors, and adds the gradients. */
  private async addCut(
    { labels, rows }: Pick<Batch, "labels" | "rows">,
    first: number,
    { vectors, gradients, dense, logits, tower }: TowerPass,
  ): Promise<void> {
    const all = [...gradients, ...dense];
    const [told, ...whole] = this.keep([logits, ...all]);
    const targets = labels.map((label, r) => OF_LABEL * label + (1 - OF_LABEL) * logistic(told[r]));
    this.cut(vectors, rows, first);
    await tower(targets);
    this.cutGradients(gradients, rows);
    logits.set(told);
    for (const [i, array] of all.entries()) scaleAndAdd(array, WEIGHT, whole[i]);
  }

  /** Copies arrays into memory that is used again. */
  private keep(arrays: readonly Float32Array[]): Float32Array[] {
    this.whole = arrays.map(({ length }, i) => {
      const room = this.whole[i];
      return room && room.length >= length ? room : new Float32Array(length);
    });
    return arrays.map((array, i) => {
      const kept = this.whole[i].subarray(0, array.length);
      kept.set(array);
      return kept;
    });
  }

  /**
   * Draws prefixes for events and cuts their vectors.
   * @param matrices X of every table
   * @param first the number of the first event in the stream
   */
  cut(matrices: readonly Float32Array[], rows: number, first: number): void {
    const { length } = this.cells;
    if (this.drawn.length < rows * length) this.drawn = new Uint16Array(rows * length);
    for (let r = 0; r < rows; r++) this.draw(first + r, r * length);
    this.cutDrawn(matrices, rows);
  }

  /** Sets the gradients of the cut-off components to 0. @param matrices dX of every table */
  cutGradients(matrices: readonly Float32Array[], rows: number): void {
    this.cutDrawn(matrices, rows);
  }

  /** Draws the prefix of each cell for an event, into `drawn`. */
  private draw(event: number, at: number): void {
    const { cells, drawn, together } = this;
    const [low, high] = this.seeds;
    const bits = mixed(mixed(event ^ low) ^ (event / 2 ** 32) ^ high);
    const one = bits >>> 0 < TOGETHER * 2 ** 32 ? together.of(mixed(bits ^ 0x5bd1e995)) : null;
    for (let c = 0; c < cells.length; c++) {
      const { nested } = cells[c];
      drawn[at + c] = one === null ? nested.of(mixed(bits + Math.imul(c + 1, 0x9e3779b9))) : nested.upTo(one);
    }
  }

  private cutDrawn(matrices: readonly Float32Array[], rows: number): void {
    const { cells, drawn } = this;
    for (let c = 0; c < cells.length; c++)
      for (let r = 0; r < rows; r++) cutRow(matrices[cells[c].table], r, cells[c], drawn[r * cells.length + c]);
  }
}

/** Vectors cut to fixed prefixes: those given by field, or by the spec's cells. */
export class CutVectors {
  private readonly cuts: readonly { readonly cell: Cell; readonly prefix: number }[];

  constructor(spec: CompiledSpec, prefixes: Prefixes = prefixesOf(spec)) {
    const cuts = cellsOf(spec).map((cell) => ({ cell, prefix: prefixes[cell.field] ?? cell.dim }));
    this.cuts = cuts.filter(({ cell, prefix }) => prefix < cell.dim);
  }

  /** @param matrices X of every table, or dX */
  cut(matrices: readonly Float32Array[], rows: number): void {
    for (const { cell, prefix } of this.cuts)
      for (let r = 0; r < rows; r++) cutRow(matrices[cell.table], r, cell, prefix);
  }
}

/**
 * Draws prefixes from random bits: one of n components with a probability proportional to n, capped at USUAL, since long ones
 * are used most.
 */
class Draw {
  readonly prefixes: readonly number[];
  /** Cumulative thresholds: bits below one give that prefix or an earlier one. */
  private readonly below: readonly number[];

  constructor(prefixes: readonly number[]) {
    this.prefixes = [...new Set(prefixes)].sort((a, b) => a - b);
    const parts = this.prefixes.map((prefix) => Math.min(prefix, USUAL));
    const sum = parts.reduce((total, part) => total + part, 0);
    let so = 0;
    this.below = parts.map((part) => {
      so += part;
      return (so / sum) * 2 ** 32;
    });
  }

  of(bits: number): number {
    const { below, prefixes } = this;
    let i = 0;
    while (i < prefixes.length - 1 && bits >>> 0 >= below[i]) i++;
    return prefixes[i];
  }

  /** The longest prefix of at most `most` components; the shortest if there is none. */
  upTo(most: number): number {
    const { prefixes } = this;
    let i = prefixes.length - 1;
    while (i > 0 && prefixes[i] > most) i--;
    return prefixes[i];
  }
}

/** The prefixes of a spec's cells. */
function prefixesOf({ tables }: CompiledSpec): Prefixes {
  const cells = tables.flatMap(({ cells }) => cells).filter(({ prefix }) => prefix !== undefined);
  return Object.fromEntries(cells.map(({ field, prefix }) => [field, prefix!]));
}

function cellsOf({ tables }: CompiledSpec): Cell[] {
  return tables.flatMap((table, t) => {
    if (table.role === "wide") return [];
    const dim = vectorDim(table);
    const places = cellVectors(table.cells);
    const width = places.reduce((sum, { vectors }) => sum + vectors, 0) * dim;
    const nested = new Draw(table.nested ?? [dim]);
    const growth = Float64Array.from({ length: dim + 1 }, (_, prefix) => (dim / prefix) ** GROWTH);
    return table.cells.map(({ field }, c) => ({ field, table: t, ...places[c], dim, width, nested, growth }));
  });
}

/** Zeroes what follows a cell's prefix in a row of X, and scales the rest up. */
function cutRow(x: Float32Array, row: number, { width, first, vectors, dim, growth }: Cell, prefix: number): void {
  if (prefix >= dim) return;
  const scale = growth[prefix];
  for (let v = first; v < first + vectors; v++) {
    const from = row * width + v * dim;
    for (let at = from; at < from + prefix; at++) x[at] *= scale;
    for (let at = from + prefix; at < from + dim; at++) x[at] = 0;
  }
}

/** By table: the factors of all columns of dX, which scale down components after the first USUAL ones. */
function declinesOf(cells: readonly Cell[]): Map<number, Float64Array> {
  const factors = new Map<number, Float64Array>();
  for (const { table, width, first, vectors, dim } of cells) {
    if (dim <= USUAL) continue;
    const columns = factors.get(table) ?? new Float64Array(width).fill(1);
    for (let from = USUAL; from < dim; from *= 2)
      for (let v = first; v < first + vectors; v++)
        columns.fill((USUAL / (2 * from)) ** DECLINE, v * dim + from, v * dim + Math.min(dim, 2 * from));
    factors.set(table, columns);
  }
  return factors;
}

/** Multiplies the columns of a matrix by a factor each. @param x f32[rows × factors] */
function scaleColumns(x: Float32Array, rows: number, factors: Float64Array): void {
  const width = factors.length;
  for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < width; c++, at++) x[at] *= factors[c];
}
