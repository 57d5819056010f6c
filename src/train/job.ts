import type { OutputFile } from "../core/output.js";
import type { Precision } from "../delta-log/precision.js";
import type { KafkaOptions } from "../sources/kafka/client.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Dims } from "../spec/cut.js";
import type { BySpec } from "./evaluation/by-value.js";
import type { GroupSpec } from "./evaluation/group-auc.js";
import type { Report } from "./metrics/report.js";
import type { TopicPosition } from "./ordering/merge.js";
import type { LineOptions } from "./prediction/lines.js";
import type { TrainSettings } from "./settings.js";

/** The task of the pipeline's workers: plain data that crosses threads. */
export interface Job extends TrainSettings {
  readonly kind: "train" | "eval" | "predict";
  readonly spec: CompiledSpec;
  /** Paths, globs, "-" or "simulate:ROWS[:SEED]", in order. */
  readonly data: readonly string[];
  /** Clicks, from which events get their labels; null: events contain them. */
  readonly clicks: ClicksSpec | null;
  /** Learn from a Kafka topic, and `data` is empty. */
  readonly topic: TopicSpec | null;
  /** Publish a delta log; null: none. */
  readonly publish: PublishSpec | null;
  /** Rejected events also go to this Kafka topic; null: they do not. */
  readonly deadLetters: { readonly kafka: KafkaOptions; readonly topic: string } | null;
  /**
   * Clicks that label nothing are kept in the run's directory and, if given, in a topic; null: they are only counted.
   */
  readonly unused: { readonly topic: { readonly kafka: KafkaOptions; readonly topic: string } | null } | null;
  /** train: the run's directory. */
  readonly out: string | null;
  /** predict: where the rows' lines go. */
  readonly output: (OutputFile & LineOptions) | null;
  /**
   * Sources of values whose texts are kept: for `output.columns` (predict), for a calibration's slices (train), for a
   * breakdown (eval).
   */
  readonly kept: readonly string[];
  /** eval: the field to break metrics down by, its source being in `kept`; null: none. */
  readonly by: BySpec | null;
  /** eval: groups for AUC within groups; null: none. train uses the spec's `metrics`. */
  readonly group: GroupSpec | null;
  /** eval, predict: the checkpoint to score with. train: unused. */
  readonly checkpoint: string | null;
  /** eval, predict: nested vectors are cut to these prefixes. */
  readonly dims: Dims | undefined;
  /** eval: also score the events with prefixes of nested vectors. */
  readonly curves: boolean;
  /** eval, predict: damaged checkpoints that were skipped in favour of it. */
  readonly passedOver: Report["passed_over"];
  /** Held-out files that are scored after every epoch; empty: none. */
  readonly validate: readonly string[];
}

/**
 * The source of clicks, and of conversions if they are separate; if clicks have a key, also that of the impressions,
 * which are read a second time.
 */
export type ClicksSpec = LabelsGiven & { readonly conversions?: LabelsGiven; readonly shown?: LabelsGiven };

/**
 * The source of clicks or conversions: files, or a topic in addition to that of the impressions. A partition counts as
 * quiet if nothing has arrived for `quietMs`.
 */
export type LabelsGiven =
  | { readonly files: readonly string[] }
  | { readonly topic: TopicSpec; readonly impressions: string; readonly quietMs: number };

/** Where and how often changes are published. */
export interface PublishSpec {
  /** Addresses, as for `--publish`; may be empty if the only follower is in this process. */
  readonly urls: readonly string[];
  /** Milliseconds between entries. */
  readonly everyMs: number;
  /** Precision of the rows in entries; with f32 followers score bit for bit as the trainer does. */
  readonly precision: Precision;
  /** Deltas between snapshots. */
  readonly snapshotEvery: number;
}

/** A position in the stream: everything before it was learned. */
export type StreamPosition = FilePosition | TopicPosition;

/** A position in a list of files. */
export interface FilePosition {
  readonly epoch: number;
  readonly file: number;
  /** Bytes of decompressed content before it in this file. */
  readonly offset: number;
  /** Lines before it in this file. */
  readonly row: number;
}
