import { type Batch, copyRows } from "../core/batch.js";
import { ln } from "../metrics/kernel.js";
import type { Folded, Learned, Model } from "../model/model.js";
import { biasLevel } from "../model/served-logits.js";
import type { CompiledSpec, LanesSpec } from "../spec/compiled.js";
import { defaults } from "../spec/defaults.js";
import { learnsByEvent } from "../towers/index.js";

/** A run's progress through warm-up, stored in its checkpoints as plain JSON. */
export interface FirstStepsState {
  readonly examples: number;
  /** Over the first events: the sums of their weights and of weight times label. */
  readonly weight: number;
  readonly positive: number;
  /** With lanes: rounds grow as steps do; absent if the run began when all rounds were whole. */
  readonly grows?: true;
}

/** Rows of the very first step: all later ones start from the rate of its labels. */
const FIRST = 16;
/** Smallest number of rows of a step while steps grow. */
const LEAST = 32;
/** Number of events whose click rate the output bias follows. */
const FOLLOWED = 256;
/** Initial logits further from zero come from unscaled numbers, which no bias can correct. */
const MOST_MEAN = 2;

/**
 * The warm-up of a tower. Its output bias starts where it predicts the base rate: the spec's `label.prior`, or that of
 * the first events, each scored before its label is counted. Its steps are small at first and grow with the number of
 * events learned, since the length of a step hardly depends on its rows. lr and fm learn event by event and find the
 * rate within some hundred events (starting from the rate of the first sixteen did worse): they only use a given
 * `label.prior`.
 *
 * Steps are parts of the stream's batches and depend only on earlier events. So neither batches nor checkpoints move,
 * and nothing depends on chunks, threads or resuming. Lanes divide a step evenly; for a topic, whose lanes read
 * independently, a round is the step (`laneRows`).
 */
export class FirstSteps {
  private reached: FirstStepsState | null;
  private readonly batch: number;
  private readonly prior: number | undefined;
  /** The bias does not follow the first events' rate. */
  private readonly followsNone: boolean;
  private readonly lanes: LanesSpec | undefined;
  /** Events after which steps are whole batches. */
  private readonly warmup: number;
  private buffer: ArrayBuffer | null = null;

  /** @param state null: for a run that began without warm-up, which continues without it */
  constructor(spec: CompiledSpec, state: FirstStepsState | null = beginning(spec)) {
    this.reached = state;
    this.batch = spec.batch;
    this.prior = spec.label.prior;
    const byEvent = learnsByEvent(spec.tower.kind);
    // If clicks come later, the first events' labels do not give the rate.
    this.followsNone = byEvent || spec.join?.correct !== undefined;
    this.warmup = byEvent ? 0 : (spec.warmup ?? spec.batch * defaults.train.warmup_batches);
    this.lanes = spec.lanes;
  }

  /** For a run whose model has `learned` before, with its checkpoint's state. */
  static of(spec: CompiledSpec, learned: boolean, saved: FirstStepsState | undefined): FirstSteps {
    return new FirstSteps(spec, learned ? (saved ?? null) : undefined);
  }

  get state(): FirstStepsState | null {
    return this.reached;
  }

  /** The state for a checkpoint's manifest. */
  get meta(): { first_steps?: FirstStepsState } {
    return this.reached ? { first_steps: this.reached } : {};
  }

  /**
   * Calls `model.learn` for one part of the batch after another. The rate of positives is that of all rows, which
   * logits are corrected to.
   */
  async learn(model: Model, batch: Batch, taken?: Uint8Array): Promise<Learned> {
    // The lanes' contributions are a complete round already.
    if (this.rows() >= batch.rows || model.lanes?.isGiven) return this.learnPart(model, batch, taken);
    const logits = new Float32Array(batch.rows);
    let skipped = 0;
    this.buffer ??= new ArrayBuffer(batch.layout.bytes);
    for (let from = 0, to = 0; from < batch.rows; from = to) {
      to = Math.min(batch.rows, from + this.rows());
      const part = copyRows(batch, from, to, this.buffer);
      const learned = await this.learnPart(model, part, taken?.subarray(from, to), this.shared(part.rows));
      logits.set(learned.logits, from);
      skipped += learned.skipped;
    }
    if (this.examples >= this.warmup) this.buffer = null;
    return { logits, skipped };
  }

  /**
   * With lanes, after a round: the bias follows its labels, which every process then knows. A run that is stopped keeps
   * its last round pending; one that ends flushes it.
   */
  folded(model: Model, round: Folded | null): void {
    const before = this.reached;
    if (round === null || before === null) return;
    const examples = before.examples + round.rows;
    if (before.examples >= FOLLOWED) {
      this.reached = { ...before, examples };
      return;
    }
    const now = {
      ...before,
      examples,
      weight: before.weight + round.weight,
      positive: before.positive + round.positive,
    };
    this.reached = now;
    const level = this.prior === undefined ? rateLogit(now) : logit(this.prior);
    if (before.examples === 0) shift(model, level - within(round.logits / round.rows));
    else if (this.prior === undefined) shift(model, level - rateLogit(before));
  }

  /**
   * With lanes: folds the round that waits for the next one, which does not come. Its events were counted when scored.
   * @returns false if none waits
   */
  async foldRest(model: Model): Promise<boolean> {
    const round = (await model.lanes?.flush()) ?? null;
    this.folded(model, round);
    return round !== null;
  }

  /** Events per lane in the next round. */
  get laneRows(): number {
    return this.each(this.rows());
  }

  /** The same for the round after that; null if it depends on the next round's content. */
  get laneRowsAfter(): number | null {
    const least = this.rows();
    const most = this.rows(this.examples + this.rows());
    return least === most ? this.each(least) : null;
  }

  private each(rows: number): number {
    return Math.ceil(rows / (this.lanes?.count ?? 1));
  }

  /** Rows of each lane's part of a step that is not a whole batch. */
  private shared(rows: number): number[] | undefined {
    if (!this.lanes) return undefined;
    const each = Math.ceil(rows / this.lanes.count);
    return Array.from({ length: this.lanes.count }, (_, lane) => Math.max(0, Math.min(each, rows - lane * each)));
  }

  private async learnPart(
    model: Model,
    part: Batch,
    taken: Uint8Array | undefined,
    parts?: readonly number[],
  ): Promise<Learned> {
    if (this.lanes) {
      const learned = await model.learn(part, taken, parts);
      this.folded(model, learned.folded ?? null);
      return learned;
    }
    const before = this.reached;
    if (before === null) return model.learn(part, taken);
    const now = counted(before, part);
    this.reached = now;
    if (before.examples >= FOLLOWED) return model.learn(part, taken);
    if (this.prior !== undefined || this.followsNone) {
      if (before.examples === 0 && this.prior !== undefined) await startFrom(model, part, logit(this.prior));
      return model.learn(part, taken);
    }
    if (before.examples === 0) {
      const logits = await startFrom(model, part, rateLogit(now));
      return { ...(await model.learn(part, taken)), logits };
    }
    const learned = await model.learn(part, taken);
    shift(model, rateLogit(now) - rateLogit(before));
    return learned;
  }

  /** Rows of the next step; with lanes, of all of them together. */
  private rows(examples = this.examples): number {
    const { batch, warmup, lanes } = this;
    if (examples >= warmup || (lanes && !this.reached?.grows)) return batch;
    const rows = this.grown(examples);
    return lanes ? Math.min(batch, lanes.count * Math.ceil(rows / lanes.count)) : Math.min(rows, batch);
  }

  private grown(examples: number): number {
    const { batch, warmup } = this;
    if (examples === 0 && this.prior === undefined) return FIRST;
    let rows = LEAST;
    while (2 * rows * warmup <= examples * batch) rows *= 2;
    return rows;
  }

  private get examples(): number {
    return this.reached?.examples ?? Number.POSITIVE_INFINITY;
  }
}

function beginning({ lanes }: CompiledSpec): FirstStepsState {
  return { examples: 0, weight: 0, positive: 0, ...(lanes && { grows: true }) };
}

function counted({ examples, weight, positive }: FirstStepsState, { rows, labels, weights }: Batch): FirstStepsState {
  if (examples >= FOLLOWED) return { examples: examples + rows, weight, positive };
  return {
    examples: examples + rows,
    weight: weights.reduce((sum, w) => sum + w, weight),
    positive: weights.reduce((sum, w, i) => sum + w * labels[i], positive),
  };
}

/** The rate of some events as a logit, by Laplace's rule: with one more event of either class, of their mean weight. */
function rateLogit({ examples, weight, positive }: FirstStepsState): number {
  const one = weight / examples;
  return ln((positive + one) / (weight - positive + one));
}

function logit(p: number): number {
  return ln(p / (1 - p));
}

/** Shifts the bias so that the mean logit of these events becomes `level`. @returns their logits before that */
async function startFrom(model: Model, part: Batch, level: number): Promise<Float32Array> {
  const logits = (await model.predict(part)).slice();
  const of = biasLevel(model.spec);
  const mean = logits.reduce((sum, x) => sum + of(x), 0) / logits.length;
  shift(model, of(level) - within(mean));
  return logits;
}

const within = (mean: number): number => Math.max(-MOST_MEAN, Math.min(MOST_MEAN, mean));

/** Skips shifts that are not finite: weights too small for f32 have no rate, and numbers beyond it no mean. */
function shift(model: Model, by: number): void {
  if (Number.isFinite(by)) model.shiftBias(by);
}
