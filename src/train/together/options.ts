import type { PlainError } from "../../core/errors.js";
import type { PairedDifference } from "../../metrics/paired.js";
import type { ScoredStream } from "../../metrics/score-blocks.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { Progress, Quality, Report } from "../metrics/report.js";
import type { Given, TrainSettings } from "../settings.js";

/** A model that learns beside others. */
export interface ContenderOptions {
  /** Its name in reports; must be unique. */
  readonly name: string;
  /** Path of a model spec (features/*.yaml), or a compiled one. */
  readonly spec: string | CompiledSpec;
  /** Directory of its checkpoints and rejected rows, as for `train`; must be unique. */
  readonly out: string;
}

/** What to learn, from what, and how to keep it. */
export interface TogetherOptions extends Given<TrainSettings> {
  /** The first one is the reference that all others are compared with. */
  readonly contenders: readonly ContenderOptions[];
  /** Paths, patterns, "-" (standard input) or "simulate:ROWS[:SEED[:FORMAT]]", read in order. */
  readonly data?: string | readonly string[] | undefined;
  /** Learn from a Kafka topic instead of `data`. */
  readonly topic?: TopicSpec | undefined;
  /** Directory of the run, where a topic's consumer group member id is stored. Required with `topic`. */
  readonly out?: string | undefined;
  /** Files scored after every epoch and never learned; with `validateLast`, an error. */
  readonly validate?: string | readonly string[] | undefined;
  /**
   * Learning threads; contenders are distributed among them. Default: as many as contenders, at most the number of
   * cores.
   */
  readonly workers?: number | undefined;
  /** Examples per round; rounded to a multiple of the largest batch. Default 65,536. */
  readonly roundExamples?: number | undefined;
  /**
   * Called at the end of every round, when all contenders have learned the same events. None continues until it has
   * answered. After `resume`, rounds that any contender has already passed are not reported.
   */
  readonly onRound?: ((round: Round) => RoundVerdict | undefined | Promise<RoundVerdict | undefined>) | undefined;
  /** Called about once a second. */
  readonly onProgress?: ((progress: TogetherProgress) => void) | undefined;
  /** When it aborts, the current batch is finished and committed, and reports say `ended_by: "stopped"`. */
  readonly signal?: AbortSignal | undefined;
}

/** The answer of `onRound`. */
export interface RoundVerdict {
  /** Names of contenders that stop learning. */
  readonly drop?: readonly string[];
  /** Nothing is saved for the dropped ones (earlier checkpoints stay). Default false: they are saved. */
  readonly discard?: boolean;
  /** All stop, as with `signal`. */
  readonly stop?: boolean;
}

/** A contender that still learns. */
export interface ContenderProgress {
  /** As given. */
  readonly name: string;
  /** As for `train`. */
  readonly progress: Progress;
}

/** How a contender differs from the reference. */
export interface Pair extends PairedDifference {
  /** The contender. */
  readonly name: string;
  /** The name of the reference. */
  readonly reference: string;
  /**
   * `p` times the number of models compared with the reference (Bonferroni): the probability that any of them would
   * look so different by chance.
   */
  readonly p_all: number | null;
  /** By logloss, if `p_all` is below 0.05; null: not decided yet. */
  readonly verdict: "better" | "worse" | null;
}

/** The current comparison of contenders. */
export interface TogetherProgress {
  /** Those that still learn. */
  readonly contenders: readonly ContenderProgress[];
  /** For all contenders but the reference, over the events that both have learned; a dropped one as it was then. */
  readonly pairs: readonly Pair[];
}

/** Quality of a contender at the end of a round. */
export interface RoundContender {
  /** As given. */
  readonly name: string;
  /** Examples learned. */
  readonly examples: number;
  /** Over all events, each scored before it was learned. */
  readonly metrics: Quality;
  /** Over the current window. */
  readonly window: Quality;
  /** Bytes of index and rows of all tables. */
  readonly bytes: number;
  /** Rows removed so far to make room for others. */
  readonly evicted: number;
  /** Scores of the stream so far, in blocks, for comparing parts of it. */
  readonly scores: ScoredStream;
}

/** The end of a round. */
export interface Round {
  /** From 1. */
  readonly round: number;
  /** Examples at its end: `round` × examples per round. */
  readonly events: number;
  /** Those that still learn. */
  readonly contenders: readonly RoundContender[];
  /** Of all contenders but the reference. */
  readonly pairs: readonly Pair[];
}

/** The result of a contender. */
export interface ContenderReport {
  /** As given. */
  readonly name: string;
  /** Its directory. */
  readonly out: string;
  /** The round after which it was dropped; null: it was not. */
  readonly dropped: number | null;
  /** As for `train`; null if it failed, or was dropped and discarded. */
  readonly report: Report | null;
  /** Why it could not continue; null if it could. */
  readonly error: PlainError | null;
  /** Scores of the stream up to its end, in blocks; null if there are none. */
  readonly scores: ScoredStream | null;
}

/** The report of a run of several models. */
export interface TogetherReport {
  /** The name of the first contender. */
  readonly reference: string;
  /** In the order given. */
  readonly contenders: readonly ContenderReport[];
  /** For all contenders but the reference that were scored; events since the run began or was resumed. */
  readonly pairs: readonly Pair[];
  /** Number of decoding threads: one for all contenders that read events alike. */
  readonly decoders: number;
  /** Number of learning threads. */
  readonly workers: number;
  /** Since the run began. */
  readonly seconds: number;
}
