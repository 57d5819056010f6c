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
import "../kernels/wasm-names.js";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkArguments } from "../core/arguments.js";
import { nodeFiles, readWhole } from "../core/files.js";
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
   *   wrote, the address of one (a URL, or a text with http:// or https://), or its bytes
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch; of a file source_missing, log_damaged, log_mismatch
   */
  static async load(source: string | URL | Uint8Array | ArrayBuffer): Promise<Scorer> {
    checkArguments("Scorer.load", { source }, { source: "model" });
    if (isRemote(source)) return new Scorer(await ready(await fetched(source)));
    if (typeof source !== "string" && !(source instanceof URL)) return new Scorer(await ready(source));
    return new Scorer(await opened(source instanceof URL ? fileURLToPath(source) : source));
  }
}

const isRemote = (source: string | URL | Uint8Array | ArrayBuffer): source is string | URL =>
  source instanceof URL ? source.protocol !== "file:" : typeof source === "string" && /^https?:\/\//i.test(source);

async function opened(path: string): Promise<Ready> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return ready(readWhole(nodeFiles, path));
  const { spec, model, examples } = await loadModel(path, { capacity: CAPACITY, threads: 1 });
  return new Ready(new ScoringModel(spec, model), examples);
}
