import type { SliceReport } from "../calibration/calibrator.js";
import type { Skipped } from "../checkpoints/store.js";
import type { Clipped } from "../model/model.js";
import type { HotnessCounters } from "../tables/encoding.js";
import type { LifecycleCounts } from "../tables/lifecycle.js";
import type { StartReport } from "../warm-start/report.js";
import type { ByReport } from "./by-value.js";
import type { GroupReport } from "./group-auc.js";
import type { JoinCounts } from "./join/join-counts.js";
import type { NestedReport } from "./prefix-curves.js";
import type { GateReport } from "./publishing/gatekeeper.js";
import type { SourceHealth } from "./workers/thread-messages.js";

/** Quality over a stretch of the stream; null where it has no value (for instance the AUC of one class). */
export interface Quality {
  /** Events it is of. */
  readonly examples: number;
  /** Mean logistic loss, in nats. */
  readonly logloss: number | null;
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /** The most that `auc` may differ from the exact area; 0 up to 65,536 events. */
  readonly auc_error: number | null;
  /** Log loss ÷ that of always predicting the click rate; below 1 is better than that. */
  readonly normalized_entropy: number | null;
  /** Sum of predicted probabilities ÷ number of positives: 1 is perfect, 1.1 predicts 10 % too many clicks. */
  readonly calibration: number | null;
}

/** Quality on validation events, which are scored after a pass over the data and never learned. */
export interface EpochQuality extends Quality {
  /** Passes completed; null: a run that ended at its limit. */
  readonly epoch: number | null;
  /** Examples learned until then. */
  readonly learned: number;
  /** Malformed rows among the validation events. */
  readonly rejected: number;
  /** Validation events earlier than the newest one learned; null or absent where events have no time. */
  readonly earlier?: number | null;
}

export interface ValidationReport extends EpochQuality {
  /** The epoch of the lowest logloss; with `earlyStop` the weights the run leaves are that one's. */
  readonly best_epoch: number | null;
  /** Every epoch's figures, the newest 100. */
  readonly epochs: readonly EpochQuality[];
}

/** Of calibrated probabilities, each told before its event was learned. */
export interface CalibratedReport extends Quality {
  /** As of the raw ones. */
  readonly second_half: Quality & { readonly from: number };
  /** As of the raw ones. */
  readonly last_tenth: Quality & { readonly from: number };
  /** Predicted ÷ actual of all events and of values of the spec's `calibration.by`, lately. */
  readonly slices: readonly SliceReport[];
}

/** A file of which something was learned by an earlier run into the directory. */
export interface KnownFile {
  /** As it was given now. */
  readonly name: string;
  /** Its name then. */
  readonly learned_as: string;
  /** Which of the run's examples it was. */
  readonly first: number;
  /** Of its last learned one. */
  readonly last: number;
  /** Lines of it that are passed over, where it was gone on with; null: all of it is. */
  readonly went_on_behind_line: number | null;
}

/** How a table stands. */
export interface TableReport {
  /** As the spec names it. */
  readonly name: string;
  /** How ids become vectors: hash, exact, … */
  readonly encoding: string;
  /** Learned rows. */
  readonly rows: number;
  /** Bytes of index and rows. */
  readonly bytes: number;
  /** Distinct values seen in its fields (HyperLogLog, standard error 1.6 %). */
  readonly distinct: number;
  /** What became of its ids; there only where ids are admitted or rows given up. */
  readonly lifecycle?: LifecycleCounts;
  /** What became of hot ids; there only in hot_cold tables. */
  readonly hotness?: HotnessCounters;
}

/** Something in the data that makes it unlikely that the model learns what it should. */
export interface Warning {
  /** one_class, always_missing, constant_field, time_before_2000, time_in_future, mostly_rejected, validation_earlier or validation_empty. */
  readonly code: string;
  /** The field or source, when there is one. */
  readonly field: string | null;
  /** What was seen, with figures. */
  readonly message: string;
  /** What to look at, or to write. */
  readonly hint: string;
}

/** The first event that was rejected with a code. */
export interface RejectSample {
  /** As given; of a topic its name and partition. */
  readonly file: string;
  /** From 1; of a topic the offset. */
  readonly row: number;
  /** Column or field at fault; null where it is the whole row. */
  readonly column: string | null;
  /** What stands there, shortened. */
  readonly value: string | null;
  /** What would not have been rejected. */
  readonly expected: string;
}

/** The state of a running job, sent to the main thread a few times a second. */
export interface Progress {
  /** Examples learned (or scored), by earlier runs into the directory too. */
  readonly examples: number;
  /** Of these, by this run. */
  readonly examples_this_run: number;
  /** Malformed events. */
  readonly rejected: number;
  /** Examples left out because their id was among the last ones learned. */
  readonly duplicates: number;
  /** Messages of a topic without a value: they are no events. */
  readonly tombstones: number;
  /** Examples that changed nothing because their gradient was not finite. */
  readonly skipped: number;
  /** Values, event times and batches that moved statistics, clock or weights less than they said. */
  readonly clipped: Clipped;
  /** Examples learned since the last durable checkpoint: what a kill would make a resumed run learn again. */
  readonly unsaved: number;
  /** Since the run began. */
  readonly seconds: number;
  /** Of all events, each scored before it was learned. */
  readonly lifetime: Quality;
  /** The window at hand. */
  readonly window: Quality;
  /** Of the true click probabilities, where data are simulated. */
  readonly oracle_auc: number | null;
  /** Of events learned before, in an earlier epoch: null while there is none. */
  readonly seen: Quality | null;
  /** Of calibrated probabilities; null where the spec has no calibration. */
  readonly calibrated: Quality | null;
  /** AUC within groups (GAUC) of the last whole window; null before the first, and where the spec's `metrics` name no groups. */
  readonly group_auc: number | null;
  /** What is watched, and whether publishing is held; there only where the spec has a gate. */
  readonly gate?: GateReport;
  /** Predicted ÷ actual lately, of all events and by slice; empty where the spec has no calibration. */
  readonly slices: readonly SliceReport[];
  /** Negatives scored and not learned, where the spec samples them. */
  readonly left_out: number;
  /** What became of clicks; null where labels do not come from them. */
  readonly join: JoinCounts | null;
  /** The newest validation; null before the first. */
  readonly validation: EpochQuality | null;
  /** Learned rows of all tables. */
  readonly table_rows: number;
  /** Bytes of their index and rows. */
  readonly table_bytes: number;
  /** What became of the ids of all tables; null where every id has a row for ever. */
  readonly lifecycle: LifecycleCounts | null;
  /** How the run began from another model, in its first progress alone; null: it did not, or was told. */
  readonly started: StartReport | null;
  /** Resident memory of the process. */
  readonly memory_bytes: number;
  /** Share of the input read, 0..1; null when its size is unknown. */
  readonly done: number | null;
  /** Age of events when they were published, in seconds; null where nothing is, or events have no time. */
  readonly freshness: { readonly p50: number; readonly p99: number } | null;
  /** How a topic's reading goes; null for files. */
  readonly source: SourceHealth | null;
  /** What was doubtful in the first 1,000 events. */
  readonly warnings: readonly Warning[];
}

/**
 * What a finished job reports; with `--json`, the last line of standard output. `logloss`, `auc`, `normalized_entropy`,
 * `calibration`, `window`, `second_half`, `last_tenth` and the oracle's are of events scored before they were first learned.
 */
export interface Report extends Quality {
  /** Examples learned (or scored), those of later epochs too. */
  readonly examples: number;
  /** Examples learned or scored by this run (less than `examples` after --resume). */
  readonly examples_this_run: number;
  /** Malformed events. */
  readonly rejected: number;
  /** How many, by reject code (docs/FORMATS.md). */
  readonly rejected_by_code: Readonly<Record<string, number>>;
  /** By code, the first event that this run rejected with it. */
  readonly rejected_samples: Readonly<Record<string, RejectSample>>;
  /** What is doubtful in this run's events, seen from the end. */
  readonly warnings: readonly Warning[];
  /** Examples left out because their id was among the last ones learned. */
  readonly duplicates: number;
  /** Messages of a topic without a value: they are no events. Absent: there was none. */
  readonly tombstones?: number;
  /** Examples that changed nothing because their gradient was not finite. */
  readonly skipped: number;
  /** Of this run. */
  readonly seconds: number;
  /** Of this run. */
  readonly examples_per_second: number;
  /** Of the last whole window (`train.window` events), or of what there is. */
  readonly window: Quality;
  /** Events scored after they had been learned in an earlier epoch: a measure of memory. null where there are none. */
  readonly seen: Quality | null;
  /** Where the spec has a calibration. */
  readonly calibrated?: CalibratedReport;
  /** Of nested vectors: what every prefix is worth. train: of a sample of the newest events; eval: with `curves`, of the events scored. */
  readonly nested?: NestedReport;
  /** AUC within groups of events (GAUC), where the spec's `metrics` or eval's `groupAuc` name what they are. */
  readonly grouped?: GroupReport;
  /** eval: quality by value of a field and by bin of the score, where it was asked for. */
  readonly by?: ByReport;
  /** Negatives scored and not learned; there only where the spec samples them. */
  readonly left_out?: number;
  /** What became of clicks; there only where labels come from them. */
  readonly join?: JoinCounts;
  /** Whether publishing was held at the end, and what was watched; there only where the spec has a gate. */
  readonly gate?: GateReport;
  /** null without validation events. */
  readonly validation: ValidationReport | null;
  /** From about the middle of the stream on: from row `from`. */
  readonly second_half: Quality & { readonly from: number };
  /** Of the last tenth of the stream: from row `from` on. */
  readonly last_tenth: Quality & { readonly from: number };
  /** The true click probabilities of simulated data, scored like a model: the best that can be reached. */
  readonly oracle: Quality | null;
  /** The AUC of `oracle`. */
  readonly oracle_auc: number | null;
  /** The same of the last tenth. */
  readonly oracle_last_tenth: Quality | null;
  /** Values, event times and batches so far from those before that they moved statistics, clock or weights less than they said. */
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
  /** Files given that were learned before, wholly or in part. */
  readonly known_files: readonly KnownFile[];
  /** Files that an earlier run did not learn to their end, and that were not given to this one. */
  readonly left_files: readonly KnownFile[];
  /** Damaged checkpoints that were passed over on the way to the one gone on with or scored with, and why. */
  readonly passed_over: readonly Skipped[];
  /** How this run began from another model; there only where it did. */
  readonly started?: StartReport;
  /** "end" of the data, "limit" reached, "early_stop" (validation got no better), or "stopped" by a signal. */
  readonly ended_by: "end" | "limit" | "early_stop" | "stopped";
}
