import { type BatchLayout, batchLayout } from "../core/batch.js";
import { partsOf } from "../fields/index.js";
import { offsetOf, structOf } from "../kernels/layouts.js";
import { type CompiledSpec, type Format, isBinary } from "../spec/compiled.js";
import type { Arena, Laid } from "./arena.js";
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
import { everySource, layMembers, layPlaces, type Places } from "./places.js";
import { KEPT_BYTES, MAX_COLUMNS, type PlanOptions } from "./plan-options.js";
import { planStruct } from "./plan-struct.js";
import { powersOfFive } from "./powers.js";

/** The highest rank a register can reach. */
const MAX_RANK = 53;
/** Size of the memory for the text of a binary row, the unescaped one of the longest row, or of a request's context and one candidate. */
const SCRATCH_BYTES = 9 << 20;
/** Maximum size of the text of one value, and of the fields before it. */
const KEPT_VALUE_BYTES = 65_535 + 8;

/**
 * A spec's decode plan in the kernel's memory (structs: src/kernels/assembly/scan/plan.ts): the addresses of the decoder's
 * data. The kernel uses the plan that was laid out last.
 */
export class ScanPlan {
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
  private readonly arena: Arena;
  private readonly format: Format;
  /** Address of the kernel's Plan. */
  private readonly at: number;
  /** Address of the slots of the file's columns. */
  private readonly columns: number;
  /** The slot of columns that nothing reads. */
  private readonly ignored: number;

  constructor(spec: CompiledSpec, options: PlanOptions, kernel: ScanKernel, arena: Arena) {
    const { capacity, format, kept } = options;
    const context = contextOf(spec, options, kernel, arena);
    const { layout, region, places } = context;
    for (const [index, field] of spec.fields.entries()) layField(context, field, index);
    layHashes(context);
    layBucketRuns(context);
    layDistincts(context);
    if (options.watch) layWatches(context);
    this.layout = layout;
    this.region = region;
    this.places = places;
    this.arena = arena;
    this.format = format;
    this.columns = arena.take((MAX_COLUMNS + 4) * 4);
    this.changes = arena.take(changesBytes(context, capacity));
    const { root, paths } = layMembers(places, format, kernel, arena);
    this.paths = paths;
    this.keptRows = kept ? arena.take(KEPT_BYTES + 4 + kept.length * KEPT_VALUE_BYTES) : 0;
    this.marks = options.marks ? arena.take(capacity * structOf("scan", "Mark").size) : 0;
    const { changes, keptRows, marks } = this;
    this.at = arena.struct(planStruct(context, options, { columns: this.columns, changes, root, keptRows, marks }));
    const widest = Math.max(1, ...spec.fields.map((field) => partsOf(field).length));
    kernel.configure(this.at, arena.take(widest * 8), arena.longs(powersOfFive()));
    this.setScratch(isBinary(format) ? SCRATCH_BYTES : FIRST_INPUT_BYTES);
    this.ignored = arena.take(structOf("scan", "Slot").size);
    this.slotsCopy = arena.take(places.end - places.at);
    this.sources = everySource(spec, format);
  }

  /** Until then only the unescaped text of rows of FIRST_INPUT_BYTES has space. */
  enlargeScratch(): void {
    if (!isBinary(this.format)) this.setScratch(SCRATCH_BYTES);
  }

  /** Sets the source column of each column of the file, by name; unused columns are skipped. */
  setColumns(names: readonly string[]): void {
    const ignored = this.ignored;
    const slots = names.map((name) => (this.places.has(name) ? this.places.slot(name, "text") : ignored));
    for (const [i, slot] of [...slots, ignored, ignored, ignored].entries())
      this.arena.poke(this.columns + 4 * i, slot);
    this.arena.poke(this.at + offsetOf("scan", "Plan", "columnsEnd"), this.columns + 4 * names.length);
  }

  private setScratch(bytes: number): void {
    const scratch = this.arena.take(bytes);
    this.arena.poke(this.at + offsetOf("scan", "Plan", "scratch"), scratch);
    this.arena.poke(this.at + offsetOf("scan", "Plan", "scratchLimit"), scratch + bytes);
  }
}

/** What fields are laid out in: the batch's region, filled with defaults, and the places of their values. */
function contextOf(spec: CompiledSpec, options: PlanOptions, kernel: ScanKernel, arena: Arena): FieldContext {
  const { capacity, format, distinct, kept, everyType } = options;
  const layout = batchLayout(spec, capacity);
  const region = arena.take(layout.bytes);
  arena.fill(region + layout.weights, 1, capacity);
  arena.fill(region + layout.oracle, Number.NaN, capacity);
  const crossed = new Set(spec.fields.flatMap(partsOf));
  return {
    spec,
    distinct,
    kernel,
    arena,
    layout,
    region,
    places: layPlaces(spec, format, arena, { more: kept ?? [], bare: everyType }),
    ops: Object.fromEntries(opKinds.map((kind) => [kind, [] as Laid[]])) as unknown as Ops,
    parts: new Map([...crossed].map((name) => [name, arena.take(8)])),
    texts: new Map(),
    smallTables: new Map(),
    hashed: [],
    bucketed: [],
    counted: [],
  };
}

/** A register can increase once per key of a batch, and 53 times, at most. */
function changesBytes({ spec, layout, counted }: FieldContext, capacity: number): number {
  const items = layout.bags.reduce((sum, bag) => sum + bag.maxLength, 0);
  return 4 * Math.min(capacity * (counted.length + items), spec.fields.length * REGISTERS * MAX_RANK);
}
