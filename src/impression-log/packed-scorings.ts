import { joined } from "../core/joined.js";
import type { ModelVersion } from "../serve/threads/engine.js";
import type { Scoring } from "./compose.js";

/** Several requests packed into two pieces of memory, since a message's cost grows with its number of objects. Plain data. */
export interface PackedScorings {
  readonly requests: readonly string[];
  readonly times: readonly number[];
  /** Versions that scored, and the index of each request's version. */
  readonly models: readonly ModelVersion[];
  readonly modelOf: readonly number[];
  /** Bytes of each body. */
  readonly lengths: readonly number[];
  readonly bodies: Uint8Array<ArrayBuffer>;
  /** The number of each request's candidates, and which requests have calibrated scores after their scores. */
  readonly counts: readonly number[];
  readonly calibrated: readonly boolean[];
  readonly scores: Float32Array<ArrayBuffer>;
  /** By request, if its candidates' order was randomised. */
  readonly drawn: ReadonlyMap<number, NonNullable<Scoring["drawn"]>>;
}

export function packScorings(scorings: readonly Scoring[]): PackedScorings {
  const models: ModelVersion[] = [];
  return {
    requests: scorings.map(({ request }) => request),
    times: scorings.map(({ time }) => time),
    models,
    modelOf: scorings.map(({ model }) => placeOf(models, model)),
    lengths: scorings.map(({ body }) => body.byteLength),
    bodies: joined(
      Uint8Array,
      scorings.map(({ body }) => body),
    ),
    counts: scorings.map(({ scores }) => scores.length),
    calibrated: scorings.map(({ calibrated }) => calibrated !== undefined),
    scores: joined(
      Float32Array,
      scorings.flatMap(({ scores, calibrated }) => (calibrated ? [scores, calibrated] : [scores])),
    ),
    drawn: new Map(scorings.flatMap(({ drawn }, i) => (drawn ? [[i, drawn]] : []))),
  };
}

export function unpackScorings(packed: PackedScorings): Scoring[] {
  const { requests, times, models, modelOf, lengths, bodies, counts, calibrated, scores, drawn } = packed;
  let byte = 0;
  let score = 0;
  const next = (count: number) => {
    score += count;
    return scores.subarray(score - count, score);
  };
  return requests.map((request, i) => {
    byte += lengths[i];
    return {
      request,
      time: times[i],
      model: models[modelOf[i]],
      body: bodies.subarray(byte - lengths[i], byte),
      scores: next(counts[i]),
      calibrated: calibrated[i] ? next(counts[i]) : undefined,
      drawn: drawn.get(i),
    };
  });
}

/** The index of a version among the few that occur. */
function placeOf(models: ModelVersion[], { model, version, spec_hash }: ModelVersion): number {
  const at = models.findLastIndex(
    (met) => met.version === version && met.model === model && met.spec_hash === spec_hash,
  );
  return at >= 0 ? at : models.push({ model, version, spec_hash }) - 1;
}
