import { HashbrookError } from "../core/errors.js";
import { scoringRows } from "../runtimes/scoring-rows.js";
import type { ScoringModel } from "./scoring-model.js";
import { Work } from "./work.js";

/** What answers. */
export interface Answering {
  readonly scoring: ScoringModel;
  /** How much it had learned. */
  readonly examples: number;
  /** Another one after every change. */
  readonly stamp: unknown;
}

/** What made a score: a model's name, how much it had learned, and the spec it was built from. */
export interface ModelVersion {
  /** `name` of the spec. */
  readonly model: string;
  /** Examples learned. */
  readonly version: number;
  /** Hash of the compiled spec, 16 hex digits. */
  readonly spec_hash: string;
}

export interface Scored {
  readonly id: number;
  /** Click probabilities in the order of the candidates. */
  readonly scores: Float32Array;
  /** The same by the model's calibrator, where it has one. */
  readonly calibrated: Float32Array | undefined;
  /** The one model that made all scores of this answer. */
  readonly model: ModelVersion;
  /** Paths of members that no field reads, at most 100. */
  readonly ignored: readonly string[];
  /** The raw JSON bytes of the body's options object, where it has one. */
  readonly options: Uint8Array | undefined;
}
/** What became of a request. */
export type Outcome = Scored | { readonly id: number; readonly error: unknown };

export interface EngineOptions {
  /** What answers now, which does not change until `leave`; null: nothing does yet. */
  readonly enter: () => Answering | null;
  readonly leave: () => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** A run takes about so many milliseconds at most: what comes meanwhile waits no longer. */
const RUN_MS = 3;
const LEAST_ROWS = 64;
/** How much a run's speed counts for the estimate. */
const WEIGHT = 0.2;
/** A request whose model changes between its runs begins again so often; then it is scored while nothing can change. */
const RESTARTS = 2;

/** Candidates of one request that are rows of a run. */
interface Segment {
  readonly work: Work;
  readonly from: number;
  readonly to: number;
}

/**
 * Scores requests, several in a run. The rows of a run are shared out among the requests that wait: small ones go in whole, large
 * ones part by part, so that a small one waits for the run under way at most. All candidates of a request are scored by one version
 * of the model.
 */
export class Engine {
  private readonly options: EngineOptions;
  private waiting: Work[] = [];
  private done: Outcome[] = [];
  /** Estimate. */
  private rowMs = RUN_MS / LEAST_ROWS / 2;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  /** Requests that are not answered yet. */
  get open(): number {
    return this.waiting.length;
  }

  add(id: number, body: Uint8Array): void {
    this.waiting.push(new Work(id, body));
  }

  /** Gives a request up; it has no outcome. */
  drop(id: number): void {
    this.waiting = this.waiting.filter((work) => work.id !== id);
  }

  /** Runs the model once, for as many of the waiting candidates as it takes at a time. @returns what is finished now */
  async run(): Promise<readonly Outcome[]> {
    const now = this.options.enter();
    try {
      if (now) await this.runWith(now);
      else for (const work of this.waiting) this.end({ id: work.id, error: notReady() });
    } finally {
      this.options.leave();
    }
    const { done } = this;
    this.done = [];
    return done;
  }

  private async runWith(now: Answering): Promise<void> {
    for (const work of this.waiting) work.begin(now.stamp);
    const unlucky = this.waiting.find(({ restarts }) => restarts > RESTARTS);
    if (unlucky) while (this.waiting.includes(unlucky)) await this.score(this.fill([unlucky], now), now, () => {});
    else await this.score(this.fill(this.waiting.slice(), now), now, this.options.leave);
  }

  /** Reads candidates of requests, each at most its share of the rows, and then more of those that have more. */
  private fill(works: readonly Work[], now: Answering): Segment[] {
    const segments: Segment[] = [];
    const most = this.rowsOf(now);
    let row = 0;
    const read = (work: Work, share: number) => {
      const rows = this.read(work, now, row, Math.min(most, row + share));
      if (rows > 0) segments.push({ work, from: row, to: row + rows });
      row += rows;
    };
    works.forEach((work, i) => {
      if (row < most) read(work, Math.ceil((most - row) / (works.length - i)));
    });
    for (const { work } of segments.slice()) if (row < most && !work.ended) read(work, most - row);
    return segments;
  }

  private read(work: Work, { scoring }: Answering, row: number, most: number): number {
    try {
      return work.read(scoring, row, most);
    } catch (error) {
      this.end({ id: work.id, error });
      return 0;
    }
  }

  /** Scores the rows that were read; those who have waited since go first next time. @param gathered called when only the rows' own numbers are used */
  private async score(segments: readonly Segment[], now: Answering, gathered: () => void): Promise<void> {
    const rows = segments.at(-1)?.to ?? 0;
    if (rows === 0) return;
    const started = this.options.now();
    const predicted = await now.scoring.predict(rows, gathered);
    this.rowMs += WEIGHT * ((this.options.now() - started) / scoringRows(Math.max(rows, LEAST_ROWS)) - this.rowMs);
    for (const { work, from, to } of segments) if (this.waiting.includes(work)) work.take(predicted, from, to);
    for (const { work } of segments) if (work.ended) this.finish(work, now);
    const served = new Set(segments.map(({ work }) => work));
    this.waiting.sort((a, b) => Number(served.has(a)) - Number(served.has(b)));
  }

  /** Rows of a run. */
  private rowsOf({ scoring }: Answering): number {
    const rows = scoringRows(Math.max(LEAST_ROWS, RUN_MS / this.rowMs));
    return Math.min(rows, scoring.requests.capacity);
  }

  private finish(work: Work, { scoring, examples }: Answering): void {
    const { spec, specHash } = scoring;
    const model = { model: spec.name, version: examples, spec_hash: specHash };
    this.end({ id: work.id, ...work.result, model, ignored: work.ignored(scoring), options: work.options });
  }

  private end(outcome: Outcome): void {
    const { length } = this.waiting;
    this.drop(outcome.id);
    if (this.waiting.length < length) this.done.push(outcome);
  }
}

function notReady(): HashbrookError {
  return new HashbrookError("not_ready", "no snapshot of the delta log was applied yet", {
    hint: "wait until GET /v2/health/ready answers 200",
  });
}
