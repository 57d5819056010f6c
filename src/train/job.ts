import type { OutputFile } from "../core/output.js";
import type { Precision } from "../delta-log/precision.js";
import type { KafkaOptions } from "../sources/kafka/client.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Dims } from "../spec/cut.js";
import type { BySpec } from "./by-value.js";
import type { GroupSpec } from "./group-auc.js";
import type { TopicPosition } from "./ordering/merge.js";
import type { LineOptions } from "./prediction-lines.js";
import type { Report } from "./report.js";
import type { TrainSettings } from "./settings.js";

/** What the pipeline's workers are told to do: plain data that crosses threads. */
export interface Job extends TrainSettings {
  readonly kind: "train" | "eval" | "predict";
  readonly spec: CompiledSpec;
  /** Paths, globs, "-" or "simulate:ROWS[:SEED]", in order. */
  readonly data: readonly string[];
  /** Clicks, which give the events their labels; null: events have them. */
  readonly clicks: ClicksSpec | null;
  /** Learn from a Kafka topic, and `data` is empty. */
  readonly topic: TopicSpec | null;
  /** Publish a delta log; null: none. */
  readonly publish: PublishSpec | null;
  /** Rejected events also go to this Kafka topic. */
  readonly deadLetters: { readonly kafka: KafkaOptions; readonly topic: string } | null;
  /** Clicks that label nothing are kept in the run's directory, and where a topic is named, there, too; null: they are counted alone. */
  readonly unused: { readonly topic: { readonly kafka: KafkaOptions; readonly topic: string } | null } | null;
  /** train: the run's directory. */
  readonly out: string | null;
  /** predict: where the rows' lines go. */
  readonly output: (OutputFile & LineOptions) | null;
  /** The sources of values whose texts are kept: of `output.columns` (predict), of a calibration's slices (train), of what eval tells apart. */
  readonly kept: readonly string[];
  /** eval: what events are told apart by, its source being `kept`; null: by nothing. */
  readonly by: BySpec | null;
  /** eval: AUC is also told within groups of events; null: not. train: as the spec's `metrics` say. */
  readonly group: GroupSpec | null;
  /** eval, predict: the checkpoint to score with. train: unused. */
  readonly checkpoint: string | null;
  /** eval, predict: nested vectors are cut to these prefixes. */
  readonly dims: Dims | undefined;
  /** eval: score the events with prefixes of nested vectors, too. */
  readonly curves: boolean;
  /** eval, predict: damaged checkpoints that were passed over on the way to it. */
  readonly passedOver: Report["passed_over"];
  /** Files that are scored after every epoch and never learned; empty: none. */
  readonly validate: readonly string[];
}

/** Where clicks come from, and conversions where they are not among these; where clicks have a key, impressions are read there once more. */
export type ClicksSpec = LabelsGiven & { readonly conversions?: LabelsGiven; readonly shown?: LabelsGiven };

/**
 * Where clicks, or conversions, come from: files, or a topic beside that of the impressions, of which a partition is quiet that has told nothing for
 * `quietMs`.
 */
export type LabelsGiven =
  | { readonly files: readonly string[] }
  | { readonly topic: TopicSpec; readonly impressions: string; readonly quietMs: number };

/** Where and how often changes are published. */
export interface PublishSpec {
  /** Addresses, as `--publish` takes them; may be empty where the only follower is in this process. */
  readonly urls: readonly string[];
  /** Milliseconds between entries. */
  readonly everyMs: number;
  /** Of the rows in entries; with f32 followers score bit for bit as the trainer does. */
  readonly precision: Precision;
  /** Deltas between snapshots. */
  readonly snapshotEvery: number;
}

/** A place in the stream: everything before it was learned. */
export type StreamPosition = FilePosition | TopicPosition;

/** A place in a list of files. */
export interface FilePosition {
  readonly epoch: number;
  readonly file: number;
  /** Bytes of decompressed content before it in this file. */
  readonly offset: number;
  /** Lines before it in this file. */
  readonly row: number;
}
