import type { RowDirectory } from "../row-store/row-directory.js";
import type { Dims } from "../spec/cut.js";
import type { ServingPrecision } from "../tables/table.js";
import type { ScoringThreads } from "./threads/threads.js";

/** Where a scorer's models and scoring run. */
export interface WorkerOptions {
  /**
   * Number of scoring threads, in addition to one that holds the model for all of them. 0: the calling thread does everything.
   * Default 0.
   */
  readonly workers?: number | undefined;
  /** @internal Threads that a server shares among all its models. */
  readonly threads?: ScoringThreads | undefined;
  /** Storage for rows, instead of memory. Not with workers, `dims` or `prior`; the caller closes it. Default: rows are in memory. */
  readonly rowStore?: RowDirectory | undefined;
  /** Most requests per run. @internal */
  readonly mostJoined?: number | undefined;
}

/** How a checkpoint is served. */
export interface LoadOptions extends WorkerOptions {
  /** Precision of the rows' weights. */
  readonly precision?: ServingPrecision | undefined;
  /** Cut nested vectors to prefixes: components by field or table; `all` is every nested table. Default: whole vectors. */
  readonly dims?: Dims | undefined;
  /** Compute how uncertain logits are: the precision of a weight without events. Not with workers or precision. @internal */
  readonly prior?: number | undefined;
  /** A run's directory: newer checkpoints are served as they appear, without interruption. Default false. */
  readonly watch?: boolean | undefined;
  /**
   * With `watch`: called with why the run's newest checkpoint is not served, which is tried again: once with each reason, until it is
   * served.
   */
  readonly onTrouble?: ((reason: string) => void) | undefined;
}

/** How a scorer follows a delta log. */
export interface FollowOptions extends WorkerOptions {
  /** Ready only while the newest applied entry was sent at most this many seconds ago. Default: no limit. */
  readonly maxStaleness?: number | undefined;
  /** Called with the ages (seconds, event → visible) of a sample of the events that every applied entry made visible. */
  readonly onVisible?: (ages: readonly number[]) => void;
  /** Called with why the log cannot be read, which is tried again: once with each reason, until it could be read. */
  readonly onTrouble?: (reason: string) => void;
  /** Precision of the rows' weights. Default f32. */
  readonly precision?: ServingPrecision | undefined;
}
