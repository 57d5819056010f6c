import type { PlainError } from "../../core/errors.js";
import type { PairedDifference } from "../../metrics/paired.js";
import type { ScoredStream } from "../../metrics/score-blocks.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { Progress, Quality, Report } from "../report.js";
import type { Given, TrainSettings } from "../settings.js";

/** A model that learns beside others. */
export interface ContenderOptions {
  /** What it is called in reports; no two have the same. */
  readonly name: string;
  /** Path of a model spec (features/*.yaml), or a compiled one. */
  readonly spec: string | CompiledSpec;
  /** Directory of its checkpoints and rejected rows, as `train`'s; no two have the same. */
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
  /** Directory of the run, where a topic's consumer group remembers its member. Needed with `topic`. */
  readonly out?: string | undefined;
  /** Files scored after every epoch and never learned; with `validateLast`, an error. */
  readonly validate?: string | readonly string[] | undefined;
  /** Threads that learn; contenders are shared out among them. Default: as many as contenders, at most all cores. */
  readonly workers?: number | undefined;
  /** Examples of a round; made a multiple of the largest batch. Default 65,536. */
  readonly roundExamples?: number | undefined;
  /**
   * Called at the end of every round, when all contenders have learned the same events, with what has been learned by then. Until it has
   * answered, none goes on. After `resume`, rounds that some contender has behind it are not told.
   */
  readonly onRound?: ((round: Round) => RoundVerdict | undefined | Promise<RoundVerdict | undefined>) | undefined;
  /** Called about once a second. */
  readonly onProgress?: ((progress: TogetherProgress) => void) | undefined;
  /** When it aborts, the batch at hand is finished and committed, and reports say `ended_by: "stopped"`. */
  readonly signal?: AbortSignal | undefined;
}

/** What `onRound` wants. */
export interface RoundVerdict {
  /** Names of contenders that are to learn no more. */
  readonly drop?: readonly string[];
  /** Nothing is saved of those that are dropped (what earlier checkpoints have stays). Default false: they are saved. */
  readonly discard?: boolean;
  /** All are to stop, as with `signal`. */
  readonly stop?: boolean;
}

/** A contender that still learns. */
export interface ContenderProgress {
  /** As it was given. */
  readonly name: string;
  /** As `train`'s. */
  readonly progress: Progress;
}

/** How a contender differs from the reference. */
export interface Pair extends PairedDifference {
  /** The contender. */
  readonly name: string;
  /** The name of the reference. */
  readonly reference: string;
  /** `p`, times the number of models that are compared with the reference: the chance that any of them looked so different. */
  readonly p_all: number | null;
  /** By logloss, where `p_all` is below 0.05; null: no telling yet. */
  readonly verdict: "better" | "worse" | null;
}

/** How contenders stand. */
export interface TogetherProgress {
  /** Those that still learn. */
  readonly contenders: readonly ContenderProgress[];
  /** Of all contenders but the reference, as far as both have come; one that was dropped as it was then. */
  readonly pairs: readonly Pair[];
}

/** Quality of a contender at the end of a round. */
export interface RoundContender {
  /** As it was given. */
  readonly name: string;
  /** Examples learned. */
  readonly examples: number;
  /** Of all events, each scored before it was learned. */
  readonly metrics: Quality;
  /** Of the window at hand. */
  readonly window: Quality;
  /** Bytes of index and rows of all tables. */
  readonly bytes: number;
  /** Scores of the stream so far, in blocks: what windows of it are compared by. */
  readonly scores: ScoredStream;
}

/** The end of a round. */
export interface Round {
  /** From 1. */
  readonly round: number;
  /** Examples of its end: `round` × those of a round. */
  readonly events: number;
  /** Those that still learn. */
  readonly contenders: readonly RoundContender[];
  /** Of all contenders but the reference. */
  readonly pairs: readonly Pair[];
}

/** What became of a contender. */
export interface ContenderReport {
  /** As it was given. */
  readonly name: string;
  /** Its directory. */
  readonly out: string;
  /** The round after which it was dropped; null: it was not. */
  readonly dropped: number | null;
  /** As `train`'s; null where it failed, or was dropped and discarded. */
  readonly report: Report | null;
  /** Why it could not go on; null where it could. */
  readonly error: PlainError | null;
  /** Scores of the stream as far as it came, in blocks; null where there are none. */
  readonly scores: ScoredStream | null;
}

/** What a run of several models reports. */
export interface TogetherReport {
  /** The name of the first contender. */
  readonly reference: string;
  /** In the order given. */
  readonly contenders: readonly ContenderReport[];
  /** Of all contenders but the reference that were scored; events since the run began or was resumed. */
  readonly pairs: readonly Pair[];
  /** Threads that decoded: one for all contenders that read events alike. */
  readonly decoders: number;
  /** Threads that learned. */
  readonly workers: number;
  /** Since the run began. */
  readonly seconds: number;
}
