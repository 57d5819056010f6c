/**
 * `hashbrook/scorer` in browsers: scores candidates with a model that `hashbrook export --format scorer` wrote, in one file. The tower is
 * run by onnxruntime-web, which is installed beside.
 *
 * @packageDocumentation
 */
import { checkArguments } from "../core/arguments.js";
import { fetched, PortableScorer, ready } from "./scorer.js";

export { type ErrorCode, HashbrookError } from "../core/errors.js";
export type { ModelVersion, ScoreRequest, Scores } from "./scorer.js";

/** Scores candidates in the page. */
export class Scorer extends PortableScorer {
  /**
   * @param source the address of a model's file, or its bytes
   * @throws HashbrookError source_missing; log_damaged if a byte is wrong; log_mismatch; runtime_unavailable
   */
  static async load(source: string | URL | Uint8Array | ArrayBuffer): Promise<Scorer> {
    checkArguments("Scorer.load", { source }, { source: "model" });
    const isAddress = typeof source === "string" || source instanceof URL;
    return new Scorer(await ready(isAddress ? await fetched(source) : source));
  }
}
