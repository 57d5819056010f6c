import { HashbrookError } from "../core/errors.js";
import { gradients } from "../graph/differentiate.js";
import { Graph, type Tensor } from "../graph/graph.js";
import { Layers, type Parameter } from "../graph/layers.js";
import { type TowerKnobs, towerOf } from "./index.js";
import { graphInputs, rowSum, type TowerShape } from "./inputs.js";
import { poolBags } from "./pooled.js";

export type { Parameter } from "../graph/layers.js";
export type { PooledBag, TowerShape } from "./inputs.js";

/** The parameter that every tower adds to its logit. */
export const OUTPUT_BIAS = "score.b";

/** A tower ready to run. Inputs of both graphs: see TowerShape, then every parameter by its name. */
export interface Tower {
  readonly parameters: readonly Parameter[];
  /**
   * Inputs also `labels` [B, 1] (0 to 1) and `weights` [B, 1] (importance). Outputs `logits` [B, 1]; `d_x_<table>`,
   * `d_wide` and `d_<parameter>`: gradients of the sum over the batch of weight · binary cross-entropy(logit, label).
   */
  readonly train: Graph;
  /** Output `logits` [B, 1]. */
  readonly infer: Graph;
  /**
   * The same for rows that have the same items in every pooled bag: see `graphInputs`. Present if there are pooled
   * bags.
   */
  readonly shared?: Graph;
}

/**
 * Builds a tower's graphs and initial weights.
 * @param seed the weights' seed: same seed, same shape, same bytes
 * @param weighsFakes events are also weighted by 1 + p if positive, 1 - p² if negative, with p = sigmoid(logit) treated
 *   as a constant
 * @throws HashbrookError spec_invalid when the tower does not support such a shape
 */
export function buildTower(tower: TowerKnobs, shape: TowerShape, seed: number, weighsFakes = false): Tower {
  const infer = new Graph();
  infer.output("logits", addLogits(infer, tower, shape, seed).logits);
  const shared = new Graph();
  if (shape.pooled) shared.output("logits", addLogits(shared, tower, shape, seed, true).logits);
  const train = new Graph();
  const { inputs, parameters, logits } = addLogits(train, tower, shape, seed);
  train.output("logits", logits);
  const labels = train.input("labels", ["B", 1]);
  const weights = train.input("weights", ["B", 1]);
  const p = train.sigmoid(logits);
  const all = weighsFakes ? train.mul(weights, fakeWeights(train, p, labels)) : weights;
  const dLogits = train.mul(train.sub(p, labels), all);
  const wrt = [...inputs.tables, ...(inputs.wide ? [inputs.wide] : []), ...train.parameters];
  gradients(train, [[logits, dLogits]], wrt).forEach((d, i) => {
    train.output(`d_${wrt[i].name}`, d);
  });
  return { parameters, train, infer, ...(shape.pooled && { shared }) };
}

/** 1 + p for positives, 1 - p² = (1 + p) (1 - p) for negatives. */
function fakeWeights(graph: Graph, p: Tensor, labels: Tensor): Tensor {
  const one = graph.constant([1, 1], [1]);
  const negatives = graph.sub(one, labels);
  return graph.mul(graph.add(one, p), graph.sub(one, graph.mul(negatives, p)));
}

function addLogits(graph: Graph, tower: TowerKnobs, shape: TowerShape, seed: number, shared = false) {
  const kind = towerOf(tower.kind);
  if (kind.learns === "events") throw new HashbrookError("internal", `tower.${tower.kind}: learns without a graph`);
  const inputs = graphInputs(graph, shape, shared);
  const layers = new Layers(graph, seed);
  const deep = kind.build(layers, shape.pooled ? poolBags(layers, inputs) : inputs, tower);
  const logits = inputs.wide ? graph.add(deep, rowSum(graph, inputs.wide)) : deep;
  return { inputs, parameters: layers.parameters, logits };
}
