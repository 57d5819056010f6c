import type { Batch } from "../../core/batch.js";
import type { Block, SavedBlocks } from "../../core/blocks.js";
import type { Clock } from "../../core/clock.js";
import { grouped } from "../../core/digits.js";
import { HashbrookError } from "../../core/errors.js";
import { residentBytes } from "../../core/memory.js";
import { isHashed } from "../../fields/index.js";
import { DistinctCounts } from "../../metrics/distinct.js";
import type { ProgressiveMetrics } from "../../metrics/progressive.js";
import type { Metrics } from "../../metrics/result.js";
import { type Span, SplitMetrics } from "../../metrics/split.js";
import type { Model } from "../../model/model.js";
import type { KnownSchemas } from "../../schema-registry/topic-schemas.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { specHash } from "../../spec/hash.js";
import { countsOf } from "../../tables/lifecycle.js";
import type { Table } from "../../tables/table.js";
import { Doubts } from "../check/doubts.js";
import { TimeOrder } from "../check/time-order.js";
import { TimeUnitCheck } from "../check/time-unit.js";
import type { EndedBy } from "../consumer.js";
import { LearnedGroups } from "../evaluation/group-auc.js";
import type { Job } from "../job.js";
import { type JoinCounts, type JoinState, joinCounts } from "../join/join-counts.js";
import { rejectHint } from "../rejects/hint.js";
import { rejectSamples, rejectText } from "../rejects/rejects.js";
import type { DecodedBatch } from "../stream.js";
import { PrefixCurves } from "./prefix-curves.js";
import { RejectCounts, tooManyRejects } from "./reject-counts.js";
import type { CalibratedReport, Progress, Quality, Report, TableReport, Warning } from "./report.js";
import type { RunMetricsState } from "./run-metrics-state.js";

/** Everything a run counts: metrics, the oracle's metrics, distinct values, rejects, throughput. */
export class RunMetrics {
  readonly metrics: SplitMetrics;
  readonly distinct: DistinctCounts;
  private readonly oracle: SplitMetrics | null;
  private readonly calibrated: SplitMetrics | null;
  private readonly grouped: LearnedGroups | null;
  private readonly spec: CompiledSpec;
  private readonly job: Job;
  private readonly clock: Clock;
  private readonly startedMs: number;
  private readonly rejects = new RejectCounts();
  private examplesBefore = 0;
  private skippedRows = 0;
  private done: number | null = null;
  private readonly doubts: Doubts;
  /** null: the order does not matter, or is that of a topic. */
  private readonly order: TimeOrder | null;
  readonly timeUnit: TimeUnitCheck;
  /** For nested vectors; null if there are none, or no curves are requested. */
  readonly curves: PrefixCurves | null;
  /** Warnings about the first events. */
  private warnings: readonly Warning[] | null = null;
  examples = 0;
  /** Events left out because their id was among the last ones. */
  duplicates = 0;
  private tombstones = 0;
  /** Negatives that were scored and not learned. */
  leftOut = 0;
  private join: JoinState | null = null;
  private schemas: KnownSchemas = {};

  constructor(spec: CompiledSpec, job: Job, clock: Clock) {
    this.spec = spec;
    this.job = job;
    this.clock = clock;
    this.startedMs = clock.now();
    this.metrics = new SplitMetrics({ window: spec.window });
    this.oracle = spec.label.oracle ? new SplitMetrics({ window: spec.window, scores: "probabilities" }) : null;
    this.calibrated = spec.calibration ? new SplitMetrics({ window: spec.window }) : null;
    this.grouped = LearnedGroups.of(spec, job.kind);
    this.distinct = new DistinctCounts(spec.fields.length);
    this.doubts = new Doubts(spec);
    this.order = job.kind === "train" && job.topic === null ? new TimeOrder(spec) : null;
    this.timeUnit = new TimeUnitCheck(spec);
    this.curves = PrefixCurves.of(spec, job);
  }

  /**
   * Counts a batch's logits, made before it was learned.
   * @param seen its rows that were learned in an earlier pass
   * @param calibrated the logits after calibration
   */
  score(logits: Float32Array, batch: Batch, seen: readonly Span[] = [], calibrated?: Float32Array): void {
    const { labels, weights } = batch;
    this.metrics.add(logits, labels, weights, seen);
    this.grouped?.add(logits, batch, seen);
    if (calibrated) this.calibrated?.add(calibrated, labels, weights, seen);
  }

  /** Counts a batch whose logits have been counted. */
  count(batch: Batch, decoded: DecodedBatch, skipped: number, totalBytes: number | null): void {
    if (decoded.settled === undefined) this.countOracle(batch, decoded.seen);
    this.examples += batch.rows;
    this.tombstones += decoded.tombstones ?? 0;
    this.join = decoded.join ?? null;
    if (decoded.schemas) this.schemas = { ...this.schemas, ...decoded.schemas };
    this.skippedRows += skipped;
    this.done = totalBytes ? Math.min(1, decoded.bytesRead / totalBytes) : null;
    const beyond = this.rejects.add(decoded.rejects, this.job.maxRejects);
    this.doubts.add(batch, decoded);
    if (decoded.seen.length === 0) this.order?.add(batch);
    if (this.doubts.ripe) this.warnings ??= this.doubts.warnings();
    if (beyond) throw tooManyRejects(beyond, this.rejected, this.job.maxRejects!);
  }

  /** Counts the true probabilities of events whose labels are final. */
  countOracle({ oracle, labels, weights }: Batch, seen: readonly Span[] = []): void {
    this.oracle?.add(oracle, labels, weights, seen);
  }

  /** The error all_rejected if not one event could be read, in this run or earlier ones of the directory. */
  hopeless(endedBy: EndedBy): HashbrookError | null {
    if (!this.doubts.hopeless || this.examples > 0 || endedBy === "stopped") return null;
    const [first] = this.doubts.samples.values();
    return new HashbrookError(
      "all_rejected",
      `all ${grouped(this.rejected)} events were rejected, the first: ${rejectText(first)}`,
      {
        hint:
          rejectHint(this.spec, first) ??
          "check that the spec's `events` and `label` match the data: hashbrook check --model SPEC --data FILE shows what is read",
      },
    );
  }

  get rejected(): number {
    return this.rejects.total;
  }

  progress(model: Model): Omit<Progress, "source"> {
    const oracle = this.oracle?.fresh.lifetime().auc ?? null;
    const { fresh, seen } = this.metrics;
    const sizes = model.tables.map((table) => table.stats());
    return {
      examples: this.examples,
      examples_this_run: this.examples - this.examplesBefore,
      rejected: this.rejected,
      duplicates: this.duplicates,
      tombstones: this.tombstones,
      skipped: this.skippedRows,
      clipped: model.clipped,
      unsaved: 0,
      started: null,
      passed_over: this.job.passedOver,
      seconds: this.seconds(),
      lifetime: quality(fresh.lifetime()),
      window: quality(this.latestWindow()),
      oracle_auc: oracle,
      seen: seen && quality(seen.lifetime()),
      calibrated: this.calibrated && quality(this.calibrated.fresh.lifetime()),
      group_auc: this.grouped?.latest?.auc ?? null,
      slices: model.calibrator?.report() ?? [],
      left_out: this.leftOut,
      join: this.joined,
      validation: null,
      table_rows: sizes.reduce((sum, { rows }) => sum + rows, 0),
      table_bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
      lifecycle: countsOf(model.tables.flatMap(({ stores }) => stores)),
      memory_bytes: residentBytes(),
      done: this.done,
      freshness: null,
      warnings: this.warnings ?? [],
    };
  }

  report(model: Model, checkpoint: string, endedBy: EndedBy): Report {
    const seconds = this.seconds();
    const tables = model.tables.map((table) => this.tableReport(table));
    const { fresh, seen } = this.metrics;
    const oracle = this.oracle?.fresh;
    const thisRun = this.examples - this.examplesBefore;
    return {
      ...quality(fresh.lifetime()),
      examples: this.examples,
      examples_this_run: thisRun,
      rejected: this.rejected,
      rejected_by_code: this.rejects.byCode,
      rejected_samples: rejectSamples(this.doubts.samples),
      warnings: [
        ...this.doubts.warnings(endedBy === "end" && this.examples + this.rejected === 0),
        ...(this.order?.warnings() ?? []),
      ],
      duplicates: this.duplicates,
      ...(this.tombstones > 0 && { tombstones: this.tombstones }),
      skipped: this.skippedRows,
      seconds,
      examples_per_second: seconds > 0 ? Math.round(thisRun / seconds) : 0,
      window: quality(this.latestWindow()),
      seen: seen && quality(seen.lifetime()),
      ...this.calibratedReport(model),
      ...(this.grouped && { grouped: this.grouped.report() }),
      ...(this.curves && { nested: this.curves.report(model) }),
      ...(this.spec.negative_sampling === undefined ? {} : { left_out: this.leftOut }),
      ...(this.joined ? { join: this.joined } : {}),
      validation: null,
      ...laterParts(fresh),
      oracle: oracle ? quality(oracle.lifetime()) : null,
      oracle_auc: oracle?.lifetime().auc ?? null,
      oracle_last_tenth: oracle ? quality(oracle.last(0.1)) : null,
      clipped: model.clipped,
      tables,
      bytes_total: tables.reduce((sum, table) => sum + table.bytes, 0),
      fields: this.spec.fields.flatMap((field, i) =>
        isHashed(field) ? [{ name: field.name, distinct: this.distinct.estimate(i) }] : [],
      ),
      checkpoint,
      spec_hash: specHash(this.spec),
      known_files: [],
      left_files: [],
      passed_over: this.job.passedOver,
      ended_by: endedBy,
    };
  }

  private get joined(): JoinCounts | null {
    return this.join && joinCounts(this.join);
  }

  private calibratedReport({ calibrator }: Model): { calibrated?: CalibratedReport } {
    const fresh = this.calibrated?.fresh;
    if (!calibrator || !fresh) return {};
    const slices = calibrator.report();
    return { calibrated: { ...quality(fresh.lifetime()), ...laterParts(fresh), slices } };
  }

  private tableReport(table: Table): TableReport {
    const { name, spec, hotness } = table;
    const { rows, bytes } = table.stats();
    const distinct = this.distinctOf(spec);
    const lifecycle = countsOf(table.stores);
    const became = { ...(lifecycle && { lifecycle }), ...(hotness && { hotness }) };
    return { name, encoding: spec.encoding, rows, bytes, distinct, ...became };
  }

  state(): RunMetricsState {
    const { examples, duplicates, leftOut } = this;
    return {
      examples,
      skipped: this.skippedRows,
      rejected_by_code: this.rejects.byCode,
      duplicates,
      ...(this.tombstones > 0 && { tombstones: this.tombstones }),
      ...(this.spec.negative_sampling !== undefined && { left_out: leftOut }),
      ...(this.join && { join: this.join }),
      ...(Object.keys(this.schemas).length > 0 && { schemas: this.schemas }),
    };
  }

  blocks(): Block[] {
    const oracle = this.oracle?.blocks("metrics/oracle") ?? [];
    const calibrated = this.calibrated?.blocks("metrics/calibrated") ?? [];
    return [
      ...this.metrics.blocks("metrics/model"),
      ...oracle,
      ...calibrated,
      ...this.distinct.blocks("metrics/distinct"),
      ...(this.grouped?.blocks() ?? []),
      ...(this.curves?.blocks() ?? []),
    ];
  }

  restore(state: RunMetricsState, blocks: SavedBlocks): void {
    this.examples = state.examples;
    this.examplesBefore = state.examples;
    this.skippedRows = state.skipped;
    this.duplicates = state.duplicates ?? 0;
    this.tombstones = state.tombstones ?? 0;
    this.rejects.restore(state.rejected_by_code);
    this.metrics.restore("metrics/model", blocks);
    this.leftOut = state.left_out ?? 0;
    this.join = state.join ?? null;
    this.schemas = state.schemas ?? {};
    this.oracle?.restore("metrics/oracle", blocks);
    this.calibrated?.restore("metrics/calibrated", blocks);
    this.distinct.restore("metrics/distinct", blocks);
    this.grouped?.restore(blocks);
    this.curves?.restore(blocks);
  }

  private seconds(): number {
    return (this.clock.now() - this.startedMs) / 1000;
  }

  /** The open window once it has a tenth of its rows, else the last finished one: never a figure from only a few rows. */
  private latestWindow(): Metrics {
    const { fresh } = this.metrics;
    const current = fresh.current();
    const finished = fresh.windows.at(-1);
    return finished && current.to - current.from < this.spec.window / 10 ? finished : current;
  }

  /** Distinct ids of a table: fields with one seed have the keys of equal values in common. */
  private distinctOf({ cells }: CompiledSpec["tables"][number]): number {
    const bySeed = new Map<string, number[]>();
    this.spec.fields.forEach(({ name }, i) => {
      const seed = cells.find(({ field }) => field === name)?.seed;
      if (seed !== undefined) bySeed.set(seed, [...(bySeed.get(seed) ?? []), i]);
    });
    return [...bySeed.values()].reduce((sum, fields) => sum + this.distinct.estimate(...fields), 0);
  }
}

/** The quality of a stream's newer half, and of its last tenth. */
function laterParts(of: ProgressiveMetrics): Pick<Report, "second_half" | "last_tenth"> {
  const half = of.last(0.5);
  const tenth = of.last(0.1);
  return {
    second_half: { from: half.from, ...quality(half) },
    last_tenth: { from: tenth.from, ...quality(tenth) },
  };
}

/** The reported part of metrics. */
export function quality({ examples, logloss, auc, auc_error, normalized_entropy, calibration }: Metrics): Quality {
  return { examples, logloss, auc, auc_error, normalized_entropy, calibration };
}
