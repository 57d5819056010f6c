import type { SliceReport } from "../calibration/calibrator.js";
import type { Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import type { DeltaSource } from "../delta-log/delta-log.js";
import type { ReplicaStatus } from "../delta-log/replica.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { followed, loading } from "./arguments.js";
import type { Found, Question } from "./embeddings/ask.js";
import { tooFast } from "./embeddings/steady.js";
import type { TableFacts } from "./live/fill.js";
import type { ServedQuality } from "./live/quality.js";
import { CheckpointOrigin } from "./models/checkpoint-origin.js";
import { LogOrigin } from "./models/log-origin.js";
import type { ModelOrigin } from "./models/model-origin.js";
import type { RunWatch } from "./models/watch.js";
import type { FollowOptions, LoadOptions, WorkerOptions } from "./scorer-options.js";
import { Dispatcher, type ScoreOptions } from "./threads/dispatcher.js";
import type { ModelVersion, Scored } from "./threads/engine.js";
import type { Host } from "./threads/host.js";
import { hostOf } from "./threads/host-of.js";

export { MAX_CANDIDATES } from "./requests/json-body.js";
export type { FollowOptions, LoadOptions, WorkerOptions } from "./scorer-options.js";
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
  /** Why the newest checkpoint of a watched run is not served; null: it is. A followed log's is in `replica`. */
  readonly trouble: string | null;
  /** Why later changes are withheld, in one line; null: they are not. */
  readonly held: string | null;
}

/** Answers score requests, several in a run: with a checkpoint's model, or with one that follows a delta log. */
export class Scorer {
  private readonly host: Host;
  private readonly origin: ModelOrigin;
  private readonly dispatcher: Dispatcher;

  /** Once `close` was called: closing again waits for the same end. */
  private closing: Promise<void> | null = null;

  private constructor(host: Host, origin: ModelOrigin, { mostJoined }: WorkerOptions) {
    this.host = host;
    this.origin = origin;
    host.answer(() => origin.current);
    this.dispatcher = new Dispatcher(host.lanes, mostJoined, host.near);
  }

  /**
   * @param path a run's directory (its newest valid checkpoint) or one checkpoint's directory
   * @param options.precision keeps only the rows' weights, in this precision. Default: f32, or without workers the rows as they were
   * trained
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Scorer> {
    checkArguments("Scorer.load", { ...options, path }, { path: "path", ...loading });
    const host = hostOf(options);
    try {
      return new Scorer(host, await CheckpointOrigin.load(host, path, options), options);
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
    checkArguments("Scorer.follow", { ...options, source }, { source: "log", ...followed });
    const host = hostOf(options);
    return new Scorer(host, new LogOrigin(host, source, options), options);
  }

  /** The version that would answer now; null before a first snapshot. */
  get version(): ModelVersion | null {
    const now = this.origin.current;
    return now && { model: now.model.spec.name, version: now.examples, spec_hash: now.model.specHash };
  }

  /** Its compiled spec; null before a first snapshot. */
  get spec(): CompiledSpec | null {
    return this.origin.current?.model.spec ?? null;
  }

  /** Recent calibration of its slices in training; empty if it has no calibrator. */
  get slices(): readonly SliceReport[] {
    return this.origin.current?.model.slices ?? [];
  }

  /** Newer checkpoints of its run are served as they appear. */
  get follows(): boolean {
    return this.origin.watch?.follows ?? false;
  }

  /** Its run's checkpoints are watched, whether it follows them or was rolled back. */
  get watches(): boolean {
    return this.origin.watch !== null;
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
    const { watch } = this.origin;
    if (watch) return watch;
    throw new HashbrookError("request_invalid", "this model does not watch a run's checkpoints", {
      hint: "serve the run's directory with --watch",
    });
  }

  /** Whether it can answer, and how well it follows: the content of `GET /v2/health/ready`. */
  health(): Health {
    const { current, replica, passedOver, held } = this.origin;
    const fresh = (replica?.staleness ?? 0) <= this.maxStaleness;
    const ready = current !== null && fresh && !this.dispatcher.gone;
    const trouble = this.origin.watch?.trouble ?? null;
    return { ready, version: this.version, replica, passedOver, trouble, held };
  }

  /** It is ready only while the newest entry it has applied is at most this old, in seconds; Infinity: no limit. */
  get maxStaleness(): number {
    return this.origin.maxStaleness;
  }

  /**
   * Progressive quality of the checkpoint's model during training; null for a delta log, and if the checkpoint does not say.
   * @internal
   */
  get quality(): ServedQuality | null {
    return this.origin.quality;
  }

  /**
   * Scores the candidates of a request body `{"context": {...}, "candidates": [{...}, ...], "options": {...}}`. Each candidate is
   * merged with the context at every depth, its own members taking precedence.
   * @throws HashbrookError request_invalid naming the candidate and the member; items_too_many; not_ready; deadline_exceeded;
   * request_aborted
   */
  async score(body: Uint8Array, options: ScoreOptions = {}): Promise<Scores> {
    checkArguments("Scorer.score", { body }, { body: "bytes" });
    checkArguments("Scorer.score", options, { deadline: "?number" });
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

  /** Requests that have not been answered. */
  get waiting(): number {
    return this.dispatcher.waiting;
  }

  /** Waits for requests in progress, and releases the model. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await this.dispatcher.close();
    await this.origin.close();
    await this.host.close();
  }
}
