import { compileOptimizer, type OptimizerSource } from "../optimizers/schema.js";
import type { EncodingSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import { compileEncoding, type EncodingContext, type EncodingSource } from "./encodings.js";
import type { EncodedSource, TableSource } from "./schema.js";

/** Of a hot_cold table's budget, what the cold part gets where the spec does not say. */
const COLD_SHARE = 0.7;

/** The options of an encoding's own, as they are before rows are known. */
export function encodingOptions(
  source: EncodingSource,
  spec: EncodingSpec,
  budget: number | undefined,
  context: EncodingContext,
): Partial<EncodingSpec> {
  const optimizer = (given: EncodingSource["optimizer"], fallback: OptimizerSource, path: string) =>
    compileOptimizer(given ?? fallback, `${context.path}.${path}.optimizer`, context.problems);
  switch (spec.encoding) {
    case "shared":
      return { shared: { ...defaults.shared, ...source.shared } };
    case "multi_hash": {
      const { hashes = defaults.multi_hash.hashes, importance_rows = 0 } = source.multi_hash ?? {};
      return { multi_hash: { hashes, importance_rows } };
    }
    case "dhe":
      return {
        dhe: {
          ...defaults.dhe,
          ...source.dhe,
          optimizer: optimizer(source.dhe?.optimizer, defaults.dhe.optimizer, "dhe"),
        },
      };
    case "low_dim": {
      const { dim = defaults.low_dim.dim } = source.low_dim ?? {};
      return {
        low_dim: { dim, optimizer: optimizer(source.low_dim?.optimizer, defaults.low_dim.optimizer, "low_dim") },
      };
    }
    case "hot_cold":
      return { hot_cold: hotCold(source as TableSource, spec, budget, context) };
    default:
      return {};
  }
}

function hotCold(source: TableSource, spec: EncodingSpec, budget: number | undefined, context: EncodingContext) {
  const { cold = {}, sketch_rows = 0, ...knobs } = source.hot_cold ?? {};
  const { cold: fallback, ...others } = defaults.hot_cold;
  const unsized = cold.rows === undefined && cold.budget === undefined && budget !== undefined;
  const own: EncodedSource = {
    ...fallback,
    ...(source.optimizer !== undefined && { optimizer: source.optimizer }),
    ...(unsized && cold.encoding !== "dhe" && { budget: Math.floor(budget * COLD_SHARE) }),
    ...cold,
  };
  const coldContext = {
    ...context,
    name: `${spec.name}.cold`,
    path: `${context.path}.hot_cold.cold`,
    init: spec.init,
  };
  return { ...others, ...knobs, sketch_rows, cold: compileEncoding(own, coldContext) };
}
