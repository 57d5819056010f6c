import type { Batch, BatchLayout } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import { createTable } from "../encodings/create.js";
import { toOnnx } from "../graph/onnx.js";
import { DenseOptimizer } from "../optimizers/dense.js";
import { loadRuntime, type Session, type TensorView, type Views } from "../runtimes/runtime.js";
import { scoringRows } from "../runtimes/scoring-rows.js";
import { type CompiledSpec, vectorCount } from "../spec/compiled.js";
import type { Table } from "../tables/table.js";
import { buildTower, OUTPUT_BIAS, type Tower, type TowerShape } from "../towers/tower.js";
import { type Clipped, type Learned, type Model, type ModelOptions, type Norms, servesOnly } from "./model.js";
import { Numbers } from "./numbers.js";
import { PooledBags, pooledBags } from "./pooled-bags.js";
import { ReplicaState } from "./replica-state.js";
import { StreamClock } from "./stream-clock.js";
import { WildGradients } from "./wild-gradients.js";

/** Views of all memory a run of `rows` rows reads and writes, good as long as no table's memory has grown. */
interface BoundRun {
  readonly rows: number;
  /** Whether its rows share the items of their pooled bags. */
  readonly shared: boolean;
  readonly outputs: readonly Float32Array[];
  readonly feeds: Views;
  readonly fetches: Views;
}

/** Embedding tables feeding a dense tower: one gather per table, one graph run, one update per touched row. */
export class TowerModel implements Model {
  readonly spec: CompiledSpec;
  readonly tables: readonly Table[];
  readonly serving: ReplicaState;
  private readonly layout: BatchLayout;
  private readonly tower: Tower;
  private readonly dense: DenseOptimizer;
  private readonly parameters: Views;
  private readonly parameterGradients: Views;
  readonly numbers: Numbers;
  private readonly session: Session;
  /** Scores batches whose rows share the items of their pooled bags. */
  private readonly sharedSession: Session | null;
  private readonly bags: PooledBags;
  private readonly logits: Float32Array;
  private readonly padded: { labels: Float32Array; weights: Float32Array; vectors: Float32Array };
  private readonly clock: StreamClock;
  private readonly wild = new WildGradients();
  private readonly learning: boolean;
  private readonly replica: boolean;
  private last: BoundRun | null = null;

  private constructor(
    spec: CompiledSpec,
    options: ModelOptions,
    tables: readonly Table[],
    tower: Tower,
    session: Session,
    sharedSession: Session | null,
  ) {
    const rows = scoringRows(options.layout.capacity);
    this.spec = spec;
    this.layout = options.layout;
    this.learning = options.purpose === "train";
    this.replica = options.purpose === "serve";
    this.tables = tables;
    this.tower = tower;
    this.dense = new DenseOptimizer(spec.tower.optimizer, tower.parameters);
    this.parameters = this.dense.parameters();
    this.parameterGradients = prefixed("d_", this.dense.gradients());
    this.session = session;
    this.sharedSession = sharedSession;
    this.bags = new PooledBags(spec, options.layout, rows);
    this.numbers = new Numbers(spec, new Float32Array(rows * spec.numbers.length));
    this.serving = new ReplicaState(this.tables, this.parameters, this.numbers);
    this.clock = new StreamClock(spec);
    this.logits = new Float32Array(rows);
    this.padded = {
      labels: new Float32Array(rows),
      weights: new Float32Array(rows),
      vectors: new Float32Array(rows * options.layout.vectorWidth),
    };
  }

  static async create(spec: CompiledSpec, options: ModelOptions): Promise<TowerModel> {
    const tower = buildTower(spec.tower, towerShape(spec, options.layout), spec.seed);
    const runtime = await loadRuntime(spec.tower.runtime);
    const session =
      options.purpose === "train"
        ? await runtime.load(tower.train, { threads: options.threads, rows: spec.batch })
        : await runtime.load(tower.infer, { threads: 1 });
    const learns = options.purpose === "train";
    const serving = options.purpose === "serve";
    const shared = tower.shared && !learns ? await runtime.load(tower.shared, { threads: 1 }) : null;
    const { servingPrecision } = options;
    const tables: Table[] = [];
    for (const t of spec.tables.keys())
      tables.push(await createTable(spec, t, options.layout, { learns, serving, servingPrecision }));
    return new TowerModel(spec, options, tables, tower, session, shared);
  }

  async learn(batch: Batch): Promise<Learned> {
    if (this.replica) throw servesOnly();
    const { rows } = batch;
    this.numbers.count(batch);
    await this.gather(batch, "learn");
    await this.run(batch, rows);
    const logits = this.logits.subarray(0, rows);
    const factor = this.boundGradients(rows);
    for (const table of this.tables) await table.backward();
    this.clock.count(batch);
    if (!this.gradientsFinite()) return { logits, skipped: rows };
    for (const table of this.tables) table.apply();
    this.dense.step(factor / rows);
    return { logits, skipped: 0 };
  }

  get clipped(): Clipped {
    return { numbers: this.numbers.clipped, times: this.clock.clipped, batches: this.wild.clipped };
  }

  shiftBias(shift: number): void {
    this.dense.start(OUTPUT_BIAS, this.parameters[OUTPUT_BIAS].data[0] + shift);
  }

  async predict(batch: Batch): Promise<Float32Array> {
    const rows = scoringRows(batch.rows);
    await this.gather(batch, "score");
    await this.run(batch, rows);
    return this.logits.subarray(0, batch.rows);
  }

  blocks(): Block[] {
    if (this.replica) throw servesOnly();
    const tables = this.tables.flatMap((table) => table.blocks());
    return [...tables, ...this.dense.blocks(), ...this.numbers.blocks(), ...this.clock.blocks(), ...this.wild.blocks()];
  }

  restore(blocks: SavedBlocks): void {
    if (this.replica) throw servesOnly();
    for (const table of this.tables) table.restore(blocks);
    this.dense.restore(blocks);
    this.numbers.restore(blocks);
    this.clock.restore(blocks);
    this.wild.restore(blocks);
  }

  /**
   * The tower as an ONNX model with its present weights: inputs as `TowerShape` names them, output `logits` [B, 1].
   * @param metadata texts by name that the file carries
   */
  onnx(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const initializers = new Map(Object.entries(this.parameters).map(([name, { data }]) => [name, data]));
    return toOnnx(this.tower.infer, { initializers, metadata });
  }

  norms(): Norms {
    return { gradient: norm(this.parameterGradients), weights: norm(this.parameters) };
  }

  async close(): Promise<void> {
    for (const table of this.tables) await table.close();
    await this.session.release();
    await this.sharedSession?.release();
  }

  private async gather(batch: Batch, mode: "learn" | "score"): Promise<void> {
    this.numbers.resolve(batch);
    const numbers = this.numbers.values.subarray(0, batch.rows * this.numbers.columns);
    const clock = this.clock.before(batch);
    for (const table of this.tables) await table.gather(batch, mode, numbers, clock);
  }

  /** Makes a wild batch's dX smaller. @returns what the dense gradients are to be multiplied by */
  private boundGradients(rows: number): number {
    const dense = Math.sqrt(this.dense.gradientSquares()) / rows;
    const vectors = Math.sqrt(this.tables.reduce((sum, table) => sum + table.gradientSquares(), 0) / rows);
    if (!Number.isFinite(dense + vectors)) return 1; // to be skipped
    const factor = this.wild.factor([dense, vectors], rows);
    if (factor === 1) return 1;
    for (const { gradient, width } of this.tables) {
      for (let i = 0; i < rows * width; i++) gradient[i] *= factor;
    }
    return factor;
  }

  private gradientsFinite(): boolean {
    return this.dense.gradientsFinite() && this.tables.every((table) => table.gradientsFinite());
  }

  /** One run for `rows` rows; those past the batch's own (padding of a scoring run) hold left-over values nobody reads. */
  private async run(batch: Batch, rows: number): Promise<void> {
    if (this.layout.vectorWidth > 0) this.padded.vectors.set(batch.vectors);
    if (this.learning) {
      this.padded.labels.set(batch.labels);
      this.padded.weights.set(batch.weights);
    }
    this.bags.count(batch);
    const shared = this.sharedSession !== null && this.bags.areShared(batch);
    const { feeds, fetches } = this.viewsOf(rows, shared);
    await (shared ? this.sharedSession! : this.session).run(feeds, fetches);
  }

  private viewsOf(rows: number, shared: boolean): BoundRun {
    const outputs = this.tables.map((table) => table.output);
    const { last } = this;
    if (last?.rows === rows && last.shared === shared && outputs.every((output, i) => output === last.outputs[i]))
      return last;
    this.last = { rows, shared, outputs, feeds: this.feeds(rows, shared), fetches: this.fetches(rows) };
    return this.last;
  }

  private feeds(rows: number, shared: boolean): Views {
    const bags = this.bags.feeds(rows, this.tables, shared);
    const feeds: Record<string, TensorView> = { ...this.parameters, ...bags };
    for (const table of this.tables) feeds[inputName(table)] = matrix(table.output, rows, table.width);
    if (this.numbers.columns > 0) feeds.numbers = matrix(this.numbers.values, rows, this.numbers.columns);
    if (this.layout.vectorWidth > 0) feeds.vectors = matrix(this.padded.vectors, rows, this.layout.vectorWidth);
    if (!this.learning) return feeds;
    return { ...feeds, labels: matrix(this.padded.labels, rows, 1), weights: matrix(this.padded.weights, rows, 1) };
  }

  private fetches(rows: number): Views {
    const logits = matrix(this.logits, rows, 1);
    if (!this.learning) return { logits };
    const fetches: Record<string, TensorView> = { logits, ...this.parameterGradients };
    for (const table of this.tables) fetches[`d_${inputName(table)}`] = matrix(table.gradient, rows, table.width);
    return fetches;
  }
}

function norm(views: Views): number {
  let sum = 0;
  for (const { data } of Object.values(views)) for (const value of data) sum += value * value;
  return Math.sqrt(sum);
}

function matrix(data: Float32Array, rows: number, columns: number): TensorView {
  return { data: data.subarray(0, rows * columns), shape: [rows, columns] };
}

function prefixed(prefix: string, views: Views): Views {
  return Object.fromEntries(Object.entries(views).map(([name, view]) => [prefix + name, view]));
}

function inputName(table: Table): string {
  return table.spec.role === "wide" ? "wide" : `x_${table.name}`;
}

/** The widths of what feeds the tower. */
export function towerShape(spec: CompiledSpec, layout: BatchLayout): TowerShape {
  const embeddings = spec.tables.filter((table) => table.role === "embedding");
  const wide = spec.tables.find((table) => table.role === "wide");
  return {
    tables: embeddings.map((table) => ({ name: table.name, cells: vectorCount(table.cells), dim: table.dim })),
    numbers: layout.numberCount,
    vectors: layout.vectorWidth,
    wide: wide?.cells.length ?? 0,
    ...(spec.poolings && { pooled: pooledBags(spec) }),
  };
}
