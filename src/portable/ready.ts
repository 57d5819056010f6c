import { HashbrookError } from "../core/errors.js";
import { WholeRequest } from "../serve/requests/whole-request.js";
import { CAPACITY, ScoringModel } from "../serve/scoring-model.js";
import { compiledFromJson } from "../spec/compile.js";
import { specHash } from "../spec/hash.js";
import { readSnapshot } from "./snapshot.js";

interface ReadyScores {
  readonly scores: number[];
  readonly calibrated?: number[];
  readonly ignored: readonly string[];
}

/** A model that scores complete requests, one at a time. */
export class Ready {
  /** The model, with its request reader. */
  readonly scoring: ScoringModel;
  /** Examples it had learned. */
  readonly examples: number;

  constructor(scoring: ScoringModel, examples: number) {
    this.scoring = scoring;
    this.examples = examples;
  }

  /** @throws HashbrookError request_invalid */
  async score(body: Uint8Array): Promise<ReadyScores> {
    const { known, requests, model } = this.scoring;
    const request = new WholeRequest(body, known, Number.POSITIVE_INFINITY);
    if (request.options)
      throw new HashbrookError("request_invalid", "body.options: not supported without a server", {
        hint: "remove it",
      });
    const scores: number[] = [];
    const calibrated: number[] = [];
    while (scores.length < request.candidates) {
      const predicted = await this.scoring.predict(request.read(requests, scores.length, 0, CAPACITY));
      scores.push(...predicted.scores);
      calibrated.push(...(predicted.calibrated ?? []));
    }
    return { scores, ...(model.calibrator && { calibrated }), ignored: request.ignored };
  }

  close(): Promise<void> {
    return this.scoring.close();
  }
}

export async function loadSnapshot(bytes: Uint8Array): Promise<Ready> {
  const { spec, run, version, states } = readSnapshot(bytes);
  const compiled = compiledFromJson(JSON.stringify(spec));
  if (specHash(compiled) !== run)
    throw new HashbrookError("log_mismatch", `model file: its spec has the hash ${specHash(compiled)}, not ${run}`);
  const scoring = await ScoringModel.empty(compiled);
  scoring.apply(states());
  return new Ready(scoring, version);
}
