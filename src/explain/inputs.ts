import { Batch, type BatchLayout } from "../core/batch.js";
import { fromHex64 } from "../core/hash.js";
import { isBag, isNumber, partsOf, vectorOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledField, CompiledSpec } from "../spec/compiled.js";
import { crossCells } from "../spec/cross-parts.js";

/** An input of a model, with all its places in a batch. */
export interface ModelInput {
  /** The fields read from one source, or a cross on its own. */
  readonly fields: readonly string[];
  /** The column, path or namespace; null: a cross on its own. */
  readonly source: string | null;
  /** Crosses that contain it, which change with it. */
  readonly crosses: readonly string[];
}

/** A place of a value in a batch. */
export interface Place {
  /** Row `r` of `to` gets the value of row `order[r]` of `from`. @returns number of rows whose value changed */
  permute(from: Batch, to: Batch, order: Uint32Array): void;
  /** All rows get the missing value. */
  blank(to: Batch): void;
  /** Whether two rows have the same value. */
  same(batch: Batch, r: number, s: number): boolean;
}

/** The batch as the model expects it: without the table of parts. */
export function asModelSees({ layout, rows, buffer, base }: Batch, { tables }: CompiledSpec): Batch {
  return new Batch({ ...layout, keys: layout.keys.slice(0, tables.length) }, rows, buffer, base);
}

/** The model's inputs: each source with all fields read from it, then each cross on its own. */
export function modelInputs({ fields }: CompiledSpec): ModelInput[] {
  const sources = new Map<string, string[]>();
  for (const field of fields)
    if ("from" in field) sources.set(field.from, [...(sources.get(field.from) ?? []), field.name]);
  const crosses = fields.filter((field) => partsOf(field).length > 0);
  const made = (names: readonly string[]) =>
    crosses.filter((cross) => partsOf(cross).some((part) => names.includes(part))).map(({ name }) => name);
  const read = [...sources].map(([source, names]) => ({ fields: names, source, crosses: made(names) }));
  return [...read, ...crosses.map(({ name }) => ({ fields: [name], source: null, crosses: [] }))];
}

/** The places of fields, and of crosses to be recomputed after them. @param spec of `withParts` */
export class Places {
  private readonly spec: CompiledSpec;
  private readonly layout: BatchLayout;
  private readonly own: readonly Place[];
  private readonly crosses: readonly Cross[];

  constructor(spec: CompiledSpec, layout: BatchLayout, { fields, crosses }: ModelInput) {
    this.spec = spec;
    this.layout = layout;
    this.own = spec.fields.filter(({ name }) => fields.includes(name)).flatMap((field) => this.placesOf(field));
    this.crosses = crosses.flatMap((cross) => this.singles(cross).map((single) => new Cross(spec, single)));
  }

  /** Replaces each row's values by those of other rows. */
  permute(from: Batch, to: Batch, order: Uint32Array): void {
    for (const place of this.own) place.permute(from, to, order);
    for (const cross of this.crosses) cross.make(to);
  }

  /** Replaces all values by the missing value. */
  blank(to: Batch): void {
    for (const place of this.own) place.blank(to);
    for (const cross of this.crosses) cross.make(to);
  }

  /** Number of rows whose value changes by a permutation. */
  changed(batch: Batch, order: Uint32Array): number {
    return order.reduce((sum, s, r) => sum + Number(!this.own.every((place) => place.same(batch, r, s))), 0);
  }

  private placesOf(field: CompiledField): Place[] {
    const singles = this.singles(field.name).map((single) => new SinglePlace(single));
    const bags = isBag(field) ? this.bags(field.name).map((region) => new BagPlace(region)) : [];
    const column = this.spec.numbers.indexOf(field.name);
    const numbers = isNumber(field) && column >= 0 ? [new ColumnsPlace("numbers", column, 1, Number.NaN)] : [];
    return [...singles, ...bags, ...numbers, ...this.vectors(field)];
  }

  private singles(name: string): Single[] {
    return this.spec.tables.flatMap(({ cells }, table) =>
      cells
        .filter(({ kind }) => kind === "single")
        .flatMap(({ field, seed }, index) => (field === name ? [{ table, index, seed: fromHex64(seed) }] : [])),
    );
  }

  private bags(name: string): number[] {
    return this.layout.bags.flatMap(({ table, cell }, i) =>
      this.spec.tables[table].cells[cell].field === name ? [i] : [],
    );
  }

  private vectors(field: CompiledField): Place[] {
    const width = vectorOf(field);
    const before = this.spec.fields.slice(0, this.spec.fields.indexOf(field));
    const first = before.reduce((sum, other) => sum + vectorOf(other), 0);
    return width > 0 ? [new ColumnsPlace("vectors", first, width, 0)] : [];
  }
}

/** A column of a table's keys. */
export interface Single {
  readonly table: number;
  readonly index: number;
  readonly seed: bigint;
}

class SinglePlace implements Place {
  private readonly single: Single;
  private readonly missing: bigint;

  constructor(single: Single) {
    this.single = single;
    this.missing = xxh64("", single.seed);
  }

  permute(from: Batch, to: Batch, order: Uint32Array): void {
    const source = this.keys(from);
    const target = this.keys(to);
    const { width, index } = this.at(to);
    for (let r = 0; r < order.length; r++) target[r * width + index] = source[order[r] * width + index];
  }

  blank(to: Batch): void {
    const keys = this.keys(to);
    const { width, index } = this.at(to);
    for (let r = 0; r < to.rows; r++) keys[r * width + index] = this.missing;
  }

  same(batch: Batch, r: number, s: number): boolean {
    const keys = this.keys(batch);
    const { width, index } = this.at(batch);
    return keys[r * width + index] === keys[s * width + index];
  }

  private keys(batch: Batch): BigUint64Array {
    return batch.keys(this.single.table);
  }

  private at({ layout }: Batch): { width: number; index: number } {
    return { width: layout.keys[this.single.table].singles, index: this.single.index };
  }
}

/** The items of a bag. */
class BagPlace implements Place {
  private readonly region: number;

  constructor(region: number) {
    this.region = region;
  }

  permute(from: Batch, to: Batch, order: Uint32Array): void {
    const source = from.bag(this.region);
    const { offsets } = to.bag(this.region);
    for (let r = 0; r < order.length; r++)
      offsets[r + 1] = offsets[r] + source.offsets[order[r] + 1] - source.offsets[order[r]];
    const target = to.bag(this.region);
    for (let r = 0; r < order.length; r++) {
      const first = source.offsets[order[r]];
      const end = source.offsets[order[r] + 1];
      target.keys.set(source.keys.subarray(first, end), offsets[r]);
      target.weights.set(source.weights.subarray(first, end), offsets[r]);
    }
  }

  blank(to: Batch): void {
    to.bag(this.region).offsets.fill(0);
  }

  same(batch: Batch, r: number, s: number): boolean {
    const { offsets, keys, weights } = batch.bag(this.region);
    const length = offsets[r + 1] - offsets[r];
    if (offsets[s + 1] - offsets[s] !== length) return false;
    for (let i = 0; i < length; i++) {
      const a = offsets[r] + i;
      const b = offsets[s] + i;
      if (keys[a] !== keys[b] || weights[a] !== weights[b]) return false;
    }
    return true;
  }
}

/** Columns of one of a batch's dense matrices. */
class ColumnsPlace implements Place {
  private readonly matrix: "numbers" | "vectors";
  private readonly first: number;
  private readonly width: number;
  private readonly missing: number;

  constructor(matrix: "numbers" | "vectors", first: number, width: number, missing: number) {
    this.matrix = matrix;
    this.first = first;
    this.width = width;
    this.missing = missing;
  }

  permute(from: Batch, to: Batch, order: Uint32Array): void {
    const target = to[this.matrix];
    for (let r = 0; r < order.length; r++) target.set(this.row(from, order[r]), r * this.stride(to) + this.first);
  }

  blank(to: Batch): void {
    for (let r = 0; r < to.rows; r++) this.row(to, r).fill(this.missing);
  }

  same(batch: Batch, r: number, s: number): boolean {
    const other = this.row(batch, s);
    return this.row(batch, r).every((value, i) => Object.is(value, other[i]));
  }

  private row(batch: Batch, r: number): Float32Array {
    const at = r * this.stride(batch) + this.first;
    return batch[this.matrix].subarray(at, at + this.width);
  }

  private stride({ layout }: Batch): number {
    return this.matrix === "numbers" ? layout.numberCount : layout.vectorWidth;
  }
}

/** A cross in one of its tables: its key is computed from those of its parts. */
class Cross {
  private readonly single: Single;
  private readonly parts: readonly number[];
  private readonly partsTable: number;
  private readonly joined: Uint8Array;
  private readonly keys: BigUint64Array;

  constructor(spec: CompiledSpec, single: Single) {
    this.single = single;
    this.partsTable = spec.tables.length - 1;
    this.parts = crossCells(spec)[single.table][single.index]!.parts;
    this.keys = new BigUint64Array(this.parts.length);
    this.joined = new Uint8Array(this.keys.buffer);
  }

  make(batch: Batch): void {
    const { table, index, seed } = this.single;
    const keys = batch.keys(table);
    const parts = batch.keys(this.partsTable);
    const width = batch.layout.keys[table].singles;
    const partsWidth = batch.layout.keys[this.partsTable].singles;
    for (let r = 0; r < batch.rows; r++) {
      for (const [i, part] of this.parts.entries()) this.keys[i] = parts[r * partsWidth + part];
      keys[r * width + index] = xxh64(this.joined, seed);
    }
  }
}
