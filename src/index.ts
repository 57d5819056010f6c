/**
 * Hashbrook: a recommender-system sparse embedding engine. The functions here are what the command line is made of.
 *
 * @example
 * ```ts
 * import { Scorer, train } from "hashbrook";
 * const report = await train({ model: "features/ads-demo.yaml", data: "simulate:200000:7", out: "runs/ads" });
 * const scorer = await Scorer.load("runs/ads");
 * const { scores } = await scorer.score(Buffer.from('{"context": {"user": "u1"}, "candidates": [{"ad": "a1"}, {"ad": "a2"}]}'));
 * ```
 */
export { type ErrorCode, HashbrookError } from "./core/errors.js";
export type { DeltaSource } from "./delta-log/delta-log.js";
export { openFollow } from "./delta-log/open.js";
export { type MigrateOptions, type MigrationReport, migrate } from "./migrate/migrate.js";
export type { SpecWarning } from "./schema/problems.js";
export { type FollowOptions, type Health, type ModelVersion, Scorer, type Scores } from "./serve/scorer.js";
export { createServer, type ServerOptions } from "./serve/server.js";
export type { TopicSpec } from "./sources/kafka/open-topic.js";
export { type SimulatedFacts, type SimulateOptions, simulate } from "./sources/simulator/run.js";
export type { CompiledSpec } from "./spec/compiled.js";
export { specHash } from "./spec/hash.js";
export { loadSpec, parseSpec } from "./spec/parse.js";
export { type CheckOptions, type CheckReport, check } from "./train/check.js";
export type { FieldCheck } from "./train/field-check.js";
export type {
  EpochQuality,
  Progress,
  Quality,
  RejectSample,
  Report,
  TableReport,
  ValidationReport,
  Warning,
} from "./train/job.js";
export { type EvaluateOptions, evaluate, type PredictOptions, predict, type TrainOptions, train } from "./train/run.js";
