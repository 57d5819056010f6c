import type { SliceReport } from "../../calibration/calibrator.js";
import type { Skipped } from "../../checkpoints/store.js";
import type { ReplicaModel } from "../../delta-log/live.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { Found, Question } from "../embeddings/ask.js";
import type { TableFacts } from "../live/fill.js";
import type { ServedQuality } from "../live/quality.js";
import type { Lane, NearLane } from "./dispatcher.js";

/** A model that answers, in whatever thread. */
export interface HostedModel extends ReplicaModel {
  readonly spec: CompiledSpec;
  readonly specHash: string;
  /** Recent calibration of its slices in training; empty if it has no calibrator. */
  readonly slices: readonly SliceReport[];
}

/** The model that answers, and the examples it had learned. */
export interface Current {
  readonly model: HostedModel;
  readonly examples: number;
}

/** A model from a checkpoint. */
export interface HostedCheckpoint extends Current {
  /** Damaged checkpoints that were skipped. */
  readonly skipped: readonly Skipped[];
  /** Its progressive quality during training; null if the checkpoint does not say. */
  readonly quality: ServedQuality | null;
}

/** Holds models and scores requests with them: in the calling thread, or in other threads. */
export interface Host {
  readonly lanes: readonly Lane[];
  /** In the calling thread, beside lanes in other threads. */
  readonly near?: NearLane | undefined;
  /** Sets how to find the model that answers; called before every run. */
  answer(current: () => Current | null): void;
  /**
   * Creates the empty model of a snapshot.
   * @param bytes what its weights take in f32, at least; default 0
   * @throws HashbrookError log_mismatch if the spec does not have the hash `run`; memory_short
   */
  open(spec: unknown, run: string, bytes?: number): Promise<HostedModel>;
  /**
   * Loads the model of a run's newest checkpoint, or of one checkpoint.
   * @param before the current model, which may be turned into the new one by writing only the differences
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
   */
  load(path: string, before?: HostedModel): Promise<HostedCheckpoint>;
  /**
   * Queries the tables of the model that answers.
   * @throws HashbrookError request_invalid; not_ready; overloaded
   */
  ask(question: Question): Promise<Found>;
  /** How full the tables of the model that answers are, and what requests find in them. @throws HashbrookError not_ready */
  facts(): Promise<TableFacts>;
  /** Runs a step that changes the model that answers; no request is scored partly before and partly after it. */
  between<T>(step: () => T | Promise<T>): Promise<T>;
  close(): Promise<void>;
}
