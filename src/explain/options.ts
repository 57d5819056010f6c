import type { Skipped } from "../checkpoints/store.js";
import type { ReliabilityPoint } from "../metrics/reliability.js";
import type { ByReport } from "../train/evaluation/by-value.js";
import type { Quality } from "../train/metrics/report.js";
import type { FieldGroups } from "./id-groups.js";
import type { Importance } from "./importance.js";

/** What to explain, and with which events. */
export interface ExplainOptions {
  /** A run's directory (its newest intact checkpoint) or one checkpoint's directory. */
  readonly checkpoint: string;
  /** Files, patterns, "-" or simulate:ROWS[:SEED[:FORMAT]]. For an honest result, use events that the model has not learned. */
  readonly data: string | readonly string[];
  /** Files of clicks, in order, if the events are impressions of a spec's `join`. Default: events contain their labels. */
  readonly clicks?: string | readonly string[] | undefined;
  /** Files of conversions if the spec has `join.conversions`. Default: they are among the clicks. */
  readonly conversions?: string | readonly string[] | undefined;
  /** Largest number of events. Default 100,000. */
  readonly limit?: number | undefined;
  /** How often each field is permuted. Default 3. */
  readonly repetitions?: number | undefined;
  /** Number of consecutive events among which values are permuted. Default 1,024. */
  readonly block?: number | undefined;
  /** Seed of the permutations. Default 1. */
  readonly seed?: number | undefined;
  /** Also break quality down by this: a field, a column or a JSON path. */
  readonly by?: string | undefined;
  /** With `by`: number of values reported individually. Default 20. */
  readonly top?: number | undefined;
  /** Threads of the dense runtime. Default: all cores. The result is the same for any number. */
  readonly threads?: number | undefined;
  /** Called a few times a second. */
  readonly onProgress?: ((progress: ExplainProgress) => void) | undefined;
}

/** Progress of an explanation. */
export interface ExplainProgress {
  /** Events explained. */
  readonly events: number;
  /** Share of the data or of the limit, 0 to 1; null if unknown. */
  readonly done: number | null;
  /** Since it began. */
  readonly seconds: number;
}

/** What a model has learned, measured by what it loses without it. */
export interface ExplainReport {
  /** The checkpoint's directory. */
  readonly checkpoint: string;
  /** `name` of the spec. */
  readonly model: string;
  /** Kind of the tower. */
  readonly tower: string;
  /** 16 hex digits. */
  readonly spec_hash: string;
  /** Events that the model had learned. */
  readonly examples: number;
  /** As given. */
  readonly data: readonly string[];
  /** Malformed events. */
  readonly rejected: number;
  /** Largest number of events. */
  readonly limit: number;
  /** How often each field was permuted. */
  readonly repetitions: number;
  /** Number of events among which values were permuted. */
  readonly block: number;
  /** Seed of the permutations. */
  readonly seed: number;
  /** Quality over all these events, with raw probabilities. */
  readonly quality: Quality;
  /** The importance of each field, in descending order; crosses on their own follow the fields. */
  readonly importance: readonly Importance[];
  /** Quality of frequent, rare and unknown ids, field by field. */
  readonly ids: readonly FieldGroups[];
  /** Predicted against actual rates, in bins of about equal weight. */
  readonly reliability: readonly ReliabilityPoint[];
  /** Present if requested. */
  readonly by?: ByReport;
  /** Damaged checkpoints that were skipped in favour of this one, and why. */
  readonly passed_over: readonly Skipped[];
}
