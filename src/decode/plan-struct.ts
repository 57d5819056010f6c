import { constantOf, structOf } from "../kernels/layouts.js";
import {
  type CompiledSpec,
  type Format,
  isBinary,
  numberOf,
  positiveNumber,
  tiesOf,
  timeUnits,
} from "../spec/compiled.js";
import { type Arena, Struct } from "./arena.js";
import { type FieldContext, type Ops, opKinds } from "./field-plan.js";
import { FEATURES, headOf, type Places, sourcesOf, weightSource } from "./places.js";
import { KEPT_BYTES, MAX_COLUMNS, type PlanOptions } from "./plan-options.js";

const QUOTE = 34;
const TAB = 9;
/** Memory for the delimiter addresses that the kernel finds ahead of time. */
const POSITION_BYTES = 16 + 4 * (MAX_COLUMNS + 1024);

/** Addresses of what a plan refers to, beside fields and places. */
export interface PlanAddresses {
  readonly columns: number;
  readonly changes: number;
  readonly root: number;
  readonly keptRows: number;
  readonly marks: number;
}

type Members = Record<string, number>;
type Slot = (from: string | null | undefined, role: "text" | "number") => number;

/** The kernel's Plan. */
export function planStruct(context: FieldContext, options: PlanOptions, addresses: PlanAddresses): Struct {
  const { arena, places, ops } = context;
  const { changes, root, keptRows, marks } = addresses;
  const slot: Slot = (from, role) => (from == null ? 0 : places.slot(from, role));
  return new Struct("Plan", {
    ...eventMembers(context, options, slot),
    ...labelMembers(context, options, slot),
    ...batchMembers(context),
    ...columnMembers(context, options, addresses),
    ...opLists(arena, ops),
    changes,
    changesEnd: changes,
    root,
    scratch: 0,
    scratchLimit: 0,
    ...keptList(arena, places, options.kept ?? []),
    keptRows,
    keptRowsEnd: keptRows,
    keptRowsLimit: keptRows + KEPT_BYTES,
    marks,
  });
}

/** Which rows are events, and their times, ids and weights. */
function eventMembers({ spec, arena, places }: FieldContext, { format, everyType }: PlanOptions, slot: Slot): Members {
  const { label, events } = spec;
  const second = 1000 / timeUnits[label.time?.unit ?? "ms"];
  const types = layWords(events.type?.is ?? [], arena);
  const tied = tiesOf(label);
  const ids = arena.words(tied.map((from) => places.slot(from, "text")));
  return {
    typeSlot: everyType ? 0 : slot(events.type?.from, "text"),
    types: types.at,
    typesEnd: types.end,
    timeSlot: slot(label.time?.from, second < 1 && isBinary(format) ? "text" : "number"),
    timeScale: Math.max(1, second),
    timeDivisor: Math.max(1, 1 / second),
    zone: (label.time?.zone ?? 0) * 60_000,
    idSlots: ids,
    idSlotsEnd: ids + 4 * tied.length,
    weightSlot: slot(weightSource(spec, format), "number"),
    ...layNulls(spec, format, places, arena),
    stringKind: constantOf("scan", events.numbers_as_strings ? "TEXT" : "STRING"),
  };
}

function labelMembers({ spec, arena }: FieldContext, { requireLabel, unlabelled }: PlanOptions, slot: Slot): Members {
  const { label } = spec;
  const positive = Buffer.from("equals" in label.positive ? label.positive.equals : "");
  const positives = layWords("any_of" in label.positive ? label.positive.any_of : [], arena);
  return {
    labelSlot: unlabelled ? 0 : slot(label.from, "text"),
    atLeast: threshold(label.positive),
    positive: arena.bytes(positive),
    positiveSize: positive.length,
    positives: positives.at,
    positivesEnd: positives.end,
    oracleSlot: slot(label.oracle, "number"),
    required: +requireLabel,
    soft: +(label.soft ?? false),
  };
}

/** Where the batch's columns are. */
function batchMembers({ layout, region, places }: FieldContext): Members {
  return {
    labels: region + layout.labels,
    weights: region + layout.weights,
    times: region + layout.times,
    ids: region + layout.ids,
    oracles: region + layout.oracle,
    slots: places.at,
    slotsEnd: places.end,
  };
}

/** How a line is divided into values. */
function columnMembers(
  { spec, arena, places }: FieldContext,
  { format }: PlanOptions,
  { columns }: PlanAddresses,
): Members {
  const { events } = spec;
  const separator = events.separator === "" ? TAB : events.separator.charCodeAt(0);
  const [headLabel, headWeight, headTag] = headOf(format).map((name) => (name === "" ? 0 : places.slot(name, "text")));
  const spare = arena.take(structOf("scan", "Slot").size);
  return {
    columns,
    columnsEnd: columns,
    positions: arena.take(POSITION_BYTES) + 16,
    lines: arena.take(POSITION_BYTES) + 16,
    separator,
    quote: format === "csv" ? QUOTE : separator,
    trim: events.trim ? 1 : 0,
    headLabel: headLabel || spare,
    headWeight: headWeight || spare,
    headTag: headTag || spare,
    features: format === "libsvm" && places.has(FEATURES) ? places.slot(FEATURES, "items") : 0,
  };
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
