import { type BatchLayout, batchLayout } from "../core/batch.js";
import { partsOf } from "../fields/index.js";
import { constantOf, offsetOf, structOf } from "../kernels/layouts.js";
import {
  type CompiledSpec,
  type Format,
  isBinary,
  numberOf,
  positiveNumber,
  tiesOf,
  timeUnits,
} from "../spec/compiled.js";
import { type Arena, type Laid, Struct } from "./arena.js";
import {
  type FieldContext,
  layBucketRuns,
  layDistincts,
  layField,
  layHashes,
  layWatches,
  type Ops,
  opKinds,
  REGISTERS,
} from "./field-plan.js";
import { FIRST_INPUT_BYTES } from "./input.js";
import type { ScanKernel } from "./kernel.js";
import {
  everySource,
  FEATURES,
  headOf,
  layMembers,
  layPlaces,
  type Places,
  sourcesOf,
  weightSource,
} from "./places.js";
import { powersOfFive } from "./powers.js";

export interface PlanOptions {
  readonly capacity: number;
  readonly format: Format;
  readonly requireLabel: boolean;
  /** Labels are 0, and not read. */
  readonly unlabelled: boolean;
  /** Rows of all types are accepted. */
  readonly everyType: boolean;
  /** Report distinct-value registers that increase. */
  readonly distinct: boolean;
  /** Columns and paths whose texts are kept of every row; null: no row is kept. */
  readonly kept: readonly string[] | null;
  /** List values that never vary. */
  readonly watch: boolean;
  /** Leave a mark for every row. */
  readonly marks: boolean;
}

/** Addresses of the decoder's data in the kernel's memory. */
export interface ScanPlan {
  readonly layout: BatchLayout;
  /** Address of the batch region. */
  readonly region: number;
  readonly places: Places;
  /** Dotted paths of the nodes that member names are found below, by their addresses. */
  readonly paths: ReadonlyMap<number, string>;
  /** Address of the list of increased registers. */
  readonly changes: number;
  /** Address of the kept rows, 0: none are kept. */
  readonly keptRows: number;
  /** Address of the rows' marks, 0: none are made. */
  readonly marks: number;
  /** Every path that is read, with repetitions. */
  readonly sources: readonly string[];
  /** Address of memory for a copy of all slots. */
  readonly slotsCopy: number;
  /** Until then only the unescaped text of rows of FIRST_INPUT_BYTES has space. */
  enlargeScratch(): void;
  /** Sets the source column of each column of the file, by name; unused columns are skipped. */
  setColumns(names: readonly string[]): void;
}

/** Maximum number of columns of a file. */
export const MAX_COLUMNS = 16384;
/** The highest rank a register can reach. */
const MAX_RANK = 53;
const QUOTE = 34;
const TAB = 9;
/** Size of the memory for the text of a binary row, the unescaped one of the longest row, or of a request's context and one candidate. */
const SCRATCH_BYTES = 9 << 20;
/** Kept rows are passed to the host when they reach this size. */
export const KEPT_BYTES = 1 << 20;
/** Maximum size of the text of one value, and of the fields before it. */
const KEPT_VALUE_BYTES = 65_535 + 8;
/** Memory for the delimiter addresses that the kernel finds ahead of time. */
const POSITION_BYTES = 16 + 4 * (MAX_COLUMNS + 1024);

/**
 * Lays out a spec's decode plan in the kernel's memory (structs: src/kernels/assembly/scan/plan.ts) and activates it.
 */
export function layPlan(spec: CompiledSpec, options: PlanOptions, kernel: ScanKernel, arena: Arena): ScanPlan {
  const { capacity, format, distinct } = options;
  const layout = batchLayout(spec, capacity);
  const region = arena.take(layout.bytes);
  arena.fill(region + layout.weights, 1, capacity);
  arena.fill(region + layout.oracle, Number.NaN, capacity);

  const places = layPlaces(spec, format, arena, { more: options.kept ?? [], bare: options.everyType });
  const ops = Object.fromEntries(opKinds.map((kind) => [kind, [] as Laid[]])) as unknown as Ops;
  const crossed = new Set(spec.fields.flatMap(partsOf));
  const parts = new Map([...crossed].map((name) => [name, arena.take(8)]));
  const context: FieldContext = {
    spec,
    distinct,
    kernel,
    arena,
    layout,
    region,
    places,
    ops,
    parts,
    texts: new Map(),
    smallTables: new Map(),
    hashed: [],
    bucketed: [],
    counted: [],
  };
  for (const [index, field] of spec.fields.entries()) layField(context, field, index);
  layHashes(context);
  layBucketRuns(context);
  layDistincts(context);
  if (options.watch) layWatches(context);

  const columns = arena.take((MAX_COLUMNS + 4) * 4);
  const changes = arena.take(changesBytes(context, capacity));
  const { root, paths } = layMembers(places, format, kernel, arena);
  const keptRows = options.kept ? arena.take(KEPT_BYTES + 4 + options.kept.length * KEPT_VALUE_BYTES) : 0;
  const marks = options.marks ? arena.take(capacity * structOf("scan", "Mark").size) : 0;
  const at = arena.struct(planStruct(context, options, { columns, changes, root, keptRows, marks }));
  const widest = Math.max(1, ...spec.fields.map((field) => partsOf(field).length));
  kernel.configure(at, arena.take(widest * 8), arena.longs(powersOfFive()));

  const setScratch = (bytes: number) => {
    const scratch = arena.take(bytes);
    arena.poke(at + offsetOf("scan", "Plan", "scratch"), scratch);
    arena.poke(at + offsetOf("scan", "Plan", "scratchLimit"), scratch + bytes);
  };
  setScratch(isBinary(format) ? SCRATCH_BYTES : FIRST_INPUT_BYTES);
  const enlargeScratch = () => {
    if (!isBinary(format)) setScratch(SCRATCH_BYTES);
  };
  const ignored = arena.take(structOf("scan", "Slot").size);
  const columnsEnd = offsetOf("scan", "Plan", "columnsEnd");
  const setColumns = (names: readonly string[]) => {
    const slots = names.map((name) => (places.has(name) ? places.slot(name, "text") : ignored));
    for (const [i, slot] of [...slots, ignored, ignored, ignored].entries()) arena.poke(columns + 4 * i, slot);
    arena.poke(at + columnsEnd, columns + 4 * names.length);
  };
  const slotsCopy = arena.take(places.end - places.at);
  return {
    layout,
    region,
    places,
    paths,
    changes,
    keptRows,
    marks,
    sources: everySource(spec, format),
    slotsCopy,
    enlargeScratch,
    setColumns,
  };
}

/** The kernel's Plan. */
function planStruct(
  { spec, arena, layout, region, places, ops }: FieldContext,
  { format, requireLabel, unlabelled, kept, everyType }: PlanOptions,
  { columns, changes, root, keptRows, marks }: Record<"columns" | "changes" | "root" | "keptRows" | "marks", number>,
): Struct {
  const { label, events } = spec;
  const slot = (from: string | null | undefined, role: "text" | "number") =>
    from == null ? 0 : places.slot(from, role);
  const separator = events.separator === "" ? TAB : events.separator.charCodeAt(0);
  const positive = Buffer.from("equals" in label.positive ? label.positive.equals : "");
  const positives = layWords("any_of" in label.positive ? label.positive.any_of : [], arena);
  const types = layWords(events.type?.is ?? [], arena);
  const second = 1000 / timeUnits[label.time?.unit ?? "ms"];
  const [headLabel, headWeight, headTag] = headOf(format).map((name) => (name === "" ? 0 : places.slot(name, "text")));
  const spare = arena.take(structOf("scan", "Slot").size);
  const tied = tiesOf(label);
  const ids = arena.words(tied.map((from) => places.slot(from, "text")));
  return new Struct("Plan", {
    atLeast: threshold(label.positive),
    timeScale: Math.max(1, second),
    timeDivisor: Math.max(1, 1 / second),
    zone: (label.time?.zone ?? 0) * 60_000,
    columns,
    columnsEnd: columns,
    positions: arena.take(POSITION_BYTES) + 16,
    lines: arena.take(POSITION_BYTES) + 16,
    typeSlot: everyType ? 0 : slot(events.type?.from, "text"),
    types: types.at,
    typesEnd: types.end,
    labelSlot: unlabelled ? 0 : slot(label.from, "text"),
    positive: arena.bytes(positive),
    positiveSize: positive.length,
    positives: positives.at,
    positivesEnd: positives.end,
    ...layNulls(spec, format, places, arena),
    stringKind: constantOf("scan", events.numbers_as_strings ? "TEXT" : "STRING"),
    weightSlot: slot(weightSource(spec, format), "number"),
    timeSlot: slot(label.time?.from, second < 1 && isBinary(format) ? "text" : "number"),
    idSlots: ids,
    idSlotsEnd: ids + 4 * tied.length,
    oracleSlot: slot(label.oracle, "number"),
    required: +requireLabel,
    soft: +(label.soft ?? false),
    labels: region + layout.labels,
    weights: region + layout.weights,
    times: region + layout.times,
    ids: region + layout.ids,
    oracles: region + layout.oracle,
    slots: places.at,
    slotsEnd: places.end,
    ...opLists(arena, ops),
    changes,
    changesEnd: changes,
    separator,
    quote: format === "csv" ? QUOTE : separator,
    root,
    headLabel: headLabel || spare,
    headWeight: headWeight || spare,
    headTag: headTag || spare,
    features: format === "libsvm" && places.has(FEATURES) ? places.slot(FEATURES, "items") : 0,
    scratch: 0,
    scratchLimit: 0,
    ...keptList(arena, places, kept ?? []),
    keptRows,
    keptRowsEnd: keptRows,
    keptRowsLimit: keptRows + KEPT_BYTES,
    marks,
  });
}

/** Address and end of each list of structs. */
function opLists(arena: Arena, ops: Ops): Record<string, number> {
  const lists = opKinds.map((kind) => ({ kind, ...arena.structs(ops[kind]) }));
  return Object.fromEntries(lists.flatMap(({ kind, at, end }) => [[kind, at] as const, [`${kind}End`, end] as const]));
}

/** Address and end of the list of kept slots. */
function keptList(arena: Arena, places: Places, kept: readonly string[]): { kept: number; keptEnd: number } {
  const at = arena.words(kept.map((from) => places.slot(from, "items")));
  return { kept: at, keptEnd: at + 4 * kept.length };
}

/** A register can increase once per key of a batch, and 53 times, at most. */
function changesBytes({ spec, layout, counted }: FieldContext, capacity: number): number {
  const items = layout.bags.reduce((sum, bag) => sum + bag.maxLength, 0);
  return 4 * Math.min(capacity * (counted.length + items), spec.fields.length * REGISTERS * MAX_RANK);
}

/** The smallest positive number; for a positive text, its number or NaN. */
function threshold(positive: CompiledSpec["label"]["positive"]): number {
  return "at_least" in positive ? positive.at_least : (positiveNumber(positive) ?? Number.NaN);
}

/** Texts to compare values with, and their numbers. */
function layWords(texts: readonly string[], arena: Arena): { at: number; end: number } {
  const words = texts.map((text) => {
    const bytes = Buffer.from(text);
    return new Struct("Word", { number: numberOf(text) ?? Number.NaN, at: arena.bytes(bytes), size: bytes.length });
  });
  return arena.structs(words);
}

/** The null values of each source. */
function layNulls(
  spec: CompiledSpec,
  format: Format,
  places: Places,
  arena: Arena,
): { nulls: number; nullsEnd: number } {
  const ops = [...nullsOf(spec, format)].map(([from, texts]) => {
    const { at: words, end: wordsEnd } = layWords(texts, arena);
    return new Struct("NullOp", { slot: places.slot(from, "text"), words, wordsEnd });
  });
  const { at: nulls, end: nullsEnd } = arena.structs(ops);
  return { nulls, nullsEnd };
}

/** Texts that mean "missing", by source. */
function nullsOf(spec: CompiledSpec, format: Format): Map<string, readonly string[]> {
  const { null_values: all = [] } = spec.events;
  const own = new Map(
    spec.fields.flatMap((field) => ("from" in field ? [[field.from, field.null_values ?? []] as const] : [])),
  );
  const sources = sourcesOf(spec, format).map((from) => [from, [...all, ...(own.get(from) ?? [])]] as const);
  return new Map(sources.filter(([, texts]) => texts.length > 0));
}
