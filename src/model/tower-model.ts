import { Calibrator } from "../calibration/calibrator.js";
import { type Batch, type BatchLayout, copyRows, keepRows } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import { createTable } from "../encodings/create.js";
import type { Graph } from "../graph/graph.js";
import { type OnnxOptions, toOnnx } from "../graph/onnx.js";
import { DenseOptimizer } from "../optimizers/dense.js";
import type { Views } from "../runtimes/runtime.js";
import { scoringRows } from "../runtimes/scoring-rows.js";
import type { CompiledSpec, LanesSpec } from "../spec/compiled.js";
import type { GatherMode, StreamTime } from "../tables/encoding.js";
import type { Table } from "../tables/table.js";
import { buildTower, OUTPUT_BIAS, type Tower } from "../towers/tower.js";
import { Lanes } from "./lanes.js";
import {
  type Clipped,
  type Frozen,
  isReplica,
  type Learned,
  type Model,
  type ModelOptions,
  type Norms,
  servesOnly,
} from "./model.js";
import { CutVectors, NestedVectors, type Prefixes } from "./nested-vectors.js";
import { Numbers } from "./numbers.js";
import { ReplicaState } from "./replica-state.js";
import { rewrittenOf, type Serve, serveOf, weighsFakes } from "./served-logits.js";
import { StreamClock } from "./stream-clock.js";
import { TowerGraphs } from "./tower-graphs.js";
import { towerShape } from "./tower-shape.js";
import { initializersOf, norm, prefixed, scale } from "./views.js";
import { WildGradients } from "./wild-gradients.js";

/** Embedding tables feeding a dense tower: one gather per table, one graph run, one update per touched row. */
export class TowerModel implements Model {
  readonly spec: CompiledSpec;
  readonly tables: readonly Table[];
  readonly serving: ReplicaState;
  private readonly layout: BatchLayout;
  private readonly infer: Graph;
  private readonly dense: DenseOptimizer;
  private readonly parameters: Views;
  private readonly parameterGradients: Views;
  readonly numbers: Numbers;
  readonly calibrator: Calibrator | null;
  private readonly serve: Serve;
  private readonly graphs: TowerGraphs;
  private part: ArrayBuffer | null = null;
  private readonly clock: StreamClock;
  /** Training of nested vectors; null: there are none. */
  private readonly nested: NestedVectors | null;
  private readonly cutVectors: CutVectors;
  private readonly wild = new WildGradients();
  /** Learning in rounds; null: batch by batch. */
  readonly lanes: Lanes | null;
  private readonly learning: boolean;
  private readonly replica: boolean;
  private readonly frozen: Frozen | undefined;
  private readonly onTowerRun: () => void;

  private constructor(spec: CompiledSpec, options: ModelOptions, tables: readonly Table[], tower: Tower) {
    const rows = scoringRows(options.layout.capacity);
    this.spec = spec;
    this.layout = options.layout;
    this.learning = options.purpose === "train";
    this.replica = isReplica(options);
    this.frozen = options.frozen;
    this.onTowerRun = options.onTowerRun ?? (() => {});
    this.tables = tables;
    this.infer = tower.infer;
    this.dense = new DenseOptimizer(spec.tower.optimizer, tower.parameters);
    this.parameters = this.dense.parameters();
    this.parameterGradients = prefixed("d_", this.dense.gradients());
    this.numbers = new Numbers(spec, new Float32Array(rows * spec.numbers.length));
    this.calibrator = Calibrator.of(spec);
    this.serve = serveOf(spec);
    this.serving = new ReplicaState(this.tables, this.parameters, this.numbers, this.calibrator);
    this.nested = this.learning ? NestedVectors.of(spec) : null;
    this.cutVectors = new CutVectors(spec);
    this.clock = new StreamClock(spec);
    this.graphs = new TowerGraphs(spec, options, tower, {
      tables,
      weights: { ...this.parameters, ...this.parameterGradients },
      numbers: this.numbers.values,
      scoresApart: spec.negative_sampling !== undefined || this.nested !== null,
    });
    this.lanes = spec.lanes && this.learning ? this.openLanes(spec.lanes) : null;
  }

  static async create(spec: CompiledSpec, options: ModelOptions): Promise<TowerModel> {
    const tower = buildTower(spec.tower, towerShape(spec, options.layout), spec.seed, weighsFakes(spec));
    const learns = options.purpose === "train";
    const serving = isReplica(options);
    const tables: Table[] = [];
    for (const t of spec.tables.keys())
      tables.push(await createTable(spec, t, options.layout, { ...options, learns, serving }));
    const model = new TowerModel(spec, options, tables, tower);
    if (options.purpose === "hold" || options.folds) return model;
    await model.graphs.load();
    return model;
  }

  private openLanes(spec: LanesSpec): Lanes {
    const { layout, dense, numbers, clock } = this;
    return new Lanes(spec, {
      layout,
      numbers,
      clock,
      dense,
      tables: this.learningTables(),
      denseLearns: !this.frozen?.tower,
      run: (batch, first) => this.forward(batch, "lane", clock.before(batch), first),
      logits: (rows) => this.serve(this.graphs.logits.subarray(0, rows)),
      predict: (batch) => this.predict(batch),
      bound: (dense, vectors, rows) => this.bound(dense, vectors, rows),
    });
  }

  async learn(batch: Batch, taken?: Uint8Array, parts?: readonly number[]): Promise<Learned> {
    if (this.replica) throw servesOnly();
    if (this.lanes) return this.lanes.learn(batch, taken, parts);
    this.numbers.count(batch);
    const clock = this.clock.before(batch);
    if (!taken) {
      const skipped = await this.step(batch, clock);
      this.clock.count(batch);
      return { logits: this.serve(this.graphs.logits.subarray(0, batch.rows)), skipped };
    }
    const logits = (await this.predict(batch)).slice();
    this.part ??= new ArrayBuffer(this.layout.bytes);
    const part = keepRows(copyRows(batch, 0, batch.rows, this.part), taken);
    const skipped = part.rows > 0 ? await this.step(part, clock) : 0;
    this.clock.count(batch);
    return { logits, skipped };
  }

  /** Learns all rows, and leaves their logits. @returns rows that changed nothing */
  private async step(batch: Batch, clock: StreamTime): Promise<number> {
    const { rows } = batch;
    await this.forward(batch, "learn", clock, 0);
    const squares = this.dense.gradientSquares();
    const factor = this.boundGradients(squares, rows);
    const learning = this.learningTables();
    for (const table of learning) await table.backward();
    if (!this.dense.gradientsFinite(squares) || !learning.every((table) => table.gradientsFinite())) return rows;
    for (const table of learning) table.apply();
    if (!this.frozen?.tower) this.dense.step(factor / rows);
    return 0;
  }

  private learningTables(): readonly Table[] {
    return this.tables.filter(({ name }) => !this.frozen?.tables.has(name));
  }

  /** Runs the tower forward and backward. @param first number of the batch's first event since the clock's last count */
  private async forward(batch: Batch, mode: GatherMode, clock: StreamTime, first: number): Promise<void> {
    await this.gather(batch, mode, clock);
    await (this.nested ? this.runNested(batch, this.nested, first) : this.graphs.learn(batch));
    this.onTowerRun();
    this.cutVectors.cut(this.gradients(), batch.rows);
  }

  private runNested(batch: Batch, nested: NestedVectors, first: number): Promise<void> {
    const of = (matrix: Float32Array, t: number) => matrix.subarray(0, batch.rows * this.tables[t].width);
    return nested.run(batch, this.clock.events + first, {
      vectors: this.outputs().map(of),
      gradients: this.gradients().map(of),
      dense: Object.values(this.parameterGradients).map(({ data }) => data as Float32Array),
      logits: this.graphs.logits.subarray(0, batch.rows),
      tower: (labels) => this.graphs.learn(batch, labels),
    });
  }

  get clipped(): Clipped {
    return { numbers: this.numbers.clipped, times: this.clock.clipped, batches: this.wild.clipped };
  }

  shiftBias(shift: number): void {
    this.dense.start(OUTPUT_BIAS, this.parameters[OUTPUT_BIAS].data[0] + shift);
  }

  async predict(batch: Batch, gathered?: () => void): Promise<Float32Array> {
    await this.gather(batch, "score", this.clock.before(batch));
    gathered?.();
    await this.graphs.score(batch);
    return this.serve(this.graphs.logits.subarray(0, batch.rows));
  }

  async predictCuts(batch: Batch, cuts: readonly Prefixes[]): Promise<Float32Array[]> {
    await this.gather(batch, "score", this.clock.before(batch));
    const whole = this.outputs().map((output, t) => output.slice(0, batch.rows * this.tables[t].width));
    const scores: Float32Array[] = [];
    for (const prefixes of cuts) {
      whole.forEach((x, t) => {
        this.tables[t].output.set(x);
      });
      new CutVectors(this.spec, prefixes).cut(this.outputs(), batch.rows);
      await this.graphs.score(batch, true);
      scores.push(this.serve(this.graphs.logits.slice(0, batch.rows)));
    }
    return scores;
  }

  blocks(): Block[] {
    if (this.replica) throw servesOnly();
    const tables = this.tables.flatMap((table) => table.blocks());
    const calibration = this.calibrator?.blocks() ?? [];
    const stages = [...this.numbers.blocks(), ...this.clock.blocks(), ...this.wild.blocks()];
    return [...tables, ...this.dense.blocks(), ...stages, ...calibration, ...(this.lanes?.blocks() ?? [])];
  }

  restore(blocks: SavedBlocks): void {
    if (this.replica) throw servesOnly();
    for (const part of [...this.tables, this.clock, this.wild]) part.restore(blocks);
    this.lanes?.restore(blocks);
    this.restoreBeside(blocks);
  }

  restoreBeside(blocks: SavedBlocks): void {
    for (const part of [...this.tables.flatMap(({ dense }) => dense), this.dense, this.numbers]) part.restore(blocks);
    this.calibrator?.restore(blocks);
  }

  /**
   * The tower as an ONNX model with its current weights: inputs named as in `TowerShape`, output `logits` [B, 1], equal to those of
   * `predict`.
   * @param options.metadata texts by name, stored in the file
   * @param options.surroundings nodes that compute these inputs
   */
  onnx(options: Omit<OnnxOptions, "initializers" | "rewritten"> = {}): Uint8Array {
    const initializers = initializersOf(this.parameters, this.spec);
    return toOnnx(this.infer, { ...options, rewritten: rewrittenOf(this.spec), initializers });
  }

  norms(): Norms {
    return { gradient: norm(this.parameterGradients), weights: norm(this.parameters) };
  }

  async close(): Promise<void> {
    for (const table of this.tables) await table.close();
    await this.graphs.close();
  }

  private async gather(batch: Batch, mode: GatherMode, clock: StreamTime): Promise<void> {
    this.numbers.resolve(batch);
    const numbers = this.numbers.values.subarray(0, batch.rows * this.numbers.columns);
    for (const table of this.tables) {
      const stays = this.frozen?.tables.has(table.name);
      await table.gather(batch, stays ? "score" : mode, numbers, clock);
    }
    this.cutVectors.cut(this.outputs(), batch.rows);
  }

  private outputs(): Float32Array[] {
    return this.tables.map(({ output }) => output);
  }

  private gradients(): Float32Array[] {
    return this.tables.map(({ gradient }) => gradient);
  }

  /** Scales down a wild batch's dX. @param squares of the dense gradients @returns the factor for these */
  private boundGradients(squares: number, rows: number): number {
    const vectors = this.tables.reduce((sum, table) => sum + table.gradientSquares(), 0);
    const factor = this.bound(squares, vectors, rows);
    if (factor !== 1) for (const { gradient, width } of this.tables) scale(gradient, rows * width, factor);
    return factor;
  }

  /** The factor to multiply gradients with, given their sums of squares. */
  private bound(dense: number, vectors: number, rows: number): number {
    const norms = [Math.sqrt(dense) / rows, Math.sqrt(vectors / rows)] as const;
    return Number.isFinite(norms[0] + norms[1]) ? this.wild.factor(norms, rows) : 1; // to be skipped
  }
}
