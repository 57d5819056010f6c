import { fromPlainError, toPlainError } from "../../core/errors.js";
import { joined } from "../../core/joined.js";
import type { PackedAsks, PackedOutcomes } from "../models/model-calls.js";
import type { Ask, TurnResult } from "./dispatcher.js";
import type { Outcome, Scored } from "./engine.js";

/** Requests packed into one piece of memory for transfer. */
export function packAsks(asked: readonly Ask[]): PackedAsks {
  const bodies = asked.map(({ body }) => body);
  const lengths = bodies.map(({ byteLength }) => byteLength);
  const tensors = new Map(asked.flatMap(({ id, tensors }) => (tensors ? [[id, tensors]] : [])));
  return { ids: asked.map(({ id }) => id), lengths, bytes: joined(Uint8Array, bodies), tensors };
}

export function* unpackAsks({ ids, lengths, bytes, tensors }: PackedAsks): Generator<Ask> {
  let at = 0;
  for (const [i, id] of ids.entries()) {
    yield { id, body: bytes.subarray(at, at + lengths[i]), tensors: tensors.get(id) };
    at += lengths[i];
  }
}

/** The results of one run, all from one model. */
export function packOutcomes(outcomes: readonly Outcome[], open: number): PackedOutcomes {
  const scored = outcomes.filter((outcome): outcome is Scored => "scores" in outcome);
  const calibrated = scored.flatMap((outcome) => outcome.calibrated ?? []);
  return {
    open,
    model: scored[0]?.model ?? null,
    ids: scored.map(({ id }) => id),
    counts: scored.map((outcome) => outcome.scores.length),
    scores: joined(
      Float32Array,
      scored.map(({ scores }) => scores),
    ),
    calibrated: calibrated.length > 0 ? joined(Float32Array, calibrated) : undefined,
    ignored: new Map(scored.flatMap(({ id, ignored }) => (ignored.length > 0 ? [[id, ignored]] : []))),
    options: new Map(scored.flatMap(({ id, options }) => (options ? [[id, options.slice()]] : []))),
    errors: new Map(
      outcomes.flatMap((outcome) => ("error" in outcome ? [[outcome.id, toPlainError(outcome.error)]] : [])),
    ),
  };
}

export function unpackOutcomes(packed: PackedOutcomes): TurnResult {
  const { ids, counts, scores, calibrated, model, ignored, options, errors, open } = packed;
  let at = 0;
  const scored = ids.map((id, i): Outcome => {
    at += counts[i];
    return {
      id,
      scores: scores.subarray(at - counts[i], at),
      calibrated: calibrated?.subarray(at - counts[i], at),
      model: model!,
      ignored: ignored.get(id) ?? [],
      options: options.get(id),
    };
  });
  const failed = [...errors].map(([id, error]): Outcome => ({ id, error: fromPlainError(error) }));
  return { outcomes: [...scored, ...failed], open };
}
