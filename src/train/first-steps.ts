import { type Batch, copyRows } from "../core/batch.js";
import { ln } from "../metrics/kernel.js";
import type { Folded, Learned, Model } from "../model/model.js";
import { biasLevel } from "../model/served-logits.js";
import type { CompiledSpec, LanesSpec } from "../spec/compiled.js";
import { defaults } from "../spec/defaults.js";
import { learnsByEvent } from "../towers/index.js";

/** How far a run has come since its beginning: part of its checkpoints, plain JSON. */
export interface FirstStepsState {
  readonly examples: number;
  /** Over the first events: the sums of their weights and of weight times label. */
  readonly weight: number;
  readonly positive: number;
  /** Of lanes: rounds grow, as steps do; absent where the run began when all were whole. */
  readonly grows?: true;
}

/** Rows of the very first step: what its labels tell, all others start from. */
const FIRST = 16;
/** Rows of a step while steps grow, at least. */
const LEAST = 32;
/** Events whose rate the output's bias follows. */
const FOLLOWED = 256;
/** Initial logits further from zero come from numbers out of scale, which no bias puts right. */
const MOST_MEAN = 2;

/**
 * How a tower's run begins. Its output's bias starts where it predicts the base rate: the spec's `label.prior`, or that of
 * the first events, each scored before its label is counted. And its steps are small at first and grow with the events
 * learned, since the length of a step hardly depends on its rows. lr and fm learn event by event and find the rate within
 * some hundred events (a rate of the first sixteen did worse): they take a given `label.prior` alone.
 *
 * Steps are parts of the stream's batches and follow from the events before them. So neither batches nor checkpoints lie
 * elsewhere, and nothing depends on chunks, threads or resuming. Lanes share a step out evenly; of a topic, whose lanes read for
 * themselves, a round is the step (`laneRows`).
 */
export class FirstSteps {
  private reached: FirstStepsState | null;
  private readonly batch: number;
  private readonly prior: number | undefined;
  /** The bias is not moved to the first events' rate. */
  private readonly followsNone: boolean;
  private readonly lanes: LanesSpec | undefined;
  /** Events after which steps have whole batches. */
  private readonly warmup: number;
  private buffer: ArrayBuffer | null = null;

  /** @param state null: of a run that began without first steps, and goes on as it was */
  constructor(spec: CompiledSpec, state: FirstStepsState | null = beginning(spec)) {
    this.reached = state;
    this.batch = spec.batch;
    this.prior = spec.label.prior;
    const byEvent = learnsByEvent(spec.tower.kind);
    // The first events' labels tell nothing of the rate where clicks come later.
    this.followsNone = byEvent || spec.join?.correct !== undefined;
    this.warmup = byEvent ? 0 : (spec.warmup ?? spec.batch * defaults.train.warmup_batches);
    this.lanes = spec.lanes;
  }

  /** Of a run whose model has `learned` before, and what its checkpoint says. */
  static of(spec: CompiledSpec, learned: boolean, saved: FirstStepsState | undefined): FirstSteps {
    return new FirstSteps(spec, learned ? (saved ?? null) : undefined);
  }

  get state(): FirstStepsState | null {
    return this.reached;
  }

  /** What a checkpoint's manifest keeps. */
  get meta(): { first_steps?: FirstStepsState } {
    return this.reached ? { first_steps: this.reached } : {};
  }

  /** `model.learn`, a part of the batch after the other. The rate of positives is that of all rows, which logits are corrected to. */
  async learn(model: Model, batch: Batch, taken?: Uint8Array): Promise<Learned> {
    // What lanes have brought is a round already.
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
   * Of lanes: the bias follows behind a round, of which every process knows the labels then. A run
   * that is stopped goes on, and its last round waits; else that is flushed.
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

  /** Events of each lane in the next round. */
  get laneRows(): number {
    return this.each(this.rows());
  }

  /** The same of the round after that; null where it depends on what the next one brings. */
  get laneRowsAfter(): number | null {
    const [least, most] = [this.rows(), this.rows(this.examples + this.rows())];
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

  /** Rows of the next step: of lanes, as many of each. */
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

/** The rate of some events by Laplace's rule, as a logit: one more event of either kind, of their mean weight. */
function rateLogit({ examples, weight, positive }: FirstStepsState): number {
  const one = weight / examples;
  return ln((positive + one) / (weight - positive + one));
}

function logit(p: number): number {
  return ln(p / (1 - p));
}

/** Moves the bias to where the mean logit of these events is `level`. @returns their logits before that */
async function startFrom(model: Model, part: Batch, level: number): Promise<Float32Array> {
  const logits = (await model.predict(part)).slice();
  const of = biasLevel(model.spec);
  const mean = logits.reduce((sum, x) => sum + of(x), 0) / logits.length;
  shift(model, of(level) - within(mean));
  return logits;
}

const within = (mean: number): number => Math.max(-MOST_MEAN, Math.min(MOST_MEAN, mean));

/** Weights too small for f32 have no rate, and raw numbers beyond it no mean. */
function shift(model: Model, by: number): void {
  if (Number.isFinite(by)) model.shiftBias(by);
}
