import type { BatchLayout } from "../core/batch.js";
import { type FieldType, fieldOf, vectorOf } from "../fields/index.js";
import { constantOf } from "../kernels/layouts.js";
import type { CompiledField, CompiledSpec } from "../spec/compiled.js";
import { type Arena, type Laid, Pointer, Struct } from "./arena.js";
import type { ScanKernel } from "./kernel.js";
import type { Places } from "./places.js";

/** Registers of one distinct-value estimate, a byte each. */
export const REGISTERS = 4096;

/** Lists of structs, in the order the kernel's Plan names them. */
export const opKinds = [
  "texts",
  "hashes",
  "numbers",
  "buckets",
  "crosses",
  "bags",
  "vectors",
  "distincts",
  "distinctBags",
  "watches",
] as const;
export type Ops = Record<(typeof opKinds)[number], Laid[]>;

/** What is needed to lay out one field. */
export interface FieldContext {
  readonly spec: CompiledSpec;
  /** Report distinct-value registers that increase. */
  readonly distinct: boolean;
  readonly kernel: ScanKernel;
  readonly arena: Arena;
  readonly layout: BatchLayout;
  readonly region: number;
  readonly places: Places;
  readonly ops: Ops;
  /** Addresses of texts that were hashed. */
  readonly texts: Map<string, number>;
  /** Tables of `smallBuckets`, by their boundaries. */
  readonly smallTables: Map<string, number>;
  /** Texts to hash, numbers to put into buckets, and keys to count, in spec order. */
  readonly hashed: (KeyCell & { readonly slot: number })[];
  readonly bucketed: (KeyCell & { readonly op: Struct })[];
  readonly counted: (KeyCell & { readonly field: number })[];
  /** Address of the key of each field that is part of a cross. */
  readonly parts: Map<string, number>;
}

/** One destination of a field's key: `to + row * stride`. */
interface KeyCell {
  readonly to: number;
  readonly stride: number;
  readonly seed: bigint;
}

type Field<T extends FieldType> = Extract<CompiledField, { type: T }>;
type Lay<T extends FieldType> = (context: FieldContext, field: Field<T>, index: number) => void;

/** Lays each type of field into the plan. */
const layers: { readonly [T in FieldType]: Lay<T> } = {
  categorical: layCategorical,
  numeric: layNumeric,
  buckets: layBuckets,
  cross: layCross,
  bag: layBag,
  vector: layVector,
};

/** Lays out everything one field does to a row. */
export function layField(context: FieldContext, field: CompiledField, index: number): void {
  (layers[field.type] as Lay<FieldType>)(context, field, index);
}

function layCategorical(context: FieldContext, field: Field<"categorical">, index: number): void {
  const slot = context.places.slot(field.from, "text");
  const cells = keyCells(context, field.name);
  context.hashed.push(...cells.map((cell) => ({ ...cell, slot })));
  countDistinct(context, cells, index);
}

/** Keys that are adjacent in a row are hashed in one run. */
export function layHashes({ arena, hashed, ops }: FieldContext): void {
  ops.texts = [...new Set(hashed.map(({ slot }) => slot))].map((slot) => new Pointer(slot));
  for (const run of runsOf(sorted(hashed))) {
    const { at, end } = arena.structs(run.map(({ slot, seed }) => new Struct("HashOp", { slot, seed, contextRow: 0 })));
    const { to, stride } = run[0];
    ops.hashes.push(new Struct("HashRun", { to, stride, ops: at, opsEnd: end }));
  }
}

/** In spec order, so that a reject names the first bad number. */
export function layBucketRuns({ arena, bucketed, ops }: FieldContext): void {
  for (const run of runsOf(bucketed)) {
    const { at, end } = arena.structs(run.map(({ op }) => op));
    const { to, stride } = run[0];
    ops.buckets.push(new Struct("BucketRun", { to, stride, ops: at, opsEnd: end }));
  }
}

export function layDistincts({ arena, counted, ops }: FieldContext): void {
  for (const run of runsOf(sorted(counted))) {
    const fields = arena.words(run.map(({ field }) => field));
    const { to: keys, stride } = run[0];
    const registers = arena.take(run.length * REGISTERS);
    ops.distincts.push(new Struct("DistinctRun", { keys, stride, count: run.length, fields, registers }));
  }
}

/** Watches every value that a field reads until it varies. */
export function layWatches({ spec, places, ops }: FieldContext): void {
  const slots = spec.fields.flatMap((field) => {
    const { reads } = fieldOf(field.type);
    return reads && "from" in field ? [places.slot(field.from, reads)] : [];
  });
  const size = constantOf("scan", "UNSEEN");
  ops.watches = [...new Set(slots)].map((slot) => new Struct("Watch", { slot, size, bytes: 0n }));
}

function sorted<T extends KeyCell>(cells: readonly T[]): T[] {
  return [...cells].sort((a, b) => a.to - b.to);
}

/** Splits cells into runs that are adjacent in a row. */
function runsOf<T extends KeyCell>(cells: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const cell of cells) {
    const last = runs.at(-1)?.at(-1);
    if (last && last.to + 8 === cell.to && last.stride === cell.stride) runs.at(-1)!.push(cell);
    else runs.push([cell]);
  }
  return runs;
}

function layNumeric({ spec, places, layout, region, ops }: FieldContext, field: Field<"numeric">): void {
  const column = spec.numbers.indexOf(field.name);
  if (column < 0) return;
  const to = region + layout.numbers + 4 * column;
  const slot = places.slot(field.from, "number");
  const log1p = +(field.transform === "log1p");
  ops.numbers.push(new Struct("NumberOp", { slot, to, stride: 4 * layout.numberCount, log1p }));
}

/** The keys of all buckets of a cell are computed once: bucket 0, 1, ..., the last, missing. */
function layBuckets(context: FieldContext, field: Field<"buckets">, index: number): void {
  const { arena, places } = context;
  const missing = field.boundaries.length + 1;
  const texts = [...Array.from({ length: missing }, (_, bucket) => String(bucket)), ""];
  const boundaries = arena.doubles(field.boundaries);
  const parts = { slot: places.slot(field.from, "number"), missing, boundaries };
  const small = smallBuckets(context, field.boundaries);
  const cells = keyCells(context, field.name);
  for (const cell of cells) {
    const keys = arena.longs(BigUint64Array.from(texts.map((text) => xxh64(context, text, cell.seed))));
    context.bucketed.push({ ...cell, op: new Struct("BucketOp", { ...parts, small, keys }) });
  }
  countDistinct(context, cells, index);
}

/**
 * Address of u16[SMALL_NUMBERS]: the buckets of 0, 1, 2, ... among these boundaries. Fields with equal boundaries share
 * it.
 */
function smallBuckets({ arena, smallTables }: FieldContext, boundaries: readonly number[]): number {
  const name = boundaries.join();
  let at = smallTables.get(name);
  if (at === undefined) {
    const table = new Uint16Array(constantOf("scan", "SMALL_NUMBERS"));
    let bucket = 0;
    for (let x = 0; x < table.length; x++) {
      while (bucket < boundaries.length && boundaries[bucket] <= x) bucket++;
      table[x] = bucket;
    }
    at = arena.bytes(new Uint8Array(table.buffer));
    smallTables.set(name, at);
  }
  return at;
}

function layCross(context: FieldContext, field: Field<"cross">, index: number): void {
  const parts = context.arena.words(field.of.map((name) => context.parts.get(name)!));
  const cells = keyCells(context, field.name);
  const count = field.of.length;
  for (const { to, stride, seed } of cells)
    context.ops.crosses.push(new Struct("CrossOp", { parts, count, to, stride, seed }));
  countDistinct(context, cells, index);
}

function layBag(
  { spec, places, layout, region, arena, ops, distinct }: FieldContext,
  field: Field<"bag">,
  index: number,
): void {
  const bags = layout.bags.filter(({ table, cell }) => spec.tables[table].cells[cell].field === field.name);
  if (bags.length === 0) return;
  const cells = arena.structs(
    bags.map(
      ({ table, cell, offsets, keys, weights }) =>
        new Struct("BagCell", {
          seed: BigInt(`0x${spec.tables[table].cells[cell].seed}`),
          offsets: region + offsets,
          keys: region + keys,
          weights: region + weights,
        }),
    ),
  );
  ops.bags.push(
    new Struct("BagOp", {
      slot: places.slot(field.from, "items"),
      ...separatorOf(field.separator),
      maxLength: field.max_length,
      cells: cells.at,
      cellCount: bags.length,
      contextRow: 0,
    }),
  );
  if (!distinct) return;
  const offsets = region + bags[0].offsets;
  const keys = region + bags[0].keys;
  ops.distinctBags.push(new Struct("DistinctBagOp", { offsets, keys, field: index, registers: arena.take(REGISTERS) }));
}

function layVector({ spec, places, layout, region, ops }: FieldContext, field: Field<"vector">): void {
  const before = spec.fields.slice(0, spec.fields.indexOf(field));
  const offset = before.reduce((sum, other) => sum + vectorOf(other), 0);
  ops.vectors.push(
    new Struct("VectorOp", {
      slot: places.slot(field.from, "items"),
      ...separatorOf(field.separator),
      length: field.length,
      take: field.take,
      to: region + layout.vectors + 4 * offset,
      stride: 4 * layout.vectorWidth,
      contextRow: 0,
    }),
  );
}

/** A separator of 1 to 8 bytes: its size, and its bytes as one little-endian word. */
function separatorOf(text: string): { separatorSize: number; separator: bigint } {
  const bytes = Buffer.alloc(8);
  const separatorSize = bytes.write(text);
  return { separatorSize, separator: bytes.readBigUInt64LE() };
}

/** Every destination of a single-valued field's key: its cells in all tables, then its part in crosses. */
function keyCells(context: FieldContext, name: string): KeyCell[] {
  const { spec, layout, region, parts } = context;
  const cells = spec.tables.flatMap((table, t) => {
    const { offset, singles } = layout.keys[t];
    const own = table.cells.filter(({ kind }) => kind === "single");
    return own.flatMap((cell, i) =>
      cell.field === name ? [{ to: region + offset + 8 * i, stride: 8 * singles, seed: BigInt(`0x${cell.seed}`) }] : [],
    );
  });
  const part = parts.get(name);
  if (part === undefined) return cells;
  return [...cells, { to: part, stride: 0, seed: xxh64(context, name, BigInt(spec.seed)) }];
}

function countDistinct({ distinct, counted }: FieldContext, cells: readonly KeyCell[], index: number): void {
  if (distinct && cells.length > 0) counted.push({ ...cells[0], field: index });
}

/** The hash of a text, which stays in the kernel's memory: numbers of buckets are hashed for every field. */
function xxh64({ kernel, arena, texts }: FieldContext, text: string, seed: bigint): bigint {
  const at = texts.get(text) ?? arena.bytes(Buffer.from(text));
  texts.set(text, at);
  return BigInt.asUintN(64, kernel.xxh64(at, Buffer.byteLength(text), seed));
}
