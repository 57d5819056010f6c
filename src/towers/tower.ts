import { HashbrookError } from "../core/errors.js";
import { gradients } from "../graph/differentiate.js";
import { Graph, type Tensor } from "../graph/graph.js";
import { Layers, type Parameter } from "../graph/layers.js";
import type { CompiledTower, TowerKind } from "../spec/compiled.js";
import { dcnV2 } from "./dcn_v2.js";
import { deepCrossing } from "./deep_crossing.js";
import { deepFm } from "./deepfm.js";
import { dlrm } from "./dlrm.js";
import { rowSum, type TowerInputs, type TowerShape, towerInputs } from "./inputs.js";
import { wideDeep } from "./wide_deep.js";

export type { Parameter } from "../graph/layers.js";
export type { TowerShape } from "./inputs.js";

/** The parameter that every tower adds to its logit as it is. */
export const OUTPUT_BIAS = "score.b";

/** A tower adds its layers and returns the logits [B, 1], without the wide part. */
export type TowerBuilder = (layers: Layers, inputs: TowerInputs, tower: CompiledTower) => Tensor;

/** lr and fm learn inside their table's kernel and have no graph. */
const builders: { readonly [K in Exclude<TowerKind, "lr" | "fm">]: TowerBuilder } = {
  deep_crossing: deepCrossing,
  wide_deep: wideDeep,
  deepfm: deepFm,
  dcn_v2: dcnV2,
  dlrm,
};

/** A tower ready to run. Inputs of both graphs: see TowerShape, then every parameter by its name. */
export interface Tower {
  readonly parameters: readonly Parameter[];
  /**
   * Inputs also `labels` [B, 1] (0 to 1) and `weights` [B, 1] (importance). Outputs `logits` [B, 1]; `d_x_<table>`, `d_wide`
   * and `d_<parameter>`: gradients of the sum over the batch of weight · binary cross-entropy(logit, label).
   */
  readonly train: Graph;
  /** Output `logits` [B, 1]. */
  readonly infer: Graph;
}

/**
 * Builds a tower's graphs and initial weights.
 * @param seed the weights' seed: same seed, same shape, same bytes
 * @throws HashbrookError spec_invalid when the tower cannot take such a shape
 */
export function buildTower(tower: CompiledTower, shape: TowerShape, seed: number): Tower {
  const infer = new Graph();
  infer.output("logits", addLogits(infer, tower, shape, seed).logits);
  const train = new Graph();
  const { inputs, parameters, logits } = addLogits(train, tower, shape, seed);
  train.output("logits", logits);
  const labels = train.input("labels", ["B", 1]);
  const weights = train.input("weights", ["B", 1]);
  const dLogits = train.mul(train.sub(train.sigmoid(logits), labels), weights);
  const wrt = [...inputs.tables, ...(inputs.wide ? [inputs.wide] : []), ...train.parameters];
  gradients(train, [[logits, dLogits]], wrt).forEach((d, i) => {
    train.output(`d_${wrt[i].name}`, d);
  });
  return { parameters, train, infer };
}

function addLogits(graph: Graph, tower: CompiledTower, shape: TowerShape, seed: number) {
  if (tower.kind === "lr" || tower.kind === "fm") {
    throw new HashbrookError("internal", `tower.${tower.kind}: learns without a graph`);
  }
  const inputs = towerInputs(graph, shape);
  const layers = new Layers(graph, seed);
  const deep = builders[tower.kind](layers, inputs, tower);
  const logits = inputs.wide ? graph.add(deep, rowSum(graph, inputs.wide)) : deep;
  return { inputs, parameters: layers.parameters, logits };
}
