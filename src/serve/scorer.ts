import type { SliceReport } from "../calibration/calibrator.js";
import type { Skipped } from "../checkpoints/store.js";
import { batchLayout } from "../core/batch.js";
import { systemClock, wallTime } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { Decoder, type RequestFailure } from "../decode/decoder.js";
import type { DeltaSource } from "../delta-log/delta-log.js";
import { Replica, type ReplicaModel, type ReplicaStatus } from "../delta-log/replica.js";
import type { ServingState } from "../delta-log/state.js";
import { sigmoid } from "../metrics/kernel.js";
import { createModel } from "../model/create.js";
import { loadModel } from "../model/load.js";
import type { Model } from "../model/model.js";
import { compiledFromJson } from "../spec/compile.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import type { ServingPrecision } from "../tables/table.js";
import { type Known, knownMembers, splitScoreRequest } from "./request.js";

/** Candidates of one request are scored in runs of at most this many. */
const CAPACITY = 512;
/** More candidates than this in one request are refused. */
export const MAX_CANDIDATES = 10_000;

/** What made a score: a model's name, how much it had learned, and the spec it was built from. */
export interface ModelVersion {
  /** `name` of the spec. */
  readonly model: string;
  /** Examples learned. */
  readonly version: number;
  /** Hash of the compiled spec, 16 hex digits. */
  readonly spec_hash: string;
}

/** An answer to a request. */
export interface Scores {
  /** Click probabilities in the order of the candidates. */
  readonly scores: number[];
  /** The same by the model's calibrator, where it has one. */
  readonly calibrated?: number[] | undefined;
  /** The one model that made all scores of this answer. */
  readonly model: ModelVersion;
  /** Paths of members that no field reads, at most 100. */
  readonly ignored: readonly string[];
  /** The raw JSON bytes of the body's options object, where it has one: not read here. */
  readonly options?: Uint8Array | undefined;
}

/** What one request may ask for beside its body. */
export interface ScoreOptions {
  /** Gives the request up: what of it was not scored yet is not. */
  readonly signal?: AbortSignal | undefined;
  /** A time of `systemClock`: what of the request was not scored by then is refused. */
  readonly deadline?: number | undefined;
}

/** How a scorer follows a delta log. */
export interface FollowOptions {
  /** Ready only while the newest applied entry was sent at most so many seconds ago. Default: no bound. */
  readonly maxStaleness?: number | undefined;
  /** Told the ages (seconds, event → visible) of a sample of the events every applied entry made visible. */
  readonly onVisible?: (ages: readonly number[]) => void;
  /** How rows hold their weights. Default f32. */
  readonly precision?: ServingPrecision | undefined;
}

/** How a scorer stands; `version` and `spec_hash` are null before a first snapshot. */
export interface Health {
  /** There is a model, and it is fresh enough. */
  readonly ready: boolean;
  /** The model that would answer now. */
  readonly version: ModelVersion | null;
  /** Of the delta log it follows; null for a checkpoint. */
  readonly replica: ReplicaStatus | null;
  /** Damaged checkpoints that were passed over: the model is older than it should be. */
  readonly passedOver: readonly Skipped[];
}

/** A model with what reads requests for it. */
class ScoringModel implements ReplicaModel {
  readonly spec: CompiledSpec;
  readonly specHash: string;
  readonly model: Model;
  readonly decoder: Decoder;
  readonly known: Known;

  constructor(spec: CompiledSpec, model: Model) {
    this.spec = spec;
    this.specHash = specHash(spec);
    this.model = model;
    this.decoder = new Decoder(spec, { capacity: CAPACITY, format: "json", requireLabel: false });
    this.known = knownMembers(knownPaths(spec));
  }

  /** Makes the model of a snapshot: its spec must have the hash it says. */
  static async open(spec: unknown, run: string, precision?: ServingPrecision): Promise<ScoringModel> {
    const compiled = compiledFromJson(JSON.stringify(spec));
    if (specHash(compiled) !== run) {
      throw new HashbrookError("log_mismatch", `delta log: its spec has the hash ${specHash(compiled)}, not ${run}`);
    }
    return ScoringModel.empty(compiled, 1, precision);
  }

  /** A model that serves, before it was told anything. */
  static async empty(spec: CompiledSpec, threads: number, precision?: ServingPrecision): Promise<ScoringModel> {
    const layout = batchLayout(spec, CAPACITY);
    const model = await createModel(spec, { layout, threads, purpose: "serve", servingPrecision: precision });
    return new ScoringModel(spec, model);
  }

  apply(state: ServingState): void {
    this.model.serving.apply(state);
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

/** A trained model's rows and dense weights in a model that serves; the trained one is closed. */
async function held(model: Model, threads: number, precision: ServingPrecision): Promise<ScoringModel> {
  const scoring = await ScoringModel.empty(model.spec, threads, precision);
  for (const state of model.serving.pack("all").states()) scoring.apply(state);
  await model.close();
  return scoring;
}

/** What answers the requests: changes only between two of them. */
type Answering = () => { readonly scoring: ScoringModel; readonly examples: number } | null;

/** Answers score requests, one at a time: from a checkpoint's model, or from one that follows a delta log. */
export class Scorer {
  private readonly answering: Answering;
  private last: Promise<unknown> = Promise.resolve();
  private replica: Replica<ScoringModel> | null = null;
  /** Seconds; Infinity = no bound. */
  maxStaleness = Number.POSITIVE_INFINITY;
  private passedOver: readonly Skipped[] = [];
  private readonly end: () => Promise<void>;

  private constructor(answering: Answering, end: () => Promise<void>) {
    this.answering = answering;
    this.end = end;
  }

  /**
   * @param path a run's directory (its newest valid checkpoint) or one checkpoint's directory
   * @param options.precision keeps the rows' weights alone, held so. Default: the rows as they were trained
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
   */
  static async load(
    path: string,
    options: { threads?: number; precision?: ServingPrecision | undefined } = {},
  ): Promise<Scorer> {
    const { threads = 1, precision } = options;
    const { spec, examples, model, skipped } = await loadModel(path, { capacity: CAPACITY, threads });
    const scoring = precision ? await held(model, threads, precision) : new ScoringModel(spec, model);
    const scorer = new Scorer(
      () => ({ scoring, examples }),
      () => scoring.close(),
    );
    scorer.passedOver = skipped;
    return scorer;
  }

  /**
   * Follows a delta log: scores throw `not_ready` until its first snapshot was applied. Entries are applied between two
   * requests, so that all scores of one answer are of one version.
   */
  static follow(source: DeltaSource, options: FollowOptions = {}): Scorer {
    const stop = new AbortController();
    const answering: Answering = () => replica.live && { scoring: replica.live.model, examples: replica.live.version };
    const scorer = new Scorer(answering, async () => {
      stop.abort();
      await following;
      await replica.close();
      await source.close();
    });
    const replica = new Replica<ScoringModel>({
      source,
      open: (spec, run) => ScoringModel.open(spec, run, options.precision),
      exclusive: (step) => scorer.inTurn(step),
      now: wallTime,
      onApplied: (times) => options.onVisible?.(times.map((time) => (wallTime() - time) / 1000)),
    });
    scorer.replica = replica;
    scorer.maxStaleness = options.maxStaleness ?? Number.POSITIVE_INFINITY;
    const following = replica.follow(stop.signal);
    return scorer;
  }

  /** The model that would answer now; null before a first snapshot. */
  get version(): ModelVersion | null {
    const now = this.answering();
    return now && versionOf(now);
  }

  /** The compiled spec of the model that would answer now; null before a first snapshot. */
  get spec(): CompiledSpec | null {
    return this.answering()?.scoring.spec ?? null;
  }

  /** How the slices of the model that would answer now did in training, lately; empty where it has no calibrator. */
  get slices(): readonly SliceReport[] {
    return this.answering()?.scoring.model.calibrator?.report() ?? [];
  }

  /** Whether it can answer, and how well it follows; what `GET /v2/health/ready` tells. */
  health(): Health {
    const replica = this.replica?.status() ?? null;
    const fresh = (replica?.staleness ?? 0) <= this.maxStaleness;
    return { ready: this.answering() !== null && fresh, version: this.version, replica, passedOver: this.passedOver };
  }

  /**
   * Scores the candidates of a request body `{"context": {...}, "candidates": [{...}, ...], "options": {...}}`. A candidate's members are
   * added to the context's at every depth, its own winning member by member.
   * @throws HashbrookError request_invalid naming the candidate and the member; items_too_many; not_ready; deadline_exceeded; request_aborted
   */
  score(body: Uint8Array, options: ScoreOptions = {}): Promise<Scores> {
    return this.inTurn(() => this.scoreNow(body, options));
  }

  /** Waits for requests under way, and lets the model go. */
  async close(): Promise<void> {
    await this.last;
    await this.end();
  }

  /** Runs a step when all before it are done: a request as a whole, or an entry of the delta log as a whole. */
  private inTurn<T>(step: () => T | Promise<T>): Promise<T> {
    const run = this.last.then(step);
    this.last = run.catch(() => undefined);
    return run;
  }

  private async scoreNow(body: Uint8Array, options: ScoreOptions): Promise<Scores> {
    refuseLate(options);
    const now = this.answering();
    if (!now) {
      throw new HashbrookError("not_ready", "no snapshot of the delta log was applied yet", {
        hint: "wait until GET /v2/health/ready answers 200",
      });
    }
    const { model, decoder, known } = now.scoring;
    const { context, candidates, unknown, ...asked } = splitScoreRequest(body, known, MAX_CANDIDATES);
    const scores: number[] = [];
    const calibrated: number[] | undefined = model.calibrator ? [] : undefined;
    for (let from = 0; from < candidates.length; from += CAPACITY) {
      refuseLate(options);
      const part = candidates.slice(from, from + CAPACITY);
      const decoded = decoder.decodeRequest(context, part);
      if ("failure" in decoded) throw rejected(decoded.failure, part, from);
      const logits = await model.predict(decoded.batch);
      for (const p of sigmoid(logits)) scores.push(p);
      if (model.calibrator) calibrated?.push(...sigmoid(model.calibrator.apply(logits, decoded.batch)));
    }
    return { scores, calibrated, model: versionOf(now), ignored: unknown, options: asked.options };
  }
}

/** @throws HashbrookError deadline_exceeded; request_aborted */
function refuseLate({ signal, deadline = Number.POSITIVE_INFINITY }: ScoreOptions): void {
  if (signal?.aborted) throw new HashbrookError("request_aborted", "the request was given up before it was scored");
  if (systemClock.now() < deadline) return;
  throw new HashbrookError("deadline_exceeded", "the request's deadline passed before it was scored", {
    hint: "ask for fewer candidates at a time, or give it longer",
  });
}

function versionOf({ scoring, examples }: { scoring: ScoringModel; examples: number }): ModelVersion {
  return { model: scoring.spec.name, version: examples, spec_hash: scoring.specHash };
}

/** The error for a member that cannot be decoded: it is the context's unless the candidate has a member of that path itself. */
function rejected(failure: RequestFailure, candidates: readonly Uint8Array[], from: number): HashbrookError {
  const { candidate, code, column } = failure;
  const own =
    candidate >= 0 && (column === "" || hasPath(JSON.parse(Buffer.from(candidates[candidate]).toString()), column));
  const place = own ? `candidates[${from + candidate}]` : "context";
  return new HashbrookError("request_invalid", `${place}${column ? `.${column}` : ""}: ${code}`, {
    hint: rejectHints[code] ?? "see features/README.md for what each field type takes",
  });
}

/** Whether a member decides what stands at a path: it is there, or something that is no object on the way to it. */
function hasPath(object: unknown, path: string): boolean {
  if (typeof object !== "object" || object === null) return true;
  const members = object as Record<string, unknown>;
  if (Object.hasOwn(members, path)) return true;
  const dots = [...path].flatMap((c, i) => (c === "." ? [i] : []));
  return dots.some((at) => {
    const name = path.slice(0, at);
    return Object.hasOwn(members, name) && hasPath(members[name], path.slice(at + 1));
  });
}

const rejectHints: Readonly<Record<string, string>> = {
  bad_type:
    "categorical fields take strings, numbers or booleans; numeric fields take numbers; vectors take arrays of numbers, bags take arrays of items or of [item, weight], or {item: weight, …}",
  bad_number: "send a JSON number",
  number_out_of_range: "numbers must be finite and within ±1e18",
  value_too_long: "values are at most 65,535 bytes",
  bad_vector: "send an array of exactly as many numbers as the spec's `length`",
};

/** Every member path that a field reads, and those of label, weight, time and id, which requests made of events may have. */
function knownPaths({ label, fields }: CompiledSpec): string[] {
  const head = [label.from, label.weight, label.time?.from, label.id, label.oracle];
  return [...head.filter((path) => path != null), ...fields.flatMap((field) => ("from" in field ? [field.from] : []))];
}
