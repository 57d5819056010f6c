import { HashbrookError } from "../../core/errors.js";
import type { AnswerCounts } from "../metrics/stats.js";
import type { Scorer } from "../scorer.js";
import { readFields, tensorOf } from "./places.js";

/**
 * The tensors of a model.
 * @param versions that are loaded
 * @throws HashbrookError not_ready
 */
export function metadataOf(name: string, { spec }: Scorer, versions: readonly Scorer[]) {
  if (!spec) throw new HashbrookError("not_ready", `model ${name}: has not been loaded yet`);
  const inputs = readFields(spec).map((field) => ({ name: field.name, ...tensorOf(field) }));
  const names = spec.calibration ? ["score", "calibrated"] : ["score"];
  const outputs = names.map((output) => ({ name: output, datatype: "FP32", shape: [-1] }));
  const loaded = versions.flatMap(({ version }) => (version ? [String(version.version)] : []));
  return { name, versions: loaded, platform: "hashbrook", inputs, outputs };
}

/** Statistics of models' answers, all versions of a model together. */
export function statisticsOf(
  models: readonly { readonly name: string; readonly scorer: Scorer }[],
  counts: AnswerCounts,
) {
  const model_stats = models.map(({ name, scorer }) => {
    const { last, candidates, success, fail } = counts.of(name);
    const base = { name, version: String(scorer.version?.version ?? ""), last_inference: Math.round(last) };
    return { ...base, inference_count: candidates, inference_stats: { success, fail } };
  });
  return { model_stats };
}
