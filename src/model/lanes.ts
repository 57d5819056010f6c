import { type Batch, type BatchLayout, copyRows, keepRows } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { LanesSpec } from "../spec/compiled.js";
import type { RemoteKeys } from "../tables/shard-share.js";
import type { Table } from "../tables/table.js";
import { type Contribution, packContribution, roundGradients, unpackContribution } from "./contribution.js";
import type { Folded, Learned } from "./model.js";
import type { Numbers } from "./numbers.js";
import type { StreamClock } from "./stream-clock.js";

/** The part of a tower's model that lanes use. */
export interface LanedModel {
  readonly layout: BatchLayout;
  /** The tables that learn. */
  readonly tables: readonly Table[];
  readonly dense: DenseOptimizer;
  /** False: the dense weights are frozen. */
  readonly denseLearns: boolean;
  readonly numbers: Numbers;
  readonly clock: StreamClock;
  /**
   * Gathers, runs the tower forward and backward; no weight changes. @param first the number of the first event since the last
   * fold
   */
  run(batch: Batch, first: number): Promise<void>;
  /** Of the last run. */
  logits(rows: number): Float32Array;
  predict(batch: Batch): Promise<Float32Array>;
  /** The factor to multiply gradients with, given their sums of squares. */
  bound(dense: number, vectors: number, rows: number): number;
}

const PENDING = "lanes/pending";

/**
 * Learning in rounds: each of L lanes computes the gradients of its own events with the weights of the previous round
 * (`staleness` 1: of the one before that), and the round folds these contributions in lane order into one update per row. What
 * is learned depends on the lanes alone, whoever computes them.
 */
export class Lanes {
  private readonly model: LanedModel;
  private readonly spec: LanesSpec;
  /** The last round, if it is folded one round later. */
  private pending: readonly Contribution[] | null = null;
  private buffers: readonly ArrayBuffer[] = [];
  private given: readonly Contribution[] | null = null;

  constructor(spec: LanesSpec, model: LanedModel) {
    this.spec = spec;
    this.model = model;
  }

  /** Supplies the contributions to learn the next batch from, instead of computing them here. */
  give(contributions: readonly Contribution[]): void {
    this.given = contributions;
  }

  /** True from `give` on until they are learned. */
  get isGiven(): boolean {
    return this.given !== null;
  }

  /** Learns a round of all lanes. @param parts rows of each lane's part; by default `round` rows each, as far as they go */
  async learn(batch: Batch, taken?: Uint8Array, parts: readonly number[] = this.partsOf(batch.rows)): Promise<Learned> {
    if (this.given) return this.learnGiven(this.given, batch.rows);
    const contributions: Contribution[] = [];
    const logits = new Float32Array(batch.rows);
    let from = 0;
    for (const [lane, rows] of parts.entries()) {
      const part = copyRows(batch, from, from + rows, this.buffer(0));
      const contribution = await this.contribute(part, lane, taken?.subarray(from, from + rows));
      logits.set(contribution.logits, from);
      contributions.push(contribution);
      from += rows;
    }
    const folded = await this.next(contributions);
    return { logits, skipped: folded?.skipped ?? 0, folded };
  }

  private async learnGiven(given: readonly Contribution[], rows: number): Promise<Learned> {
    this.given = null;
    const logits = new Float32Array(rows);
    let at = 0;
    for (const part of given) {
      logits.set(part.logits, at);
      at += part.rows;
    }
    const folded = await this.fold(given);
    return { logits, skipped: folded.skipped, folded };
  }

  /** Folds this round, or the previous one (staleness 1). */
  private async next(round: readonly Contribution[]): Promise<Folded | null> {
    if (this.spec.staleness === 0) return this.fold(round);
    const before = this.pending;
    this.pending = round;
    return before ? this.fold(before) : null;
  }

  /** Folds the pending round, if any, when nothing follows it. */
  async flush(): Promise<Folded | null> {
    const { pending } = this;
    this.pending = null;
    return pending ? this.fold(pending) : null;
  }

  /** Largest size of one lane's contribution in bytes. */
  get mostBytes(): number {
    const { layout, tables, dense, denseLearns } = this.model;
    const bytes = this.spec.gradients === "bf16" ? 2 : 4;
    const keys = layout.keys.map(({ singles }) => singles);
    for (const { table, maxLength } of layout.bags) keys[table] += maxLength;
    const sums = keys.map((count, t) => count * (8 + bytes * (tables[t]?.spec.dim ?? 0)));
    const perRow = sums.reduce((sum, bytes) => sum + bytes, 12 + 4 * layout.numberCount);
    return this.spec.round * perRow + (denseLearns ? bytes * dense.size : 0);
  }

  private partsOf(rows: number): number[] {
    const { count, round } = this.spec;
    return Array.from({ length: count }, (_, lane) => Math.max(0, Math.min(round, rows - lane * round)));
  }

  /** Keys of a lane's events whose rows other processes own; fetch these before `contribute`. */
  remoteKeys(part: Batch): RemoteKeys {
    return new Map(this.model.tables.map((table) => [table.name, table.remoteKeys?.(part) ?? []]));
  }

  /** Computes the contribution of a lane's events; the model does not change. */
  async contribute(part: Batch, lane: number, taken?: Uint8Array): Promise<Contribution> {
    const { numbers } = this.model;
    const release = numbers.hold();
    try {
      return await this.contributed(part, lane, taken);
    } finally {
      release();
    }
  }

  private async contributed(part: Batch, lane: number, taken?: Uint8Array): Promise<Contribution> {
    const { numbers, clock } = this.model;
    numbers.count(part);
    const scored = taken ? (await this.model.predict(part)).slice() : null;
    const learned = taken ? keepRows(copyRows(part, 0, part.rows, this.buffer(1)), taken) : part;
    const sums = await this.gradients(learned, lane);
    const logits = scored ?? (part.rows > 0 ? this.model.logits(part.rows).slice() : new Float32Array());
    return {
      rows: part.rows,
      logits,
      ...weightsOf(part),
      ...sums,
      ...(this.spec.gradients === "bf16" && { bf16: true as const }),
      numbers: numbers.counts ? part.numbers.slice() : new Float32Array(),
      times: clock.goes ? part.times.slice() : new Float64Array(),
    };
  }

  private async gradients(
    batch: Batch,
    lane: number,
  ): Promise<Pick<Contribution, "learned" | "skipped" | "tables" | "dense" | "squares">> {
    const none = { learned: 0, tables: [], dense: new Float32Array(), squares: 0 };
    if (batch.rows === 0) return { ...none, skipped: 0 };
    const { tables, dense, denseLearns } = this.model;
    await this.model.run(batch, lane * this.spec.round);
    const squares = tables.reduce((sum, table) => sum + table.gradientSquares(), 0);
    const brought = [];
    for (const table of tables) brought.push(await table.contribute());
    const finite = dense.gradientsFinite() && tables.every((table) => table.gradientsFinite());
    if (!finite) return { ...none, skipped: batch.rows };
    const sums = { tables: brought, dense: denseLearns ? dense.copyGradients() : none.dense };
    if (this.spec.gradients === "bf16") roundGradients(sums);
    return { learned: batch.rows, skipped: 0, ...sums, squares };
  }

  /** Learns a round from its lanes' contributions, in lane order: one update per row. */
  async fold(round: readonly Contribution[]): Promise<Folded> {
    const { numbers, clock } = this.model;
    for (const part of round) numbers.count(part);
    const events = { rows: total(round, ({ rows }) => rows), times: timesOf(round) };
    const learning = round.filter(({ learned }) => learned > 0);
    const learned = total(learning, (part) => part.learned);
    const done = learned === 0 || (await this.step(learning, learned, clock.before(events)));
    clock.count(events);
    return {
      rows: events.rows,
      weight: total(round, ({ weight }) => weight),
      positive: total(round, ({ positive }) => positive),
      logits: total(round, ({ logits }) => logits.reduce((sum, x) => sum + x, 0)),
      skipped: total(round, ({ skipped }) => skipped) + (done ? 0 : learned),
    };
  }

  /** @returns false if gradients were not finite, and nothing was learned */
  private async step(
    parts: readonly Contribution[],
    rows: number,
    clock: ReturnType<StreamClock["before"]>,
  ): Promise<boolean> {
    const { tables, dense, denseLearns } = this.model;
    if (denseLearns) dense.sumGradients(parts.map((part) => part.dense));
    const squares = total(parts, (part) => part.squares);
    const factor = this.model.bound(denseLearns ? dense.gradientSquares() : 0, squares, rows);
    for (const [t, table] of tables.entries())
      await table.fold(
        parts.map((part) => part.tables[t]),
        factor,
        clock,
      );
    if ((denseLearns && !dense.gradientsFinite()) || !tables.every((table) => table.gradientsFinite())) return false;
    for (const table of tables) table.apply();
    if (denseLearns) dense.step(factor / rows);
    return true;
  }

  /** The pending round, if any. */
  blocks(): Block[] {
    return (this.pending ?? []).map((contribution, lane) => {
      const data = packContribution(contribution);
      return { name: `${PENDING}-${lane}`, dtype: "U8", shape: [data.length], data };
    });
  }

  restore(blocks: SavedBlocks): void {
    const saved: Contribution[] = [];
    for (let lane = 0; lane < this.spec.count && blocks.has(`${PENDING}-${lane}`); lane++)
      saved.push(contributionOf(blocks.get(`${PENDING}-${lane}`)!.data));
    this.pending = saved.length > 0 ? saved : null;
  }

  private buffer(i: number): ArrayBuffer {
    if (this.buffers.length === 0)
      this.buffers = [new ArrayBuffer(this.model.layout.bytes), new ArrayBuffer(this.model.layout.bytes)];
    return this.buffers[i];
  }
}

function weightsOf({ weights, labels }: Batch): { weight: number; positive: number } {
  return {
    weight: weights.reduce((sum, w) => sum + w, 0),
    positive: weights.reduce((sum, w, i) => sum + w * labels[i], 0),
  };
}

const total = (round: readonly Contribution[], of: (part: Contribution) => number): number =>
  round.reduce((sum, part) => sum + of(part), 0);

function timesOf(round: readonly Contribution[]): Float64Array {
  const times = new Float64Array(total(round, ({ times }) => times.length));
  let at = 0;
  for (const part of round) {
    times.set(part.times, at);
    at += part.times.length;
  }
  return times;
}

function contributionOf(data: Uint8Array): Contribution {
  try {
    return unpackContribution(data);
  } catch (cause) {
    throw new HashbrookError("checkpoint_damaged", "the pending round cannot be read", { cause });
  }
}
