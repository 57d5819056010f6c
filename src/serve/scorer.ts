import { HashbrookError } from "../core/errors.js";
import { Decoder, type RequestFailure } from "../decode/decoder.js";
import { sigmoid } from "../metrics/kernel.js";
import { loadModel } from "../model/load.js";
import type { Model } from "../model/model.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { splitScoreRequest } from "./request.js";

/** Candidates of one request are scored in runs of at most this many. */
const CAPACITY = 512;
/** More candidates than this in one request are refused. */
export const MAX_CANDIDATES = 10_000;

/** What made a score: a model's name, how much it had learned, and the spec it was built from. */
export interface ModelVersion {
  readonly model: string;
  /** The checkpoint's number: examples learned. */
  readonly version: number;
  readonly spec_hash: string;
}

export interface Scores {
  /** Click probabilities in the order of the candidates. */
  readonly scores: number[];
  readonly model: ModelVersion;
  /** Members that no field reads. */
  readonly ignored: readonly string[];
}

/** A model loaded for scoring: answers requests, changes nothing. One request at a time. */
export class Scorer {
  readonly version: ModelVersion;
  private readonly model: Model;
  private readonly decoder: Decoder;
  private readonly known: ReadonlySet<string>;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(version: ModelVersion, model: Model, decoder: Decoder, known: ReadonlySet<string>) {
    this.version = version;
    this.model = model;
    this.decoder = decoder;
    this.known = known;
  }

  /**
   * @param path a run's directory (its newest valid checkpoint) or one checkpoint's directory
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
   */
  static async load(path: string, options: { threads?: number } = {}): Promise<Scorer> {
    const { spec, specHash, examples, model, layout } = await loadModel(path, {
      capacity: CAPACITY,
      threads: options.threads ?? 1,
    });
    const decoder = new Decoder(spec, { capacity: layout.capacity, format: "json", requireLabel: false });
    return new Scorer({ model: spec.name, version: examples, spec_hash: specHash }, model, decoder, knownPaths(spec));
  }

  /**
   * Scores the candidates of a request body `{"context": {...}, "candidates": [{...}, ...]}`. A candidate's members are
   * added to the context's, its own winning.
   * @throws HashbrookError request_invalid naming the candidate and the member
   */
  score(body: Uint8Array): Promise<Scores> {
    const run = this.last.then(() => this.scoreNow(body));
    this.last = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    await this.last;
    await this.model.close();
  }

  private async scoreNow(body: Uint8Array): Promise<Scores> {
    const { context, candidates, unknown } = splitScoreRequest(body, this.known, MAX_CANDIDATES);
    const scores: number[] = [];
    for (let from = 0; from < candidates.length; from += CAPACITY) {
      const part = candidates.slice(from, from + CAPACITY);
      const decoded = this.decoder.decodeRequest(context, part);
      if ("failure" in decoded) throw rejected(decoded.failure, part, from);
      const probabilities = sigmoid(await this.model.predict(decoded.batch));
      for (const p of probabilities) scores.push(p);
    }
    return { scores, model: this.version, ignored: unknown };
  }
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

function hasPath(object: unknown, path: string): boolean {
  let value = object;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Record<string, unknown>)[name];
  }
  return true;
}

const rejectHints: Readonly<Record<string, string>> = {
  bad_type:
    "categorical fields take strings, numbers or booleans; numeric fields take numbers; bags and vectors take arrays",
  bad_number: "send a JSON number",
  number_out_of_range: "numbers must be finite and within ±1e18",
  value_too_long: "values are at most 65,535 bytes",
  bad_vector: "send an array of exactly as many numbers as the spec's `length`",
};

/** Every member path the model's fields, label, time and id may stand at. */
function knownPaths(spec: CompiledSpec): Set<string> {
  const { label } = spec;
  const paths = new Set<string>(spec.events.columns);
  for (const field of spec.fields) if ("from" in field) paths.add(field.from);
  for (const path of [label.from, label.weight, label.time?.from, label.id, label.oracle]) if (path) paths.add(path);
  return paths;
}
