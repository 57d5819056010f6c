import type { SliceReport } from "../../calibration/calibrator.js";
import type { Skipped } from "../../checkpoints/store.js";
import type { Clipped } from "../../model/model.js";
import type { HotnessCounters } from "../../tables/encoding.js";
import type { LifecycleCounts } from "../../tables/lifecycle.js";
import type { StartReport } from "../../warm-start/report.js";
import type { ByReport } from "../evaluation/by-value.js";
import type { GroupReport } from "../evaluation/group-auc.js";
import type { JoinCounts } from "../join/join-counts.js";
import type { GateReport } from "../publishing/gatekeeper.js";
import type { SourceHealth } from "../workers/thread-messages.js";
import type { NestedReport } from "./prefix-curves.js";

/** Quality over a part of the stream; null where undefined (for instance the AUC of one class). */
export interface Quality {
  /** Number of events. */
  readonly examples: number;
  /** Mean logistic loss, in nats. */
  readonly logloss: number | null;
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /** The most that `auc` may differ from the exact area; 0 up to 65,536 events. */
  readonly auc_error: number | null;
  /** Log loss ÷ that of always predicting the click rate; below 1 is better than that. */
  readonly normalized_entropy: number | null;
  /** Sum of predicted probabilities ÷ number of positives: 1 is ideal, 1.1 predicts 10 % too many clicks. */
  readonly calibration: number | null;
}

/** Quality on validation events, which are scored after a pass over the data and never learned. */
export interface EpochQuality extends Quality {
  /** Passes completed; null: for a run that ended at its limit. */
  readonly epoch: number | null;
  /** Examples learned until then. */
  readonly learned: number;
  /** Malformed rows among the validation events. */
  readonly rejected: number;
  /** Validation events earlier than the newest one learned; null or absent if events have no time. */
  readonly earlier?: number | null;
}

export interface ValidationReport extends EpochQuality {
  /** The epoch with the lowest logloss; with `earlyStop` the run's final weights are from this epoch. */
  readonly best_epoch: number | null;
  /** The figures of the newest 100 epochs. */
  readonly epochs: readonly EpochQuality[];
}

/** Quality of calibrated probabilities, each computed before its event was learned. */
export interface CalibratedReport extends Quality {
  /** As for the raw ones. */
  readonly second_half: Quality & { readonly from: number };
  /** As for the raw ones. */
  readonly last_tenth: Quality & { readonly from: number };
  /** Recent predicted ÷ actual clicks, over all events and for values of the spec's `calibration.by`. */
  readonly slices: readonly SliceReport[];
}

/** A file that an earlier run into the directory learned, wholly or in part. */
export interface KnownFile {
  /** Its name now. */
  readonly name: string;
  /** Its name then. */
  readonly learned_as: string;
  /** Number of its first example within the run. */
  readonly first: number;
  /** Number of its last learned one. */
  readonly last: number;
  /** Lines that are skipped before continuing it; null: the whole file is skipped. */
  readonly went_on_behind_line: number | null;
}

/** The state of a table. */
export interface TableReport {
  /** As the spec names it. */
  readonly name: string;
  /** How ids become vectors: hash, exact, … */
  readonly encoding: string;
  /** Number of learned rows. */
  readonly rows: number;
  /** Bytes of index and rows. */
  readonly bytes: number;
  /** Distinct ids seen in its fields; without a salt of their own, values they have in common count once (HyperLogLog, standard error 1.6 %). */
  readonly distinct: number;
  /** Counters of its ids; present if ids are admitted or rows evicted. */
  readonly lifecycle?: LifecycleCounts;
  /** Counters of hot ids; present in hot_cold tables. */
  readonly hotness?: HotnessCounters;
}

/** A sign in the data that the model may not learn what it should. */
export interface Warning {
  /**
   * one_class, always_missing, constant_field, label_leak, not_in_order, time_before_2000, time_in_future, mostly_rejected, no_events,
   * validation_earlier, validation_one_class or validation_empty.
   */
  readonly code: string;
  /** The field or source concerned, if there is one. */
  readonly field: string | null;
  /** What was seen, with figures. */
  readonly message: string;
  /** What to check, or to write. */
  readonly hint: string;
}

/** The first event that was rejected with a code. */
export interface RejectSample {
  /** As given; for a topic its name and partition. */
  readonly file: string;
  /** From 1; for a topic the offset. */
  readonly row: number;
  /** Column or field at fault; null if it is the whole row. */
  readonly column: string | null;
  /** The value found, shortened. */
  readonly value: string | null;
  /** What would have been accepted. */
  readonly expected: string;
}

/** The state of a running job, sent to the main thread a few times a second. */
export interface Progress {
  /** Examples learned (or scored), including earlier runs into the directory. */
  readonly examples: number;
  /** Those of this run. */
  readonly examples_this_run: number;
  /** Malformed events. */
  readonly rejected: number;
  /** Of those of this run, how many the dead-letter topic did not accept whole. Absent: none is sent. */
  readonly truncated_letters?: number;
  /** Examples left out as duplicates: their id was among the last ones learned. */
  readonly duplicates: number;
  /** Messages of a topic without a value: they are not events. */
  readonly tombstones: number;
  /** Examples that changed nothing because their gradient was not finite. */
  readonly skipped: number;
  /** Values, event times and batches whose effect on statistics, clock or weights was limited. */
  readonly clipped: Clipped;
  /** Examples learned since the last durable checkpoint: after a kill, a resumed run would learn these again. */
  readonly unsaved: number;
  /** Since the run began. */
  readonly seconds: number;
  /** Of all events, each scored before it was learned. */
  readonly lifetime: Quality;
  /** Over the current window. */
  readonly window: Quality;
  /** For the true click probabilities, if data are simulated. */
  readonly oracle_auc: number | null;
  /** Over events learned before, in an earlier epoch; null while there is none. */
  readonly seen: Quality | null;
  /** For calibrated probabilities; null if the spec has no calibration. */
  readonly calibrated: Quality | null;
  /**
   * AUC within groups (GAUC) over the last complete window; null before the first, and if the spec's `metrics` name no
   * groups.
   */
  readonly group_auc: number | null;
  /** Signals, and whether publication is on hold; present if the spec has a gate. */
  readonly gate?: GateReport;
  /** Recent predicted ÷ actual clicks, over all events and by slice; empty if the spec has no calibration. */
  readonly slices: readonly SliceReport[];
  /** Negatives scored and not learned, if the spec samples them. */
  readonly left_out: number;
  /** Counts of joined clicks; null if labels do not come from clicks. */
  readonly join: JoinCounts | null;
  /** The newest validation result; null before the first. */
  readonly validation: EpochQuality | null;
  /** Learned rows of all tables. */
  readonly table_rows: number;
  /** Bytes of their index and rows. */
  readonly table_bytes: number;
  /** Counters of the ids of all tables; null if every id has a row forever. */
  readonly lifecycle: LifecycleCounts | null;
  /** How the run started from another model; only in its first progress, null otherwise. */
  readonly started: StartReport | null;
  /** Checkpoints of the run that could not be used, and why; the run continues an older one, or is new. */
  readonly passed_over: readonly Skipped[];
  /** Resident memory of the process; 0 if the system does not tell. */
  readonly memory_bytes: number;
  /** Share of the input read, 0..1; null when its size is unknown. */
  readonly done: number | null;
  /** Age of events when they were published, in seconds; null if nothing is published, or events have no time. */
  readonly freshness: { readonly p50: number; readonly p99: number } | null;
  /** State of a topic's reading; null for files. */
  readonly source: SourceHealth | null;
  /** Warnings about the first 1,000 events. */
  readonly warnings: readonly Warning[];
}

/**
 * The report of a finished job; with `--json`, the last line of standard output. `logloss`, `auc`,
 * `normalized_entropy`, `calibration`, `window`, `second_half`, `last_tenth` and the oracle's figures cover events
 * scored before they were first learned.
 */
export interface Report extends Quality {
  /** Examples learned (or scored), later epochs included. */
  readonly examples: number;
  /** Examples learned or scored by this run (less than `examples` after --resume). */
  readonly examples_this_run: number;
  /** Malformed events. */
  readonly rejected: number;
  /** How many, by reject code (docs/FORMATS.md). */
  readonly rejected_by_code: Readonly<Record<string, number>>;
  /** By code, the first event rejected with it; also of a run's parts before --resume. */
  readonly rejected_samples: Readonly<Record<string, RejectSample>>;
  /** Rejected events that the dead-letter topic did not accept whole in this run. Absent: none. */
  readonly truncated_letters?: number;
  /** Warnings about this run's events. */
  readonly warnings: readonly Warning[];
  /** Examples left out as duplicates: their id was among the last ones learned. */
  readonly duplicates: number;
  /** Messages of a topic without a value: they are not events. Absent: there were none. */
  readonly tombstones?: number;
  /** Examples that changed nothing because their gradient was not finite. */
  readonly skipped: number;
  /** Duration of this run. */
  readonly seconds: number;
  /** Of this run. */
  readonly examples_per_second: number;
  /** Over the last complete window (`train.window` events), or the incomplete one. */
  readonly window: Quality;
  /**
   * Over events scored after they had been learned in an earlier epoch: measures memorisation. null if there are none.
   */
  readonly seen: Quality | null;
  /** Present if the spec has a calibration. */
  readonly calibrated?: CalibratedReport;
  /**
   * For nested vectors: the quality of every prefix. train: over a sample of the newest events; eval: with `curves`,
   * over the events scored.
   */
  readonly nested?: NestedReport;
  /** AUC within groups of events (GAUC), if the spec's `metrics` or eval's `groupAuc` name a field for it. */
  readonly grouped?: GroupReport;
  /** eval: quality by value of a field and by score bin, if requested. */
  readonly by?: ByReport;
  /** Negatives scored and not learned; present if the spec samples them. */
  readonly left_out?: number;
  /** Counts of joined clicks; present if labels come from clicks. */
  readonly join?: JoinCounts;
  /** Signals, and whether publication was on hold at the end; present if the spec has a gate. */
  readonly gate?: GateReport;
  /** null without validation events. */
  readonly validation: ValidationReport | null;
  /** Over about the second half of the stream: from row `from` on. */
  readonly second_half: Quality & { readonly from: number };
  /** Over the last tenth of the stream: from row `from` on. */
  readonly last_tenth: Quality & { readonly from: number };
  /** The true click probabilities of simulated data, evaluated like a model: the best possible result. */
  readonly oracle: Quality | null;
  /** The AUC of `oracle`. */
  readonly oracle_auc: number | null;
  /** The same over the last tenth. */
  readonly oracle_last_tenth: Quality | null;
  /**
   * Values, event times and batches whose effect on statistics, clock or weights was limited, because they were too far
   * from earlier ones.
   */
  readonly clipped: Clipped;
  /** In the order of the compiled spec. */
  readonly tables: readonly TableReport[];
  /** Bytes of index and rows of all tables. */
  readonly bytes_total: number;
  /** Estimated distinct values of every hashed field, by its name. */
  readonly fields: readonly { readonly name: string; readonly distinct: number }[];
  /** The checkpoint written (train) or scored with. */
  readonly checkpoint: string;
  /** Hash of the compiled spec, 16 hex digits. */
  readonly spec_hash: string;
  /** Given files that were learned before, wholly or in part. */
  readonly known_files: readonly KnownFile[];
  /** Files that an earlier run did not learn to their end, and that were not given to this one. */
  readonly left_files: readonly KnownFile[];
  /** Damaged checkpoints that were skipped in favour of the one resumed from or scored with, and why. */
  readonly passed_over: readonly Skipped[];
  /** How this run started from another model; present if it did. */
  readonly started?: StartReport;
  /** "end" of the data, "limit" reached, "early_stop" (validation did not improve), or "stopped" by a signal. */
  readonly ended_by: "end" | "limit" | "early_stop" | "stopped";
}
