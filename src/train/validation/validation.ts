import type { Batch } from "../../core/batch.js";
import { grouped } from "../../core/digits.js";
import { ProgressiveMetrics } from "../../metrics/progressive.js";
import { middleTime } from "../check/time-order.js";
import type { EpochQuality, ValidationReport, Warning } from "../metrics/report.js";
import { quality } from "../metrics/run-metrics.js";

/** What a checkpoint stores about validation: plain JSON. */
export interface ValidationState {
  /** Identifies the events that were scored. */
  readonly data: string;
  /** Passes over the data that have been validated. */
  readonly epochs: number;
  /** The newest figures of each pass. */
  readonly history: readonly EpochQuality[];
  /** The figures with the lowest logloss, and the number of passes since. */
  readonly best: EpochQuality | null;
  readonly since: number;
  /** Event time of the newest batch learned; present if events have times. */
  readonly learned_until?: number;
}

const NONE: ValidationState = { data: "", epochs: 0, history: [], best: null, since: 0 };
/** Number of passes whose figures are kept. */
const HISTORY = 100;
/** Clocks differ, and events come late: up to this share of earlier validation events is tolerated. */
const FEW = 0.01;
/** Fewer events may have one label by chance. */
const ENOUGH = 100;

/** Scores validation events after a pass over the data, and tracks the best pass. */
export class Validation {
  private readonly window: number;
  private current: ValidationState;
  private metrics: ProgressiveMetrics | null = null;
  private rejected = 0;
  private earlier = 0;
  private newest: EpochQuality | null;

  /** @param window rows of the metrics' windows */
  constructor(window: number, state: ValidationState | undefined) {
    this.window = window;
    this.current = state ?? NONE;
    this.newest = this.current.history.at(-1) ?? null;
  }

  /** null before there is anything to keep. */
  get state(): ValidationState | null {
    return this.current === NONE ? null : this.current;
  }

  get epochs(): number {
    return this.current.epochs;
  }

  get best(): EpochQuality | null {
    return this.current.best;
  }

  get latest(): EpochQuality | null {
    return this.newest;
  }

  /** Passes since the best one. */
  get since(): number {
    return this.current.since;
  }

  /** Other events are learned from here on, so earlier figures are not comparable. */
  begin(): void {
    this.current = NONE;
    this.newest = null;
  }

  /** Only later passes can be the best from here on. */
  forgetBest(): void {
    this.current = { ...this.current, best: null, since: 0 };
  }

  /** Records the time of a learned batch, if events have times. */
  learned(batch: Batch): void {
    const time = middleTime(batch.times);
    if (time > (this.current.learned_until ?? 0)) this.current = { ...this.current, learned_until: time };
  }

  /** Counts a batch of validation events. */
  add(logits: Float32Array, batch: Batch, rejected: number): void {
    this.metrics ??= new ProgressiveMetrics({ window: this.window });
    const until = this.current.learned_until ?? 0;
    for (const time of batch.times) if (time > 0 && time < until) this.earlier++;
    this.metrics.add(logits, batch.labels, batch.weights);
    this.rejected += rejected;
  }

  /**
   * All validation events have been counted.
   * @param epoch passes over the data so far; null: in the middle of one, which is reported but not compared
   * @param learned examples learned so far
   * @param data identifies the events: figures of different events are not compared
   * @returns whether this pass is the best so far
   */
  end(epoch: number | null, learned: number, data: string): boolean {
    this.metrics ??= new ProgressiveMetrics({ window: this.window });
    const { rejected } = this;
    const until = this.current.learned_until;
    const earlier = until === undefined ? null : this.earlier;
    const figures = { epoch, learned, ...quality(this.metrics.lifetime()), rejected, earlier };
    this.metrics = null;
    this.rejected = this.earlier = 0;
    this.newest = figures;
    if (epoch === null) return false;
    const { history, best, since } = this.current.data === data ? this.current : NONE;
    const better = isLower(figures.logloss, best?.logloss ?? null);
    this.current = {
      data,
      epochs: epoch,
      history: [...history, figures].slice(-HISTORY),
      best: better ? figures : best,
      since: better ? 0 : since + 1,
      ...(until === undefined ? {} : { learned_until: until }),
    };
    return better;
  }

  /** @param kept the figures of the weights that the run keeps */
  report(kept: EpochQuality | null): ValidationReport | null {
    if (!kept) return null;
    return { ...kept, best_epoch: this.best?.epoch ?? null, epochs: this.current.history };
  }

  /** @param time where events have their times; undefined: they have none */
  warnings(time: string | undefined): Warning[] {
    if (this.newest?.examples === 0) return [noneRead(this.newest)];
    return [...this.oneClass(), ...this.tooEarly(time)];
  }

  /** Warns if all validation events have one label, as the end of a file that is sorted by it: nothing is told of the ranking. */
  private oneClass(): Warning[] {
    const { examples, auc } = this.newest ?? { examples: 0, auc: null };
    if (examples < ENOUGH || auc !== null) return [];
    const message = `all ${grouped(examples)} validation events have the same label, so they have no AUC`;
    const hint = "shuffle events that are sorted by their label, or validate on files with both: --validate FILES";
    return [{ code: "validation_one_class", field: null, message, hint }];
  }

  /** Warns if many validation events are earlier than what was learned: the model has seen what came after them. */
  private tooEarly(time: string | undefined): Warning[] {
    const { examples, earlier } = this.newest ?? { examples: 0, earlier: null };
    if (time === undefined || earlier === null || earlier === undefined || earlier <= FEW * examples) return [];
    const share = ((100 * earlier) / examples).toFixed(1);
    const message = `${share} % of the validation events are earlier than the newest event learned: their figures are optimistic, since the model has seen later events`;
    const hint = "sort --data by time, or validate on separate, later files: --validate FILES";
    return [{ code: "validation_earlier", field: time, message, hint }];
  }
}

function noneRead({ rejected }: EpochQuality): Warning {
  const message = `no validation event could be read${rejected > 0 ? `: ${grouped(rejected)} were rejected` : ""}`;
  const hint =
    "passes cannot be compared, so --early-stop has no effect; hashbrook check --model SPEC --data FILE shows what is read";
  return { code: "validation_empty", field: null, message, hint };
}

function isLower(logloss: number | null, than: number | null): boolean {
  return logloss !== null && (than === null || logloss < than);
}
