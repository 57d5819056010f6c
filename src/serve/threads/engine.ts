import { HashbrookError } from "../../core/errors.js";
import { NumberedList } from "../../core/numbered-list.js";
import { scoringRows } from "../../runtimes/scoring-rows.js";
import type { ScoringModel } from "../scoring-model.js";
import type { Ask } from "./dispatcher.js";
import { SHORT_BYTES, Work } from "./work.js";

/** The model that answers. */
export interface Answering {
  readonly scoring: ScoringModel;
  /** Examples it had learned. */
  readonly examples: number;
  /** Differs after every change. */
  readonly stamp: unknown;
}

/** The version that made a score: a model's name, the examples it had learned, and its spec. */
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
  /** The same by the model's calibrator, if it has one. */
  readonly calibrated: Float32Array | undefined;
  /** Standard deviations of the logits, restricted to what differs between the candidates, if requested. */
  readonly deviations?: Float32Array | undefined;
  /** The version that made all scores of this answer. */
  readonly model: ModelVersion;
  /** Paths of members that no field reads, at most 100. */
  readonly ignored: readonly string[];
  /** The raw JSON bytes of the body's options object, if it has one. */
  readonly options: Uint8Array | undefined;
}
/** The result of a request. */
export type Outcome = Scored | { readonly id: number; readonly error: unknown };

export interface EngineOptions {
  /** The model that answers, unchanged until `leave`; null: there is none yet. */
  readonly enter: () => Answering | null | Promise<Answering | null>;
  readonly leave: () => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Target duration of a run: requests that come meanwhile wait no longer. */
const RUN_MS = 1;
/**
 * If rows take long, runs may take longer than that: with fewer rows each would cost a fifth more, since weights are
 * packed again in every run.
 */
const LEAST_ROWS = 128;
/** A smaller run takes about as long as one with this many rows. */
const TIMED_ROWS = 64;
/**
 * Weights of a new measurement of the time per row, if it is shorter or longer than the estimate: when others use the
 * processor, smaller runs would end no sooner.
 */
const FASTER = 0.5;
const SLOWER = 0.05;
/**
 * A request whose model changes between its runs is restarted this many times; then it is scored while changes are
 * blocked.
 */
const RESTARTS = 2;

/** Candidates of one request within a run. */
interface Segment {
  readonly work: Work;
  readonly from: number;
  readonly to: number;
}

/**
 * Scores requests, several in a run. Short ones are included whole, in order of arrival; long ones share half of the
 * remaining rows, part by part in turn; and a run with long ones is followed by one with only short ones, if there are
 * any. So a short one waits for the run in progress and for requests before it. All candidates of a request are scored
 * by one version of the model.
 */
export class Engine {
  private readonly options: EngineOptions;
  /** Those that wait longest come first. */
  private readonly waiting = new NumberedList<Work>();
  private done: Outcome[] = [];
  /** Estimated time per row. */
  private rowMs = RUN_MS / LEAST_ROWS;
  /** Whether the last run had long requests. */
  private hadLong = false;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  /** Requests that have not been answered. */
  get open(): number {
    return this.waiting.size;
  }

  add(ask: Ask): void {
    this.waiting.add(new Work(ask));
  }

  /** Drops a request; it has no outcome. */
  drop(id: number): void {
    this.waiting.take(id);
  }

  /** Runs the model once, for as many of the waiting candidates as fit. @returns what is finished */
  async run(): Promise<readonly Outcome[]> {
    const now = await this.options.enter();
    try {
      if (now) await this.runWith(now);
      else for (const { id } of [...this.waiting]) this.end({ id, error: notReady() });
    } finally {
      this.options.leave();
    }
    const { done } = this;
    this.done = [];
    return done;
  }

  private async runWith(now: Answering): Promise<void> {
    const works = [...this.waiting];
    for (const work of works) work.begin(now.stamp);
    const unlucky = works.find(({ restarts }) => restarts > RESTARTS);
    if (unlucky) while (this.waiting.has(unlucky.id)) await this.score(this.fill([unlucky], now), now, () => {});
    else await this.score(this.fill(this.next(works), now), now, this.options.leave);
  }

  /** The requests of the next run. */
  private next(works: readonly Work[]): readonly Work[] {
    const short = works.filter(isShort);
    const shortAlone = this.hadLong && short.length > 0;
    this.hadLong = !shortAlone && short.length < works.length;
    return shortAlone ? short : works;
  }

  /**
   * Reads candidates of requests: reading a piece of every request in every run would cost more than scoring its rows.
   */
  private fill(works: readonly Work[], now: Answering): Segment[] {
    const segments: Segment[] = [];
    const short = works.filter(isShort);
    const long = works.filter((work) => !isShort(work));
    const most = this.rowsOf(now);
    let row = 0;
    const read = (work: Work, end: number) => {
      if (row >= end || work.ended || !this.waiting.has(work.id)) return;
      const rows = this.read(work, now, row, end);
      if (rows > 0) segments.push({ work, from: row, to: row + rows });
      row += rows;
    };
    for (const work of short) read(work, long.length > 0 ? most >> 1 : most);
    long.forEach((work, i) => {
      read(work, row + Math.ceil((most - row) / (long.length - i)));
    });
    for (const work of works) read(work, most);
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

  /**
   * Scores the rows that were read; long requests that have waited since have priority next time. @param gathered
   * called when the tables are no longer needed
   */
  private async score(segments: readonly Segment[], now: Answering, gathered: () => void): Promise<void> {
    const rows = segments.at(-1)?.to ?? 0;
    if (rows === 0) return;
    const started = this.options.now();
    const predicted = await now.scoring.predict(rows, gathered);
    this.learnSpeed((this.options.now() - started) / scoringRows(Math.max(rows, TIMED_ROWS)));
    for (const { work, from, to } of segments) work.take(predicted, now.scoring, from, to);
    for (const work of new Set(segments.map(({ work }) => work))) {
      const keepsPlace = !work.ended && isShort(work);
      if (keepsPlace || !this.waiting.take(work.id)) continue;
      if (work.ended) this.done.push(outcomeOf(work, now));
      else this.waiting.add(work);
    }
  }

  private learnSpeed(rowMs: number): void {
    this.rowMs += (rowMs < this.rowMs ? FASTER : SLOWER) * (rowMs - this.rowMs);
  }

  /** Rows per run. */
  private rowsOf({ scoring }: Answering): number {
    const rows = scoringRows(Math.max(LEAST_ROWS, RUN_MS / this.rowMs));
    return Math.min(rows, scoring.requests.capacity);
  }

  private end(outcome: Outcome): void {
    if (this.waiting.take(outcome.id)) this.done.push(outcome);
  }
}

const isShort = ({ rest }: Work) => rest <= SHORT_BYTES;

function outcomeOf(work: Work, { scoring, examples }: Answering): Outcome {
  const { id, result, options } = work;
  const { spec, specHash } = scoring;
  const model = { model: spec.name, version: examples, spec_hash: specHash };
  if (!finite(result.scores) || !finite(result.calibrated)) return { id, error: notFinite() };
  return { id, ...result, model, ignored: work.ignored(scoring), options };
}

/** JSON would turn them into null, which a client might take for a score. */
function finite(numbers: Float32Array = NONE): boolean {
  return numbers.every(Number.isFinite);
}

const NONE = new Float32Array();

function notFinite(): HashbrookError {
  return new HashbrookError("internal", "scores: the model computed a score that is not finite");
}

function notReady(): HashbrookError {
  return new HashbrookError("not_ready", "no snapshot of the delta log has been applied yet", {
    hint: "wait until GET /v2/health/ready returns 200",
  });
}
