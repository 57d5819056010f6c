import type { SliceReport } from "../calibration/calibrator.js";
import type { Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { wallTime } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import type { DeltaSource } from "../delta-log/delta-log.js";
import { KeptSource } from "../delta-log/kept-source.js";
import { Replica, type ReplicaStatus } from "../delta-log/replica.js";
import type { RowDirectory } from "../row-store/row-directory.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Dims } from "../spec/cut.js";
import type { ServingPrecision } from "../tables/table.js";
import type { Found, Question } from "./embeddings/ask.js";
import { tooFast } from "./embeddings/steady.js";
import type { TableFacts } from "./live/fill.js";
import type { ServedQuality } from "./live/quality.js";
import { isOfLog } from "./models/stored-model.js";
import { newestOf, RunWatch, servedOf } from "./models/watch.js";
import { Dispatcher, type ScoreOptions } from "./threads/dispatcher.js";
import type { ModelVersion, Scored } from "./threads/engine.js";
import type { Current, Host, HostedCheckpoint, HostedModel } from "./threads/host.js";
import { hostOf } from "./threads/host-of.js";
import type { ScoringThreads } from "./threads/threads.js";

export { MAX_CANDIDATES } from "./requests/json-body.js";
export type { ScoreOptions } from "./threads/dispatcher.js";
export type { ModelVersion } from "./threads/engine.js";

/** An answer to a request. */
export interface Scores {
  /** Click probabilities in the order of the candidates. */
  readonly scores: number[];
  /** The same by the model's calibrator, if it has one. */
  readonly calibrated?: number[] | undefined;
  /** The version that made all scores of this answer. */
  readonly model: ModelVersion;
  /** Paths of members that no field reads, at most 100. */
  readonly ignored: readonly string[];
  /** The raw JSON bytes of the body's options object, if it has one: not interpreted here. */
  readonly options?: Uint8Array | undefined;
}

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
}

/** How a scorer follows a delta log. */
export interface FollowOptions extends WorkerOptions {
  /** Ready only while the newest applied entry was sent at most this many seconds ago. Default: no limit. */
  readonly maxStaleness?: number | undefined;
  /** Called with the ages (seconds, event → visible) of a sample of the events that every applied entry made visible. */
  readonly onVisible?: (ages: readonly number[]) => void;
  /** Called with why the log cannot be read, which is tried again; once, until it could be read. */
  readonly onTrouble?: (reason: string) => void;
  /** Precision of the rows' weights. Default f32. */
  readonly precision?: ServingPrecision | undefined;
}

/** The state of a scorer; `version` and `spec_hash` are null before a first snapshot. */
export interface Health {
  /** There is a model, it is fresh enough, and there is a thread to score with it. */
  readonly ready: boolean;
  /** The version that would answer now. */
  readonly version: ModelVersion | null;
  /** Status of the delta log it follows; null for a checkpoint. */
  readonly replica: ReplicaStatus | null;
  /** Damaged checkpoints that were skipped: the model is older than it should be. */
  readonly passedOver: readonly Skipped[];
  /** Why later changes are withheld, in one line; null: they are not. */
  readonly held: string | null;
}

/** Answers score requests, several in a run: with a checkpoint's model, or with one that follows a delta log. */
export class Scorer {
  private readonly current: () => Current | null;
  private readonly host: Host;
  private readonly dispatcher: Dispatcher;
  private replica: Replica<HostedModel> | null = null;
  /** Seconds; Infinity = no limit. */
  maxStaleness = Number.POSITIVE_INFINITY;
  private passedOver: readonly Skipped[] = [];
  /** Why a checkpoint older than the newest answers. */
  private held: string | null = null;
  /**
   * Progressive quality of the checkpoint's model during training; null for a delta log, and if the checkpoint does not say.
   * @internal
   */
  quality: ServedQuality | null = null;
  private readonly end: () => Promise<void>;
  /** null if nothing is watched. */
  private watch: RunWatch | null = null;

  private constructor(
    host: Host,
    current: () => Current | null,
    end: () => Promise<void>,
    { mostJoined }: WorkerOptions,
  ) {
    this.current = current;
    this.host = host;
    host.answer(current);
    this.dispatcher = new Dispatcher(host.lanes, mostJoined, host.near);
    this.end = async () => {
      await end();
      await host.close();
    };
  }

  /**
   * @param path a run's directory (its newest valid checkpoint) or one checkpoint's directory
   * @param options.precision keeps only the rows' weights, in this precision. Default: f32, or without workers the rows as they were
   * trained
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Scorer> {
    checkArguments("Scorer.load", { path }, { path: "path" });
    const host = hostOf(options);
    try {
      const seen = options.watch ? newestOf(path) : undefined;
      const first = servedOf(path);
      let loaded = await host.load(first.path);
      const serve = async (asked: string) => {
        const { model } = loaded;
        const from = servedOf(asked);
        const next = await host.load(from.path, model);
        await host.between(() => {
          loaded = next;
        });
        scorer.tell(next, from.held);
        if (next.model !== model) await model.close();
      };
      const watch = options.watch ? new RunWatch(path, seen, serve) : null;
      const close = async () => {
        await watch?.close();
        await loaded.model.close();
      };
      const scorer = new Scorer(host, () => loaded, close, options);
      scorer.watch = watch;
      scorer.tell(loaded, first.held);
      return scorer;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  /**
   * Follows a delta log: scoring throws `not_ready` until its first snapshot was applied. Entries are applied between two runs, and
   * all scores of one answer come from one version.
   */
  static follow(source: DeltaSource, options: FollowOptions = {}): Scorer {
    checkArguments("Scorer.follow", { source }, { source: "log" });
    const stop = new AbortController();
    const host = hostOf(options);
    const current = () => replica.live && { model: replica.live.model, examples: replica.live.version };
    const scorer = new Scorer(
      host,
      current,
      async () => {
        stop.abort();
        await following;
        await replica.close();
        await source.close();
      },
      options,
    );
    const kept = options.rowStore?.kept;
    const replica = new Replica<HostedModel>({
      source: new KeptSource(source, kept && isOfLog(kept) ? kept.frame : null),
      open: (spec, run) => host.open(spec, run),
      exclusive: (step) => host.between(step),
      now: wallTime,
      onApplied: (times) => options.onVisible?.(times.map((time) => (wallTime() - time) / 1000)),
      onTrouble: options.onTrouble,
    });
    scorer.replica = replica;
    scorer.maxStaleness = options.maxStaleness ?? Number.POSITIVE_INFINITY;
    const following = replica.follow(stop.signal);
    return scorer;
  }

  /** The version that would answer now; null before a first snapshot. */
  get version(): ModelVersion | null {
    const now = this.current();
    return now && { model: now.model.spec.name, version: now.examples, spec_hash: now.model.specHash };
  }

  /** Its compiled spec; null before a first snapshot. */
  get spec(): CompiledSpec | null {
    return this.current()?.model.spec ?? null;
  }

  /** Recent calibration of its slices in training; empty if it has no calibrator. */
  get slices(): readonly SliceReport[] {
    return this.current()?.model.slices ?? [];
  }

  /** Newer checkpoints of its run are served as they appear. */
  get follows(): boolean {
    return this.watch?.follows ?? false;
  }

  /** Its run's checkpoints are watched, whether it follows them or was rolled back. */
  get watches(): boolean {
    return this.watch !== null;
  }

  /**
   * Rolls back to an earlier checkpoint of the watched run, and stays there until `goOn`.
   * @param version examples it had learned; by default the one before the current one
   * @throws HashbrookError request_invalid if it watches no run; model_unknown if there is no such checkpoint; checkpoint_damaged
   */
  async goBack(version?: number): Promise<void> {
    await this.watched().goTo(version, this.version?.version ?? 0);
  }

  /**
   * Serves the watched run's newest checkpoint, and newer ones as they appear.
   * @throws HashbrookError request_invalid if it watches no run; as `load`
   */
  async goOn(): Promise<void> {
    await this.watched().goOn();
  }

  private watched(): RunWatch {
    if (this.watch) return this.watch;
    throw new HashbrookError("request_invalid", "this model does not watch a run's checkpoints", {
      hint: "serve the run's directory with --watch",
    });
  }

  /** Whether it can answer, and how well it follows: the content of `GET /v2/health/ready`. */
  health(): Health {
    const replica = this.replica?.status() ?? null;
    const fresh = (replica?.staleness ?? 0) <= this.maxStaleness;
    const { version, passedOver } = this;
    const held = replica?.held ?? this.held;
    return { ready: this.current() !== null && fresh && !this.dispatcher.gone, version, replica, passedOver, held };
  }

  /**
   * Scores the candidates of a request body `{"context": {...}, "candidates": [{...}, ...], "options": {...}}`. Each candidate is
   * merged with the context at every depth, its own members taking precedence.
   * @throws HashbrookError request_invalid naming the candidate and the member; items_too_many; not_ready; deadline_exceeded;
   * request_aborted
   */
  async score(body: Uint8Array, options: ScoreOptions = {}): Promise<Scores> {
    checkArguments("Scorer.score", { body }, { body: "bytes" });
    const { id, scores, calibrated, ...scored } = await this.dispatcher.score(body, options);
    return { scores: Array.from(scores), calibrated: calibrated && Array.from(calibrated), ...scored };
  }

  /** `score` with typed arrays. @internal */
  scored(body: Uint8Array, options: ScoreOptions = {}): Promise<Scored> {
    return this.dispatcher.score(body, options);
  }

  /**
   * Queries the model's tables for vectors of ids, or for nearest neighbours.
   * @throws HashbrookError request_invalid; not_ready; overloaded if the model changes too fast
   * @internal
   */
  async ask(question: Question): Promise<{ readonly version: ModelVersion; readonly found: Found }> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const { version } = this;
      const found = await this.host.ask(question);
      const now = this.version;
      if (version && version.version === now?.version && version.spec_hash === now.spec_hash) return { version, found };
    }
    throw tooFast();
  }

  /** How full its tables are, and what requests find in them; null before a first snapshot. @internal */
  async facts(): Promise<TableFacts | null> {
    return this.version && this.host.facts();
  }

  private tell({ skipped, quality }: HostedCheckpoint, held: string | null): void {
    this.held = held;
    this.passedOver = skipped;
    this.quality = quality;
  }

  /** Requests that have not been answered. */
  get waiting(): number {
    return this.dispatcher.waiting;
  }

  /** Waits for requests in progress, and releases the model. */
  async close(): Promise<void> {
    await this.dispatcher.close();
    await this.end();
  }
}
