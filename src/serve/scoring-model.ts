import type { SliceReport } from "../calibration/calibrator.js";
import { type Batch, batchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { Decoder, type RequestReader } from "../decode/decoder.js";
import type { ServingState } from "../delta-log/state.js";
import { sigmoid } from "../metrics/kernel.js";
import { createModel } from "../model/create.js";
import type { Model } from "../model/model.js";
import { type Spread, Uncertainty } from "../model/uncertainty.js";
import { compiledFromJson } from "../spec/compile.js";
import { type CompiledSpec, headPaths } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import type { ServingPrecision } from "../tables/table.js";
import { UnseenCounts } from "./live/unseen.js";
import { type Known, knownMembers } from "./requests/request.js";
import type { HostedModel } from "./threads/host.js";

/** Most candidates scored in one run. */
export const CAPACITY = 512;

/** Click probabilities, f32[rows]. */
export interface Predicted {
  readonly scores: Float32Array;
  /** The same by the model's calibrator, if it has one. */
  readonly calibrated: Float32Array | undefined;
}

let made = 0;

/** A model with a reader for its requests. */
export class ScoringModel implements HostedModel {
  readonly spec: CompiledSpec;
  readonly specHash: string;
  readonly model: Model;
  readonly requests: RequestReader;
  readonly known: Known;
  /** What requests' ids find in the tables, sampled from one row of every run. */
  readonly unseen: UnseenCounts;
  /** Unique within this thread. */
  readonly serial = made++;
  /** Increases with every change of what it predicts with. */
  changes = 0;
  private runs = 0;
  private scored: Batch | null = null;
  private readonly uncertainty: Uncertainty | null;

  /**
   * @param prior computes how uncertain logits are: the precision of a weight without events
   * @throws HashbrookError usage if the model does not support that
   */
  constructor(spec: CompiledSpec, model: Model, prior?: number) {
    this.spec = spec;
    this.specHash = specHash(spec);
    this.model = model;
    this.requests = new Decoder(spec, {
      capacity: CAPACITY,
      format: "json",
      requireLabel: false,
      everyType: true,
    }).requests;
    this.known = knownMembers(knownPaths(spec));
    this.unseen = new UnseenCounts(model);
    this.uncertainty = prior === undefined ? null : new Uncertainty(model, prior);
  }

  /** Creates the model of a snapshot, whose spec must have the given hash. */
  static async open(spec: unknown, run: string, precision?: ServingPrecision): Promise<ScoringModel> {
    return ScoringModel.empty(snapshotSpec(spec, run), precision);
  }

  /** Creates an empty serving model. */
  static async empty(spec: CompiledSpec, precision?: ServingPrecision): Promise<ScoringModel> {
    const layout = batchLayout(spec, CAPACITY);
    const model = await createModel(spec, { layout, threads: 1, purpose: "serve", servingPrecision: precision });
    return new ScoringModel(spec, model);
  }

  /** A trained model's rows and dense weights in a serving model; the trained one is closed. */
  static async held(trained: Model, precision: ServingPrecision): Promise<ScoringModel> {
    const scoring = await ScoringModel.empty(trained.spec, precision);
    scoring.apply(trained.serving.pack("all").states());
    await trained.close();
    return scoring;
  }

  apply(states: Iterable<ServingState>): void | Promise<void> {
    for (const state of states) this.model.serving.apply(state);
    this.changes++;
  }

  /**
   * Click probabilities of the first `rows` rows that `requests` read.
   * @param gathered called when the tables are no longer needed
   */
  async predict(rows: number, gathered?: () => void): Promise<Predicted> {
    const batch = this.requests.batch(rows);
    this.scored = batch;
    return this.predictBatch(batch, () => {
      this.unseen.look(batch, this.runs++ % rows);
      gathered?.();
    });
  }

  /** Click probabilities of any rows. @param gathered as above */
  async predictBatch(batch: Batch, gathered?: () => void): Promise<Predicted> {
    const { model } = this;
    const logits = await model.predict(batch, gathered);
    const calibrated = model.calibrator ? sigmoid(model.calibrator.apply(logits, batch)) : undefined;
    return { scores: sigmoid(logits), calibrated };
  }

  /** The uncertainty of the logits of rows [from, to) just predicted; undefined unless requested. */
  spread(from: number, to: number): Spread | undefined {
    return this.scored ? this.uncertainty?.spread(this.scored, from, to) : undefined;
  }

  get slices(): readonly SliceReport[] {
    return this.model.calibrator?.report() ?? [];
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

/** The compiled spec of a snapshot. @throws HashbrookError log_mismatch if its hash is not the one in the snapshot */
export function snapshotSpec(spec: unknown, run: string): CompiledSpec {
  const compiled = compiledFromJson(JSON.stringify(spec));
  if (specHash(compiled) === run) return compiled;
  throw new HashbrookError("log_mismatch", `delta log: the hash of its spec is ${specHash(compiled)}, expected ${run}`);
}

/**
 * Every member path that a field reads, and those of label, weight, time and id, which requests made from events may
 * contain.
 */
function knownPaths({ label, fields }: CompiledSpec): string[] {
  return [...headPaths(label), ...fields.flatMap((field) => ("from" in field ? [field.from] : []))];
}
