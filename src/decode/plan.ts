import { type BatchLayout, batchLayout } from "../core/batch.js";
import type { CompiledField, CompiledSpec, Format } from "../spec/compiled.js";
import { type Arena, Struct } from "./arena.js";
import type { ScanKernel } from "./kernel.js";
import { layMembers, layPlaces, type Places, weightSource } from "./places.js";
import { powersOfFive } from "./powers.js";

export interface PlanOptions {
  readonly capacity: number;
  readonly format: Format;
  readonly requireLabel: boolean;
  /** Report risen registers of distinct-value estimates. */
  readonly distinct: boolean;
}

/** Where the decoder finds things in the kernel's memory. */
export interface Plan {
  readonly layout: BatchLayout;
  /** Address of the batch region. */
  readonly region: number;
  readonly places: Places;
  /** Address of the list of risen registers. */
  readonly changes: number;
  /** Room for a copy of all slots. */
  readonly slotsCopy: number;
  /** Says which source column each column of the file is, by name; columns nobody reads are passed over. */
  setColumns(names: readonly string[]): void;
}

/** Most columns a file can have. */
export const MAX_COLUMNS = 16384;
const REGISTERS = 4096;
const MAX_RANK = 53;
/** For the unescaped text of one row, or of a request's context and one candidate. */
const SCRATCH_BYTES = 9 << 20;
/** Where the end of the columns stands in the kernel's Plan. */
const COLUMNS_END = 20;
/** Room for the addresses of delimiters that the kernel looks ahead for. */
const POSITION_BYTES = 16 + 4 * (MAX_COLUMNS + 1024);

/** Lists of structs, in the order the kernel's Plan names them. */
const opKinds = ["hashes", "numbers", "buckets", "crosses", "bags", "vectors", "distincts", "distinctBags"] as const;
type Ops = Record<(typeof opKinds)[number], Struct[]>;

/** What laying out one field needs to know. */
interface Context {
  readonly spec: CompiledSpec;
  readonly options: PlanOptions;
  readonly kernel: ScanKernel;
  readonly arena: Arena;
  readonly layout: BatchLayout;
  readonly region: number;
  readonly places: Places;
  readonly ops: Ops;
  /** Address of the key of each field that is part of a cross. */
  readonly parts: Map<string, number>;
}

/** One place a field's key goes to: `to + row * stride`. */
interface KeyCell {
  readonly to: number;
  readonly stride: number;
  readonly seed: bigint;
}

/** Lays the decode plan of a spec out in the kernel's memory (structs: src/kernels/assembly/scan/plan.ts) and puts it into use. */
export function layPlan(spec: CompiledSpec, options: PlanOptions, kernel: ScanKernel, arena: Arena): Plan {
  const layout = batchLayout(spec, options.capacity);
  const ops = Object.fromEntries(opKinds.map((kind) => [kind, [] as Struct[]])) as Ops;
  const crossed = spec.fields.flatMap((field) => (field.type === "cross" ? field.of : []));
  const parts = new Map([...new Set(crossed)].map((name) => [name, arena.take(8)]));
  const places = layPlaces(spec, options.format, arena);
  const context = { spec, options, kernel, arena, layout, region: arena.take(layout.bytes), places, ops, parts };
  spec.fields.forEach((field, index) => layField(context, field, index));
  return layHeader(context);
}

function layHeader(context: Context): Plan {
  const { spec, options, kernel, arena, layout, region, places, ops } = context;
  const { label, events } = spec;
  const at_least = "at_least" in label.positive ? label.positive.at_least : 0;
  const positive = Buffer.from("equals" in label.positive ? label.positive.equals : "");
  const slot = (from: string | null | undefined, role: "text" | "number") =>
    from == null ? 0 : places.slot(from, role);
  const columns = arena.take(MAX_COLUMNS * 4);
  const changes = arena.take(changesBytes(context));
  const root = layMembers(places, options.format, kernel, arena);
  const separator = events.separator.charCodeAt(0) || 9;
  const regionParts = [layout.labels, layout.weights, layout.times, layout.ids, layout.oracle];
  const head =
    options.format === "vw"
      ? (["label", "importance", "tag"] as const).map((name) => places.slot(name, "text"))
      : [0, 0, 0];

  const plan = new Struct().f64(at_least).f64(label.time?.unit === "s" ? 1000 : 1);
  plan.u32(columns, columns, arena.take(POSITION_BYTES) + 16, arena.take(POSITION_BYTES) + 16);
  plan.u32(
    slot(label.from, "text"),
    arena.bytes(positive),
    positive.length,
    slot(weightSource(spec, options.format), "number"),
  );
  plan.u32(
    slot(label.time?.from, "number"),
    slot(label.id, "text"),
    slot(label.oracle, "number"),
    +options.requireLabel,
  );
  plan.u32(...regionParts.map((offset) => region + offset));
  plan.u32(places.at, places.end);
  for (const kind of opKinds) {
    const { at, end } = arena.structs(ops[kind]);
    plan.u32(at, end);
  }
  plan.u32(
    changes,
    changes,
    separator,
    options.format === "csv" ? 34 : separator,
    root,
    ...head,
    arena.take(SCRATCH_BYTES),
  );

  const { at } = arena.structs([plan]);
  const widest = Math.max(1, ...spec.fields.map((field) => (field.type === "cross" ? field.of.length : 0)));
  kernel.configure(at, arena.take(widest * 8), arena.longs(powersOfFive()));
  const ignored = arena.take(16);
  return {
    layout,
    region,
    places,
    changes,
    slotsCopy: arena.take(places.end - places.at),
    setColumns(names) {
      const slots = names.map((name) => (places.has(name) ? places.slot(name, "text") : ignored));
      for (const [i, slot] of [...slots, ignored, ignored, ignored].entries()) arena.poke(columns + 4 * i, slot);
      arena.poke(at + COLUMNS_END, columns + 4 * names.length);
    },
  };
}

/** Registers can rise once per key of a batch at most, and 53 times each. */
function changesBytes({ spec, options, layout, ops }: Context): number {
  const items = layout.bags.reduce((sum, bag) => sum + bag.maxLength, 0);
  const keys = options.capacity * (ops.distincts.length + items);
  return 4 * Math.min(keys, spec.fields.length * REGISTERS * MAX_RANK);
}

function layField(context: Context, field: CompiledField, index: number): void {
  switch (field.type) {
    case "categorical":
      return layCategorical(context, field, index);
    case "numeric":
      return layNumeric(context, field);
    case "buckets":
      return layBuckets(context, field, index);
    case "cross":
      return layCross(context, field, index);
    case "bag":
      return layBag(context, field, index);
    case "vector":
      return layVector(context, field);
  }
}

type Field<T extends CompiledField["type"]> = Extract<CompiledField, { type: T }>;

function layCategorical(context: Context, field: Field<"categorical">, index: number): void {
  const slot = context.places.slot(field.from, "text");
  const cells = keyCells(context, field.name);
  for (const { to, stride, seed } of cells) context.ops.hashes.push(new Struct().u32(slot, to, stride, 0).u64(seed));
  countDistinct(context, cells, index);
}

function layNumeric({ spec, places, layout, region, ops }: Context, field: Field<"numeric">): void {
  const column = spec.numbers.indexOf(field.name);
  if (column < 0) return;
  const to = region + layout.numbers + 4 * column;
  ops.numbers.push(
    new Struct().u32(places.slot(field.from, "number"), to, 4 * layout.numberCount, +(field.transform === "log1p")),
  );
}

/** The keys of all buckets of a cell are computed once: bucket 0, 1, ..., the last, missing. */
function layBuckets(context: Context, field: Field<"buckets">, index: number): void {
  const { arena, kernel, places, ops } = context;
  const texts = [...Array.from({ length: field.boundaries.length + 1 }, (_, bucket) => String(bucket)), ""];
  const cells = keyCells(context, field.name);
  const list = arena.structs(
    cells.map(({ to, stride, seed }) => {
      const keys = BigUint64Array.from(texts.map((text) => xxh64(kernel, arena, text, seed)));
      return new Struct().u32(to, stride, arena.longs(keys), 0);
    }),
  );
  const boundaries = arena.doubles(field.boundaries);
  ops.buckets.push(
    new Struct().u32(places.slot(field.from, "number"), boundaries, field.boundaries.length, list.at, cells.length, 0),
  );
  countDistinct(context, cells, index);
}

function layCross(context: Context, field: Field<"cross">, index: number): void {
  const parts = context.arena.words(field.of.map((name) => context.parts.get(name)!));
  const cells = keyCells(context, field.name);
  for (const { to, stride, seed } of cells)
    context.ops.crosses.push(new Struct().u32(parts, field.of.length, to, stride).u64(seed));
  countDistinct(context, cells, index);
}

function layBag(
  { spec, places, layout, region, arena, ops, options }: Context,
  field: Field<"bag">,
  index: number,
): void {
  const bags = layout.bags.filter(({ table, cell }) => spec.tables[table].cells[cell].field === field.name);
  if (bags.length === 0) return;
  const cells = arena.structs(
    bags.map(({ table, cell, offsets, keys, weights }) =>
      new Struct()
        .u64(BigInt(`0x${spec.tables[table].cells[cell].seed}`))
        .u32(region + offsets, region + keys, region + weights, 0),
    ),
  );
  const op = withSeparator(new Struct().u32(places.slot(field.from, "items")), field.separator);
  ops.bags.push(op.u32(field.max_length, cells.at, bags.length, 0));
  if (options.distinct) {
    ops.distinctBags.push(
      new Struct().u32(region + bags[0].offsets, region + bags[0].keys, index, arena.take(REGISTERS)),
    );
  }
}

function layVector({ spec, places, layout, region, ops }: Context, field: Field<"vector">): void {
  const before = spec.fields.slice(0, spec.fields.indexOf(field));
  const offset = before.reduce((sum, other) => sum + (other.type === "vector" ? other.take : 0), 0);
  const op = withSeparator(new Struct().u32(places.slot(field.from, "items")), field.separator);
  ops.vectors.push(op.u32(field.length, field.take, region + layout.vectors + 4 * offset, 4 * layout.vectorWidth));
}

/** Adds a separator of 1 to 8 bytes: its size, and its bytes as one little-endian word. */
function withSeparator(struct: Struct, separator: string): Struct {
  const bytes = Buffer.alloc(8);
  const size = bytes.write(separator);
  return struct.u32(size).u64(bytes.readBigUInt64LE());
}

/** Every place the key of a single-valued field goes to: its cells in all tables, then its part in crosses. */
function keyCells({ spec, layout, region, parts, kernel, arena }: Context, name: string): KeyCell[] {
  const cells = spec.tables.flatMap((table, t) => {
    const { offset, singles } = layout.keys[t];
    const own = table.cells.filter(({ kind }) => kind === "single");
    return own.flatMap((cell, i) =>
      cell.field === name ? [{ to: region + offset + 8 * i, stride: 8 * singles, seed: BigInt(`0x${cell.seed}`) }] : [],
    );
  });
  const part = parts.get(name);
  if (part === undefined) return cells;
  return [...cells, { to: part, stride: 0, seed: xxh64(kernel, arena, name, BigInt(spec.seed)) }];
}

function countDistinct({ options, ops, arena }: Context, cells: readonly KeyCell[], index: number): void {
  if (!options.distinct || cells.length === 0) return;
  ops.distincts.push(new Struct().u32(cells[0].to, cells[0].stride, index, arena.take(REGISTERS)));
}

function xxh64(kernel: ScanKernel, arena: Arena, text: string, seed: bigint): bigint {
  const bytes = Buffer.from(text);
  return BigInt.asUintN(64, kernel.xxh64(arena.bytes(bytes), bytes.length, seed));
}
