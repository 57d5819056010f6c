import type { SliceReport } from "../calibration/calibrator.js";
import type { Skipped } from "../checkpoints/store.js";
import type { ReplicaModel } from "../delta-log/live.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Lane } from "./dispatcher.js";
import type { Found, Question } from "./embeddings/ask.js";
import type { TableFacts } from "./live/fill.js";
import type { ServedQuality } from "./live/quality.js";

/** A model that answers, wherever it is. */
export interface HostedModel extends ReplicaModel {
  readonly spec: CompiledSpec;
  readonly specHash: string;
  /** How its slices did in training, lately; empty where it has no calibrator. */
  readonly slices: readonly SliceReport[];
}

/** What answers now, and how much it had learned. */
export interface Current {
  readonly model: HostedModel;
  readonly examples: number;
}

/** A model made of a checkpoint. */
export interface HostedCheckpoint extends Current {
  /** Damaged checkpoints that were passed over. */
  readonly skipped: readonly Skipped[];
  /** How well it predicted while it learned; null where the checkpoint does not say. */
  readonly quality: ServedQuality | null;
}

/** Where models are, and requests are scored by them: in the calling thread, or in threads of their own. */
export interface Host {
  readonly lanes: readonly Lane[];
  /** Says what is to answer from now on; asked before every run. */
  answer(current: () => Current | null): void;
  /**
   * Makes the model of a snapshot, before it was told anything.
   * @throws HashbrookError log_mismatch where the spec does not have the hash `run`
   */
  open(spec: unknown, run: string): Promise<HostedModel>;
  /**
   * Makes the model of a run's newest checkpoint, or of one.
   * @param before what answers so far: it may become that model, with only what differs written into it
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
   */
  load(path: string, before?: HostedModel): Promise<HostedCheckpoint>;
  /**
   * Asks the tables of what answers now.
   * @throws HashbrookError request_invalid; not_ready; overloaded
   */
  ask(question: Question): Promise<Found>;
  /** How full the tables of what answers now are, and what requests find in them. @throws HashbrookError not_ready */
  facts(): Promise<TableFacts>;
  /** Runs a step that changes what answers, or by what, and nothing is scored by half of it. */
  between<T>(step: () => T | Promise<T>): Promise<T>;
  close(): Promise<void>;
}
