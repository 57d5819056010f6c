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
import type { HostedModel } from "./host.js";
import { UnseenCounts } from "./live/unseen.js";
import { type Known, knownMembers } from "./request.js";

/** Candidates are scored in runs of at most this many. */
export const CAPACITY = 512;

/** Click probabilities, f32[rows]. */
export interface Predicted {
  readonly scores: Float32Array;
  /** The same by the model's calibrator, where it has one. */
  readonly calibrated: Float32Array | undefined;
}

let made = 0;

/** A model with what reads requests for it. */
export class ScoringModel implements HostedModel {
  readonly spec: CompiledSpec;
  readonly specHash: string;
  readonly model: Model;
  readonly requests: RequestReader;
  readonly known: Known;
  /** What requests' ids find in the tables, by a row of every run. */
  readonly unseen: UnseenCounts;
  /** No other model of this thread has it. */
  readonly serial = made++;
  /** Another number after every change of what it predicts with. */
  changes = 0;
  private runs = 0;
  private scored: Batch | null = null;
  private readonly uncertainty: Uncertainty | null;

  /**
   * @param prior tell how uncertain logits are: the precision of a weight that nothing is known of
   * @throws HashbrookError usage where the model does not say
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

  /** Makes the model of a snapshot: its spec must have the hash it says. */
  static async open(spec: unknown, run: string, precision?: ServingPrecision): Promise<ScoringModel> {
    return ScoringModel.empty(snapshotSpec(spec, run), precision);
  }

  /** A model that serves, before it was told anything. */
  static async empty(spec: CompiledSpec, precision?: ServingPrecision): Promise<ScoringModel> {
    const layout = batchLayout(spec, CAPACITY);
    const model = await createModel(spec, { layout, threads: 1, purpose: "serve", servingPrecision: precision });
    return new ScoringModel(spec, model);
  }

  /** A trained model's rows and dense weights in a model that serves; the trained one is closed. */
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
   * @param gathered called when the tables are not looked at any more
   */
  async predict(rows: number, gathered?: () => void): Promise<Predicted> {
    const batch = this.requests.batch(rows);
    this.scored = batch;
    return this.predictBatch(batch, () => {
      this.unseen.look(batch, this.runs++ % rows);
      gathered?.();
    });
  }

  /** Click probabilities of rows that were read otherwise. @param gathered as above */
  async predictBatch(batch: Batch, gathered?: () => void): Promise<Predicted> {
    const { model } = this;
    const logits = await model.predict(batch, gathered);
    const calibrated = model.calibrator ? sigmoid(model.calibrator.apply(logits, batch)) : undefined;
    return { scores: sigmoid(logits), calibrated };
  }

  /** How uncertain the logits of rows [from, to) are that were just predicted; undefined where that was not asked for. */
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

/** The compiled spec of a snapshot. @throws HashbrookError log_mismatch where it has another hash than the snapshot says */
export function snapshotSpec(spec: unknown, run: string): CompiledSpec {
  const compiled = compiledFromJson(JSON.stringify(spec));
  if (specHash(compiled) === run) return compiled;
  throw new HashbrookError("log_mismatch", `delta log: its spec has the hash ${specHash(compiled)}, not ${run}`);
}

/** Every member path that a field reads, and those of label, weight, time and id, which requests made of events may have. */
function knownPaths({ label, fields }: CompiledSpec): string[] {
  return [...headPaths(label), ...fields.flatMap((field) => ("from" in field ? [field.from] : []))];
}
