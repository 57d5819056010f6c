import type { Batch, BatchLayout } from "../core/batch.js";
import { type Arrays, BoundGraph } from "../runtimes/bound-graph.js";
import type { Views } from "../runtimes/runtime.js";
import { scoringRows } from "../runtimes/scoring-rows.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Table } from "../tables/table.js";
import type { Tower } from "../towers/tower.js";
import { GraphArrays } from "./graph-arrays.js";
import type { ModelOptions } from "./model.js";
import { PooledBags } from "./pooled-bags.js";

/** What a tower's graphs read and write, beside the batch. */
export interface GraphMemory {
  readonly tables: readonly Table[];
  /** Dense weights; in a model that learns, their gradients, too. */
  readonly weights: Views;
  /** f32[rows × numbers]. */
  readonly numbers: Float32Array;
  /** Batches are scored that are not learned completely, or not with whole vectors. */
  readonly scoresApart: boolean;
}

/** The graphs of a tower: one learns or scores, and others score faster where that one must do more. */
export class TowerGraphs {
  /** f32[rows]: the logits of the last run. */
  readonly logits: Float32Array;
  private readonly layout: BatchLayout;
  private readonly learning: boolean;
  private readonly bags: PooledBags;
  private readonly labels: Float32Array;
  private readonly weights: Float32Array;
  private readonly vectors: Float32Array;
  private readonly main: BoundGraph;
  /** Scores while the main one learns; null: nothing is scored apart. */
  private readonly scoring: BoundGraph | null;
  /** Scores batches whose rows share the items of their pooled bags. */
  private readonly shared: BoundGraph | null;

  constructor(spec: CompiledSpec, options: ModelOptions, tower: Tower, memory: GraphMemory) {
    const { layout } = options;
    const rows = scoringRows(layout.capacity);
    this.layout = layout;
    this.learning = options.purpose === "train";
    this.bags = new PooledBags(spec, layout, rows);
    this.logits = new Float32Array(rows);
    this.labels = new Float32Array(rows);
    this.weights = new Float32Array(rows);
    this.vectors = new Float32Array(rows * layout.vectorWidth);
    const { runtime } = spec.tower;
    const arrays = this.arraysOf(memory);
    if (this.learning) {
      const batches = { threads: options.threads, rows: spec.lanes?.round ?? spec.batch };
      this.main = new BoundGraph(tower.train, runtime, arrays, batches);
      this.scoring = memory.scoresApart ? new BoundGraph(tower.infer, runtime, arrays, batches) : null;
      this.shared = null;
    } else {
      this.main = new BoundGraph(tower.infer, runtime, arrays);
      this.scoring = null;
      this.shared = tower.shared ? new BoundGraph(tower.shared, runtime, arrays) : null;
    }
  }

  async load(): Promise<void> {
    for (const graph of this.all) await graph.load();
  }

  async close(): Promise<void> {
    for (const graph of this.all) await graph.close();
  }

  private get all(): readonly BoundGraph[] {
    return [this.main, this.scoring, this.shared].filter((graph) => graph !== null);
  }

  /** Runs forward and backward for a batch whose rows have been gathered. */
  async learn(batch: Batch, labels = batch.labels): Promise<void> {
    await this.run(batch, this.main, batch.rows, labels);
  }

  /** The logits of a batch whose rows have been gathered. @param cut its vectors are not whole: no items are shared */
  async score(batch: Batch, cut = false): Promise<void> {
    const shared = !cut && this.shared && this.bags.areShared(batch) ? this.shared : null;
    await this.run(batch, shared ?? this.scoring ?? this.main, scoringRows(batch.rows), batch.labels);
  }

  /** Runs the graph for `rows` rows; those beyond the batch (padding of a scoring run) hold left-over values that nobody reads. */
  private async run(batch: Batch, graph: BoundGraph, rows: number, labels: Float32Array): Promise<void> {
    if (this.layout.vectorWidth > 0) this.vectors.set(batch.vectors);
    if (this.learning) {
      this.labels.set(labels);
      this.weights.set(batch.weights);
    }
    this.bags.count(batch);
    await graph.run(rows);
  }

  private arraysOf({ tables, weights, numbers }: GraphMemory): () => Arrays {
    const dense = Object.fromEntries(Object.entries(weights).map(([name, { data }]) => [name, data as Float32Array]));
    const batch = { labels: this.labels, weights: this.weights, vectors: this.vectors };
    const fixed = { ...dense, ...batch, ...this.bags.lengths(), logits: this.logits, numbers };
    const items = () => (this.shared ? this.bags.items(tables) : {});
    const placed = new GraphArrays(fixed, tables, { learning: this.learning, items });
    return () => placed.all();
  }
}
