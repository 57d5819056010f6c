import { type Batch, type BatchLayout, batchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { lanesOf } from "../core/row-layout.js";
import { combinerOf } from "../fields/index.js";
import { BIAS_COLUMN, type EventKernel } from "../kernels/events.js";
import type { Combiner, CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { combiners, constantKey } from "../tables/batch-path.js";
import { StoreTable } from "../tables/store-table.js";
import { eventModelOf, rowOf } from "../towers/index.js";
import { isReplica, type ModelOptions } from "./model.js";

/** Events whose keys are copied together, a multiple of 32: few enough that the processor's cache still has them when they are learned. */
const PIECE = 256;

/**
 * A table of a model that learns event by event, inside the table's kernel. A row's last float is the linear weight, preceded
 * by the model's factors; the table's dim includes both.
 */
export class EventTable {
  readonly table: StoreTable;
  readonly kernel: EventKernel;
  private readonly spec: CompiledSpec;
  private readonly index: number;
  private readonly layout: BatchLayout;
  /** Floats of a row that are initialised at random. */
  private readonly drawn: number;
  private readonly wide: EventTable | undefined;
  private region = 0;
  /** Whether a batch's rows are needed before its first event is learned: it may have to be refused as a whole. */
  private readonly whole: boolean;

  /** @param wide for the model's main table: that of the linear part beside it */
  constructor(
    spec: CompiledSpec,
    index: number,
    options: Pick<ModelOptions, "layout"> & Partial<ModelOptions>,
    wide?: EventTable,
  ) {
    const { layout, servingPrecision, sharing, keeper } = options;
    const { floats, drawn } = rowOf(spec.tower.kind, spec.tables[index]);
    this.spec = spec;
    this.index = index;
    this.layout = layout;
    this.drawn = drawn;
    this.wide = wide;
    this.whole = spec.tables[index].encoding !== "hash" || (wide?.whole ?? false);
    const widened = { ...spec, tables: spec.tables.with(index, { ...spec.tables[index], dim: floats }) };
    // The table's own mini-batch path serves only to find the rows to fetch; otherwise it is unused, and made for one row.
    this.table = new StoreTable(widened, index, keeper ? layout : batchLayout(spec, 1), {
      workspace: (kernel) => this.open(kernel as EventKernel, widened.tables[index]),
      wide: wide?.kernel,
      serving: isReplica(options),
      servingPrecision,
      sharing,
      keeper,
    });
    this.kernel = this.table.store.kernel as EventKernel;
  }

  /** Adds `shift` to the bias. */
  shiftBias(shift: number): void {
    const { spec, store } = this.table;
    const key = constantKey(spec.cells.find(({ kind }) => kind === "bias")!);
    const weights = store.weightsOf(key);
    weights[weights.length - 1] += shift;
    // A row's random initialisation may exclude its last weight, which is set here.
    const { lanes } = store.layout;
    store.kernel.configureRow(weights.length, lanes);
    store.plant({ keys: BigUint64Array.of(key), weights });
    store.kernel.configureRow(this.drawn, lanes);
  }

  /**
   * Learns the events of a batch that was copied but for its keys, which are copied a piece at a time if they may be.
   * @returns the number of skipped events
   * @throws HashbrookError table_full
   */
  learn(batch: Batch): number {
    const { kernel, whole, table } = this;
    const size = whole ? batch.rows : PIECE;
    let skipped = 0;
    for (let from = 0; from < batch.rows; from += size) {
      const to = Math.min(from + size, batch.rows);
      this.copyKeys(batch, from, to);
      this.wide?.copyKeys(batch, from, to);
      const more = from > 0 || kernel.beginEvents(batch.rows) ? kernel.learnEvents(from, to) : -1;
      if (more < 0) throw table.store.full(table.store.rows + 1);
      skipped += more;
    }
    return skipped;
  }

  /** Copies the keys of single features of events [from, to) to where the kernel expects those of event `from`. */
  copyKeys(batch: Batch, from: number, to: number): void {
    const { singles, offset } = this.layout.keys[this.index];
    const at = this.region + offset;
    const keys = batch.keys(this.index).subarray(from * singles, to * singles);
    new BigUint64Array(this.table.store.memory.buffer, at, keys.length).set(keys);
    this.kernel.setKeys(at - 8 * singles * from);
  }

  /**
   * Copies what the kernel reads of a batch into its region, except for `copyKeys`, each part at its offset in the layout.
   * @param numbers f32[rows × columns]
   */
  copy(batch: Batch, numbers: Float32Array): void {
    const { layout, index } = this;
    const { buffer } = this.table.store.memory;
    const floats = (at: number, data: Float32Array) =>
      new Float32Array(buffer, this.region + at, data.length).set(data);
    const keys = (at: number, data: BigUint64Array) =>
      new BigUint64Array(buffer, this.region + at, data.length).set(data);
    floats(layout.labels, batch.labels);
    floats(layout.weights, batch.weights);
    floats(layout.numbers, numbers);
    layout.bags.forEach((region, i) => {
      if (region.table !== index) return;
      const bag = batch.bag(i);
      new Uint32Array(buffer, this.region + region.offsets, bag.offsets.length).set(bag.offsets);
      keys(region.keys, bag.keys);
      floats(region.weights, bag.weights);
    });
  }

  /** Loads a batch's rows, if they are kept on disk. */
  fetch(batch: Batch, numbers: Float32Array): void | Promise<void> {
    if (!this.table.store.whole) return this.table.fetch(batch, numbers);
  }

  /** Marks rows that the kernel only scores and does not learn from. */
  leaveOut(taken: Uint8Array): void {
    const { buffer } = this.table.store.memory;
    const weights = new Float32Array(buffer, this.region + this.layout.weights, taken.length);
    for (let r = 0; r < taken.length; r++) if (taken[r] === 0) weights[r] = 0;
  }

  /** Logits of the batch last learned or scored; a view. */
  logits(rows: number): Float32Array {
    return new Float32Array(this.table.store.memory.buffer, this.kernel.logits() >>> 0, rows);
  }

  /** Allocates the kernel's workspace and describes the table's cells. */
  private open(kernel: EventKernel, table: CompiledTable): void {
    const { layout, spec, index } = this;
    const { singles, offset } = layout.keys[index];
    const bags = layout.bags.filter((bag) => bag.table === index);
    const constants = table.cells.filter((cell) => cell.kind === "number" || cell.kind === "bias");
    const most = singles + constants.length + bags.reduce((sum, bag) => sum + bag.maxLength, 0);
    kernel.configureRow(this.drawn, lanesOf(table.dim));
    const sizes = [singles, spec.numbers.length, bags.length, constants.length, most] as const;
    this.region = kernel.openEvents(layout.capacity, layout.bytes, ...sizes) >>> 0;
    kernel.setParts(offset, layout.numbers, layout.labels, layout.weights);
    bags.forEach((bag, i) => {
      kernel.setBag(i, bag.offsets, bag.keys, bag.weights, combiners[this.combinerOf(table.cells[bag.cell].field)]);
    });
    constants.forEach((cell, i) => {
      const column = cell.kind === "bias" ? BIAS_COLUMN : spec.numbers.indexOf(cell.field);
      kernel.setConstant(i, constantKey(cell), column);
    });
    const opened = kernel.openModel(eventModelOf(spec.tower.kind, table), most, table.cells.length, this.wide ? 1 : 0);
    if (this.region === 0 || opened !== 1) {
      throw new HashbrookError(
        "table_full",
        `table ${table.name}: not enough memory for batches of ${layout.capacity} rows`,
      );
    }
  }

  private combinerOf(name: string): Combiner {
    return combinerOf(this.spec.fields.find((field) => field.name === name));
  }
}
