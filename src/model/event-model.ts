import { Calibrator } from "../calibration/calibrator.js";
import type { Batch } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { StoreTable } from "../tables/store-table.js";
import { EventTable } from "./event-table.js";
import { type Clipped, isReplica, type Learned, type Model, type ModelOptions, servesOnly } from "./model.js";
import { Numbers } from "./numbers.js";
import { ReplicaState } from "./replica-state.js";
import { type Serve, serveOf, weighsFakes } from "./served-logits.js";
import { StreamClock } from "./stream-clock.js";

/**
 * A model with one table (the towers that learn "events"), learned event by event inside the table's kernel. For each event all
 * its weights are read, the resulting logit is the event's progressive prediction, and every feature's row is updated with the
 * gradient of the logarithmic loss; a row that occurs twice in an event is updated twice, one after the other, using the
 * weights that were read. A wide part is a second table, whose sum is added to the logit.
 *
 * A number multiplies its weight; if it is 0 or missing the feature is absent. An event whose logit or gradient is not finite
 * (or over 1e15) updates nothing and is counted as skipped; it may leave new rows at their initial weights.
 */
export class EventModel implements Model {
  readonly spec: CompiledSpec;
  readonly tables: readonly StoreTable[];
  readonly serving: ReplicaState;
  private readonly replica: boolean;
  private readonly main: EventTable;
  /** The main table and, if there is one, the wide part's. */
  private readonly parts: readonly EventTable[];
  readonly numbers: Numbers;
  readonly calibrator: Calibrator | null;
  private readonly serve: Serve;
  private readonly clock: StreamClock;

  constructor(spec: CompiledSpec, options: Pick<ModelOptions, "layout"> & Partial<ModelOptions>) {
    this.spec = spec;
    this.numbers = new Numbers(spec, new Float32Array(options.layout.capacity * spec.numbers.length));
    this.clock = new StreamClock(spec);
    this.replica = isReplica(options);
    const wide = spec.tables.length > 1 ? new EventTable(spec, 1, options) : undefined;
    this.main = new EventTable(spec, 0, options, wide);
    this.main.kernel.setFakeWeights(Number(weighsFakes(spec)));
    this.parts = wide ? [this.main, wide] : [this.main];
    this.tables = this.parts.map(({ table }) => table);
    this.calibrator = Calibrator.of(spec);
    this.serve = serveOf(spec);
    this.serving = new ReplicaState(this.tables, {}, this.numbers, this.calibrator);
  }

  async learn(batch: Batch, taken?: Uint8Array): Promise<Learned> {
    if (this.replica) throw servesOnly();
    this.numbers.count(batch);
    this.copy(batch);
    if (taken) this.main.leaveOut(taken);
    const { store } = this.main.table;
    store.lifecycle?.setClock(this.clock.before(batch));
    this.clock.count(batch);
    const skipped = this.main.learn(batch);
    return { logits: this.logits(batch.rows), skipped };
  }

  get clipped(): Clipped {
    return { numbers: this.numbers.clipped, times: this.clock.clipped, batches: 0 };
  }

  shiftBias(shift: number): void {
    this.main.shiftBias(shift);
  }

  async predict(batch: Batch, gathered?: () => void): Promise<Float32Array> {
    this.copy(batch);
    for (const part of this.parts) await part.fetch(batch, this.numbersOf(batch));
    for (const part of this.parts) part.copyKeys(batch, 0, batch.rows);
    this.main.kernel.scoreEvents(batch.rows);
    gathered?.();
    return this.logits(batch.rows);
  }

  blocks(): Block[] {
    if (this.replica) throw servesOnly();
    const calibration = this.calibrator?.blocks() ?? [];
    const tables = this.tables.flatMap((table) => table.blocks());
    return [...tables, ...this.numbers.blocks(), ...this.clock.blocks(), ...calibration];
  }

  restore(blocks: SavedBlocks): void {
    if (this.replica) throw servesOnly();
    for (const table of this.tables) table.restore(blocks);
    this.restoreBeside(blocks);
    this.clock.restore(blocks);
  }

  restoreBeside(blocks: SavedBlocks): void {
    this.numbers.restore(blocks);
    this.calibrator?.restore(blocks);
  }

  norms(): null {
    return null;
  }

  async close(): Promise<void> {}

  private logits(rows: number): Float32Array {
    return this.serve(this.main.logits(rows));
  }

  private copy(batch: Batch): void {
    this.numbers.resolve(batch);
    for (const part of this.parts) part.copy(batch, this.numbersOf(batch));
  }

  private numbersOf({ rows }: Batch): Float32Array {
    return this.numbers.values.subarray(0, rows * this.numbers.columns);
  }
}
