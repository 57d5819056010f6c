import { Calibrator } from "../calibration/calibrator.js";
import { type Batch, type BatchLayout, batchLayout } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { lanesOf } from "../core/row-layout.js";
import { combinerOf } from "../fields/index.js";
import { BIAS_COLUMN, type EventKernel } from "../kernels/events.js";
import type { TableKernel } from "../kernels/table.js";
import type { Combiner, CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { combiners, constantKey } from "../tables/batch-path.js";
import { StoreTable } from "../tables/store-table.js";
import { rowOf, towerOf } from "../towers/index.js";
import { logitShift, shifted } from "./logit-shift.js";
import { type Clipped, type Learned, type Model, type ModelOptions, servesOnly } from "./model.js";
import { Numbers } from "./numbers.js";
import { ReplicaState } from "./replica-state.js";
import { StreamClock } from "./stream-clock.js";

/**
 * A model of one table (src/towers: those that learn "events"), learned event by event inside the table's kernel. For each event all its weights are read, the logit they give is the event's progressive prediction, and
 * every feature's row is updated with the gradient of the logarithmic loss; a row that occurs twice in an event is updated twice,
 * one after the other, with the weights that were read.
 *
 * A row's last float is the linear weight. What lies before it is the model's; its table has as many columns as both together.
 * A number multiplies its weight; where it is 0 or missing the feature is absent. An event whose logit
 * or gradient is not finite (or over 1e15) updates nothing and is counted as skipped; it may leave fresh rows at their
 * initial weights.
 */
export class EventModel implements Model {
  readonly spec: CompiledSpec;
  readonly tables: readonly [StoreTable];
  readonly serving: ReplicaState;
  private readonly replica: boolean;
  private readonly layout: BatchLayout;
  /** Floats of a row that are drawn at random. */
  private readonly drawn: number;
  private readonly kernel: EventKernel;
  readonly numbers: Numbers;
  readonly calibrator: Calibrator | null;
  private readonly shift: number;
  private readonly clock: StreamClock;
  private region = 0;

  constructor(spec: CompiledSpec, options: Pick<ModelOptions, "layout"> & Partial<ModelOptions>) {
    this.spec = spec;
    this.layout = options.layout;
    this.numbers = new Numbers(spec, new Float32Array(options.layout.capacity * spec.numbers.length));
    this.clock = new StreamClock(spec);
    const [table] = spec.tables;
    const { floats, drawn } = rowOf(spec.tower.kind, table);
    this.drawn = drawn;
    const widened = { ...spec, tables: [{ ...table, dim: floats }] };
    this.replica = options.purpose === "serve";
    const { servingPrecision } = options;
    const workspace = (kernel: TableKernel) => this.open(kernel, widened.tables[0]);
    // The table's own path for mini-batches is not used, so it is made for one row.
    this.tables = [
      new StoreTable(widened, 0, batchLayout(spec, 1), { workspace, serving: this.replica, servingPrecision }),
    ];
    this.calibrator = Calibrator.of(spec);
    this.shift = logitShift(spec);
    this.serving = new ReplicaState(this.tables, {}, this.numbers, this.calibrator);
    this.kernel = this.tables[0].store.kernel as EventKernel;
  }

  async learn(batch: Batch, taken?: Uint8Array): Promise<Learned> {
    if (this.replica) throw servesOnly();
    this.numbers.count(batch);
    this.copy(batch);
    if (taken) this.leaveOut(taken);
    const { store } = this.tables[0];
    store.lifecycle?.setClock(this.clock.before(batch));
    this.clock.count(batch);
    const skipped = this.kernel.learnEvents(batch.rows);
    if (skipped < 0) throw store.full(store.rows + 1);
    return { logits: this.logits(batch.rows), skipped };
  }

  get clipped(): Clipped {
    return { numbers: this.numbers.clipped, times: this.clock.clipped, batches: 0 };
  }

  shiftBias(shift: number): void {
    const [{ spec, store }] = this.tables;
    const key = constantKey(spec.cells.find(({ kind }) => kind === "bias")!);
    const weights = store.weightsOf(key);
    weights[weights.length - 1] += shift;
    // A row may be drawn without its last weight, which is the one that is given here.
    const { lanes } = store.layout;
    store.kernel.configureRow(weights.length, lanes);
    store.plant({ keys: BigUint64Array.of(key), weights });
    store.kernel.configureRow(this.drawn, lanes);
  }

  async predict(batch: Batch): Promise<Float32Array> {
    this.copy(batch);
    this.kernel.scoreEvents(batch.rows);
    return this.logits(batch.rows);
  }

  blocks(): Block[] {
    if (this.replica) throw servesOnly();
    const calibration = this.calibrator?.blocks() ?? [];
    return [...this.tables[0].blocks(), ...this.numbers.blocks(), ...this.clock.blocks(), ...calibration];
  }

  restore(blocks: SavedBlocks): void {
    if (this.replica) throw servesOnly();
    this.tables[0].restore(blocks);
    this.numbers.restore(blocks);
    this.clock.restore(blocks);
    this.calibrator?.restore(blocks);
  }

  norms(): null {
    return null;
  }

  async close(): Promise<void> {}

  /** Takes the kernel's workspace and describes the table's cells. */
  private open(tableKernel: TableKernel, table: CompiledTable): void {
    const kernel = tableKernel as EventKernel;
    const { layout, spec } = this;
    const { singles, offset } = layout.keys[0];
    const constants = table.cells.filter((cell) => cell.kind === "number" || cell.kind === "bias");
    const most = singles + constants.length + layout.bags.reduce((sum, bag) => sum + bag.maxLength, 0);
    kernel.configureRow(this.drawn, lanesOf(table.dim));
    const sizes = [singles, spec.numbers.length, layout.bags.length, constants.length, most] as const;
    this.region = kernel.openEvents(layout.capacity, layout.bytes, ...sizes) >>> 0;
    kernel.setParts(offset, layout.numbers, layout.labels, layout.weights);
    layout.bags.forEach((bag, i) => {
      kernel.setBag(i, bag.offsets, bag.keys, bag.weights, combiners[this.combinerOf(table.cells[bag.cell].field)]);
    });
    constants.forEach((cell, i) => {
      const column = cell.kind === "bias" ? BIAS_COLUMN : spec.numbers.indexOf(cell.field);
      kernel.setConstant(i, constantKey(cell), column);
    });
    const opened = kernel.openModel(modelOf(spec), most, table.cells.length);
    if (this.region === 0 || opened !== 1) {
      throw new HashbrookError("table_full", `table ${table.name}: no room for batches of ${layout.capacity} rows`);
    }
  }

  private combinerOf(name: string): Combiner {
    return combinerOf(this.spec.fields.find((field) => field.name === name));
  }

  /** Copies what the kernel reads of a batch into its region, each part at its offset of the layout. */
  private copy(batch: Batch): void {
    const { layout } = this;
    const { buffer } = this.tables[0].store.memory;
    this.numbers.resolve(batch);
    const floats = (at: number, data: Float32Array) =>
      new Float32Array(buffer, this.region + at, data.length).set(data);
    const keys = (at: number, data: BigUint64Array) =>
      new BigUint64Array(buffer, this.region + at, data.length).set(data);
    floats(layout.labels, batch.labels);
    floats(layout.weights, batch.weights);
    floats(layout.numbers, this.numbers.values.subarray(0, batch.rows * this.numbers.columns));
    keys(layout.keys[0].offset, batch.keys(0));
    layout.bags.forEach((region, i) => {
      const bag = batch.bag(i);
      new Uint32Array(buffer, this.region + region.offsets, bag.offsets.length).set(bag.offsets);
      keys(region.keys, bag.keys);
      floats(region.weights, bag.weights);
    });
  }

  /** The kernel scores rows without importance, and learns nothing of them. */
  private leaveOut(taken: Uint8Array): void {
    const { buffer } = this.tables[0].store.memory;
    const weights = new Float32Array(buffer, this.region + this.layout.weights, taken.length);
    for (let r = 0; r < taken.length; r++) if (taken[r] === 0) weights[r] = 0;
  }

  private logits(rows: number): Float32Array {
    const logits = new Float32Array(this.tables[0].store.memory.buffer, this.kernel.logits() >>> 0, rows);
    return shifted(logits, this.shift);
  }
}

/** The model's number in the kernel. */
function modelOf({ tower }: CompiledSpec): number {
  const kind = towerOf(tower.kind);
  if (kind.learns === "events") return kind.model;
  throw new HashbrookError("internal", `tower.${tower.kind}: does not learn event by event`);
}
