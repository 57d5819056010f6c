import { joined } from "../../core/joined.js";
import { deviationsOf, type Spread } from "../../model/uncertainty.js";
import { JsonBody } from "../requests/json-body.js";
import type { RequestBody } from "../requests/request-body.js";
import { TensorBody } from "../requests/tensor-body.js";
import type { Predicted, ScoringModel } from "../scoring-model.js";
import type { Ask } from "./dispatcher.js";
import type { Scored } from "./engine.js";

/** A request counts as short while at most this many bytes of it are unread: some hundred candidates. */
export const SHORT_BYTES = 16 << 10;

/** A request in progress: its body, the reading position, and the scores so far. */
export class Work {
  readonly id: number;
  /** Number of restarts because the model had changed between two of its runs. */
  restarts = 0;
  private readonly body: RequestBody;
  private scores: Float32Array[] = [];
  private calibrated: Float32Array[] = [];
  private spreads: Spread[] = [];
  private stamp: unknown = null;
  private begun = false;

  constructor({ id, body, tensors }: Ask) {
    this.id = id;
    this.body = tensors ? new TensorBody(body, tensors) : new JsonBody(body);
  }

  /** All candidates were read. */
  get ended(): boolean {
    return this.body.ended;
  }

  /** Bytes not read yet. */
  get rest(): number {
    return this.body.rest;
  }

  /** Sets the stamp of the model that answers: if it has changed, the work starts over. */
  begin(stamp: unknown): void {
    if (this.begun && this.stamp !== stamp) {
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
    const rows = this.body.read(scoring, row, most);
    this.begun ||= rows > 0;
    return rows;
  }

  /** Stores the predictions of rows [from, to): the candidates read next. */
  take({ scores, calibrated }: Predicted, scoring: ScoringModel, from: number, to: number): void {
    this.scores.push(scores.slice(from, to));
    if (calibrated) this.calibrated.push(calibrated.slice(from, to));
    const spread = scoring.spread(from, to);
    if (spread) this.spreads.push(spread);
  }

  /** For all candidates. */
  get result(): Predicted & Pick<Scored, "deviations"> {
    const { scores, calibrated, spreads } = this;
    return {
      scores: joined(Float32Array, scores),
      calibrated: calibrated.length > 0 ? joined(Float32Array, calibrated) : undefined,
      deviations: spreads.length > 0 ? deviationsOf(spreads) : undefined,
    };
  }

  /** Paths of members that no field reads. */
  ignored(scoring: ScoringModel): readonly string[] {
    return this.body.ignored(scoring);
  }

  /** The bytes of the body's options object, if it has one. */
  get options(): Uint8Array | undefined {
    return this.body.options;
  }

  private reset(): void {
    this.body.begin();
    this.begun = false;
    this.scores = [];
    this.calibrated = [];
    this.spreads = [];
  }
}
