import { RequestCursor } from "../decode/request.js";
import { deviationsOf, type Spread } from "../model/uncertainty.js";
import type { Scored } from "./engine.js";
import { joined } from "./joined.js";
import { namesOf } from "./request.js";
import type { Predicted, ScoringModel } from "./scoring-model.js";
import { WholeRequest } from "./whole-request.js";

/** More candidates than this in one request are refused. */
export const MAX_CANDIDATES = 10_000;
/** A request is short while so many bytes of it are not read yet, at most: some hundred candidates. */
export const SHORT_BYTES = 16 << 10;

/** A request on its way: its body, how far it was read, and the scores so far. */
export class Work {
  readonly id: number;
  /** Times it began again, since the model had changed between two of its runs. */
  restarts = 0;
  private readonly body: Uint8Array;
  private cursor: RequestCursor;
  /** Where the body is not just what it should be. */
  private whole: WholeRequest | null = null;
  private read_ = 0;
  private scores: Float32Array[] = [];
  private calibrated: Float32Array[] = [];
  private spreads: Spread[] = [];
  private stamp: unknown = null;

  constructor(id: number, body: Uint8Array) {
    this.id = id;
    this.body = body;
    this.cursor = new RequestCursor(body);
  }

  /** All candidates were read. */
  get ended(): boolean {
    return this.whole ? this.read_ === this.whole.candidates : this.cursor.ended;
  }

  /** Bytes not read yet. */
  get rest(): number {
    return this.whole ? this.body.length : this.cursor.rest;
  }

  /** What answers now has this stamp: if another one did before, the work begins again. */
  begin(stamp: unknown): void {
    if (this.read_ > 0 && this.stamp !== stamp) {
      this.restarts++;
      this.reset();
    }
    this.stamp = stamp;
  }

  /**
   * Reads candidates as rows from `row` to before `most`. @returns how many
   * @throws HashbrookError request_invalid
   */
  read(scoring: ScoringModel, row: number, most: number): number {
    const { requests, known } = scoring;
    const rows = this.whole ? undefined : requests.read(this.cursor, row, most);
    if (rows === undefined || this.cursor.candidates > MAX_CANDIDATES) {
      if (!this.whole) this.reset();
      this.whole ??= new WholeRequest(this.body, known, MAX_CANDIDATES);
    }
    const read = this.whole ? this.whole.read(requests, this.read_, row, most) : rows!;
    this.read_ += read;
    return read;
  }

  /** Takes what was predicted of rows [from, to): the candidates read next. */
  take({ scores, calibrated }: Predicted, scoring: ScoringModel, from: number, to: number): void {
    this.scores.push(scores.slice(from, to));
    if (calibrated) this.calibrated.push(calibrated.slice(from, to));
    const spread = scoring.spread(from, to);
    if (spread) this.spreads.push(spread);
  }

  /** Of all candidates. */
  get result(): Predicted & Pick<Scored, "deviations"> {
    const { scores, calibrated, spreads } = this;
    return {
      scores: joined(scores),
      calibrated: calibrated.length > 0 ? joined(calibrated) : undefined,
      deviations: spreads.length > 0 ? deviationsOf(spreads) : undefined,
    };
  }

  /** Paths of members that no field reads. */
  ignored({ known }: ScoringModel): readonly string[] {
    const { whole, cursor, body } = this;
    if (whole) return whole.ignored;
    if (cursor.unlisted) return new WholeRequest(body, known, MAX_CANDIDATES).ignored;
    return cursor.unknown.size > 0 ? namesOf(cursor.unknown) : [];
  }

  /** The bytes of the body's options object, where it has one. */
  get options(): Uint8Array | undefined {
    return this.whole ? this.whole.options : this.cursor.options;
  }

  private reset(): void {
    this.cursor = new RequestCursor(this.body);
    this.read_ = 0;
    this.scores = [];
    this.calibrated = [];
    this.spreads = [];
  }
}
