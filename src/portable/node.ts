/**
 * `hashbrook/scorer`: scores candidates in process, without Kafka, trainer or server.
 *
 * @packageDocumentation
 * @module hashbrook/scorer
 * @example
 * ```ts
 * import { Scorer } from "hashbrook/scorer";
 * const scorer = await Scorer.load("runs/ads");
 * const { scores } = await scorer.score({ context: { user: "u1" }, candidates: [{ ad: "a1" }, { ad: 2n ** 63n }] });
 * ```
 */
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadModel } from "../model/load.js";
import { CAPACITY, ScoringModel } from "../serve/scoring-model.js";
import { Ready } from "./ready.js";
import { fetched, PortableScorer, ready } from "./scorer.js";

export { type ErrorCode, HashbrookError } from "../core/errors.js";
export type { ModelVersion, ScoreRequest, Scores } from "./scorer.js";

/** Scores candidates in this thread. */
export class Scorer extends PortableScorer {
  /**
   * @param source a run's directory (its newest whole checkpoint), one checkpoint's, a file that `hashbrook export --format scorer`
   *   wrote, the address of one, or its bytes
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch; of a file source_missing, log_damaged, log_mismatch
   */
  static async load(source: string | URL | Uint8Array | ArrayBuffer): Promise<Scorer> {
    if (source instanceof URL && source.protocol !== "file:") return new Scorer(await ready(await fetched(source)));
    if (typeof source !== "string" && !(source instanceof URL)) return new Scorer(await ready(source));
    return new Scorer(await opened(source instanceof URL ? fileURLToPath(source) : source));
  }
}

async function opened(path: string): Promise<Ready> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return ready(readFileSync(path));
  const { spec, model, examples } = await loadModel(path, { capacity: CAPACITY, threads: 1 });
  return new Ready(new ScoringModel(spec, model), examples);
}
