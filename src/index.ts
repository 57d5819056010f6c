/**
 * Hashbrook: a recommender-system sparse embedding engine. The command line is built from the functions here.
 *
 * `train` learns a model from events, `evaluate` and `predict` score files with it, `Scorer` answers requests in process and
 * `createServer` over HTTP; `parseSpec` and `loadSpec` read model specs. What goes wrong is a `HashbrookError`.
 *
 * @packageDocumentation
 * @module hashbrook
 * @example
 * ```ts
 * import { Scorer, train } from "hashbrook";
 * const report = await train({ model: "features/ads-demo.yaml", data: "simulate:200000:7", out: "runs/ads" });
 * const scorer = await Scorer.load("runs/ads");
 * const { scores } = await scorer.score(Buffer.from('{"context": {"user": "u1"}, "candidates": [{"ad": "a1"}, {"ad": "a2"}]}'));
 * ```
 */
import "./kernels/wasm-names.js";

export type { SliceReport } from "./calibration/calibrator.js";
export type { GateFile } from "./checkpoints/gate-file.js";
export type { CopyOptions, CopyReport } from "./checkpoints/remote/head.js";
export { pullCheckpoint } from "./checkpoints/remote/pull.js";
export { pushCheckpoint } from "./checkpoints/remote/push.js";
export type { Skipped } from "./checkpoints/store.js";
export { type ErrorCode, HashbrookError, type PlainError } from "./core/errors.js";
export type { DeltaSource } from "./delta-log/delta-log.js";
export type { Counters } from "./delta-log/live.js";
export { openFollow } from "./delta-log/open.js";
export type { Precision } from "./delta-log/precision.js";
export type { ReplicaStatus } from "./delta-log/replica.js";
export { type Draft, type DraftColumn, type DraftOptions, draftSpec } from "./draft/draft.js";
export {
  type CacheOptions,
  type CacheReport,
  cacheEvents,
} from "./event-cache/cache-events.js";
export type { MakeOptions } from "./event-cache/make.js";
export { type OpenedCache, type OpenOrMakeOptions, openOrMakeCache } from "./event-cache/open-or-make.js";
export type { CacheSize } from "./event-cache/writer.js";
export type { Change } from "./explain/block-quality.js";
export { explain } from "./explain/explain.js";
export type { FieldGroups, GroupQuality } from "./explain/id-groups.js";
export type { Importance } from "./explain/importance.js";
export type { ExplainOptions, ExplainProgress, ExplainReport } from "./explain/options.js";
export {
  type ExportFormat,
  type ExportOptions,
  type ExportReport,
  exportModel,
  type OnnxScope,
} from "./exports/export-model.js";
export { type CheckpointSpec, checkpointSpec } from "./inspect/checkpoint-spec.js";
export {
  type AskedRow,
  type HeavyRow,
  type InspectedRow,
  type InspectedStore,
  type InspectedTable,
  type InspectOptions,
  type InspectReport,
  inspect,
} from "./inspect/inspect.js";
export { type LagOptions, type LagReport, lag, type PartitionLag } from "./inspect/lag.js";
export { type Item2vecOptions, type Item2vecReport, item2vec } from "./item2vec/item2vec.js";
export type { Item2vecProgress } from "./item2vec/learn.js";
export { type Neighbour, neighboursOf } from "./item2vec/neighbours.js";
export type { Item2vecSettings } from "./item2vec/settings.js";
export type { GroupedQuality } from "./metrics/grouped.js";
export type { Difference, PairedDifference } from "./metrics/paired.js";
export type { ReliabilityPoint } from "./metrics/reliability.js";
export type { ScoreBlock, ScoredStream } from "./metrics/score-blocks.js";
export type { BinnedQuality } from "./metrics/score-totals.js";
export { type CutOptions, type CutReport, type CutTable, cutCheckpoint } from "./migrate/cut.js";
export { type MigrateOptions, type MigrationReport, migrate } from "./migrate/migrate.js";
export type { MigrationWarning } from "./migrate/migration.js";
export { type PruneOptions, pruneCheckpoint } from "./migrate/prune.js";
export type { RewriteReport, Rewritten } from "./migrate/rewrite.js";
export type { Clipped } from "./model/model.js";
export type {
  ObjectReader,
  ObjectStore,
  ReadOptions,
  StoredObject,
  WriteOptions,
} from "./object-store/object-store.js";
export { openReader, openStore } from "./object-store/open-store.js";
export { type ReportOptions, type WrittenReport, writeReport } from "./report/report.js";
export { RowCache, type RowCacheCounts } from "./row-store/row-cache.js";
export { RowDirectory, type RowStoreOptions } from "./row-store/row-directory.js";
export type { SpecWarning } from "./schema/problems.js";
export type { RegistryOptions } from "./schema-registry/registry.js";
export type { Timeouts } from "./serve/http/app.js";
export { ServeMetrics } from "./serve/metrics/prometheus.js";
export { Models } from "./serve/models/models.js";
export {
  type Label,
  ServedModel,
  type ServedState,
  type ServedVersion,
  type VersionName,
  type Wanted,
} from "./serve/models/served-model.js";
export {
  type FollowOptions,
  type Health,
  type LoadOptions,
  type ModelVersion,
  type ScoreOptions,
  Scorer,
  type Scores,
  type WorkerOptions,
} from "./serve/scorer.js";
export { createServer, type ServerOptions } from "./serve/server.js";
export type { OnLost } from "./sources/kafka/kafka-log-options.js";
export type { TopicSpec, TopicStart, TopicStop } from "./sources/kafka/open-topic.js";
export type { KafkaOptions, SaslMechanism } from "./sources/kafka/options.js";
export { type Produced, type ProduceOptions, type ProduceReport, produce } from "./sources/kafka/produce.js";
export type { SimulatedFacts } from "./sources/simulator/facts.js";
export {
  type SimulatedSink,
  type SimulateOptions,
  type SplitOptions,
  simulate,
} from "./sources/simulator/run.js";
export type { SimulatorOptions } from "./sources/simulator/simulator.js";
export type { SimulatorFormat } from "./sources/simulator/writer.js";
export type { CompiledSpec } from "./spec/compiled.js";
export type { Dims } from "./spec/cut.js";
export { specHash } from "./spec/hash.js";
export { keysOf, type ValueKey } from "./spec/keys.js";
export { loadSpec, parseSpec } from "./spec/parse.js";
export type { HotnessCounters } from "./tables/encoding.js";
export type { LifecycleCounts } from "./tables/lifecycle.js";
export type { ServingPrecision } from "./tables/table.js";
export { type CheckOptions, type CheckReport, check } from "./train/check/check.js";
export type { FieldCheck } from "./train/check/field-check.js";
export type { ByReport } from "./train/evaluation/by-value.js";
export { type EvaluateOptions, evaluate } from "./train/evaluation/evaluate.js";
export type { GroupReport } from "./train/evaluation/group-auc.js";
export type { PublishSpec } from "./train/job.js";
export type { JoinCounts } from "./train/join/join-counts.js";
export type { LaneShare } from "./train/lanes/options.js";
export type { FieldCurve, NestedReport, PrefixQuality } from "./train/metrics/prefix-curves.js";
export type {
  CalibratedReport,
  EpochQuality,
  KnownFile,
  Progress,
  Quality,
  RejectSample,
  Report,
  TableReport,
  ValidationReport,
  Warning,
} from "./train/metrics/report.js";
export type { PredictionFormat } from "./train/prediction/lines.js";
export { type PredictOptions, predict } from "./train/prediction/predict.js";
export type { GateReport } from "./train/publishing/gatekeeper.js";
export { publishStatus, type RolledBack, resumePublishing, rollBack } from "./train/publishing/operator.js";
export { type ReplayedTopic, type ReplayOptions, replay } from "./train/replay.js";
export type { Given, StreamSettings, TrainSettings } from "./train/settings.js";
export type {
  ContenderOptions,
  ContenderProgress,
  ContenderReport,
  Pair,
  Round,
  RoundContender,
  RoundVerdict,
  TogetherOptions,
  TogetherProgress,
  TogetherReport,
} from "./train/together/options.js";
export { trainTogether } from "./train/together/together.js";
export { type LanesTrainOptions, type TrainOptions, train, trainLanes } from "./train/train.js";
export type { SourceHealth } from "./train/workers/thread-messages.js";
export { type AgainReport, tuneAgain } from "./tune/again.js";
export type {
  CandidateReport,
  CurvePoint,
  PruningReport,
  RefusedSetting,
  TuneOptions,
  TuneProgress,
  TuneReport,
} from "./tune/options.js";
export type { KeyFacts } from "./tune/profile/key-facts.js";
export type { FieldProfile, Profile, TableProfile } from "./tune/profile/profile.js";
export type { Metric } from "./tune/question.js";
export { type ProfileOfOptions, profileOf, tune } from "./tune/tune.js";
export type { Standing, Window, WindowQuality } from "./tune/windows.js";
export type { Fit } from "./warm-start/distil.js";
export type { StartedPart, StartOutcome, StartReport } from "./warm-start/report.js";
export type { TableVectors } from "./warm-start/start-vectors.js";
