import { type Tensor, timesRows } from "../../graph/graph.js";
import type { Layers } from "../../graph/layers.js";
import { optional, size } from "../../schema/basics.js";
import { count } from "../../schema/compiled.js";
import { Type } from "../../schema/typebox.js";
import { type Items, pooling } from "./kind.js";

const activations = ["relu", "sigmoid", "mish"] as const;
const defaults = { hidden: [36], activation: "relu" } as const;

/**
 * Target attention of the Deep Interest Network (Zhou et al. 2018): Σ over the items v of (1 + MLP([v, q, v − q, v ·
 * q])) v, with q the query. As in the paper, weights are not normalised: many relevant items weigh more than one. The
 * 1, which is not in the paper, makes the initial pooling a plain sum, so that items learn before the MLP distinguishes
 * them.
 *
 * Measured on the stream of `bench/attention.ts`, in AUC: without the 1 it loses 0.004, divided by the number of items
 * 0.008, as a softmax 0.017, which is all of its advantage over the items' mean; sigmoid units lose 0.009, a second
 * hidden layer gains nothing.
 */
export const attention = pooling({
  description: "Pools a bag's items by their relevance to the query (Zhou 2018).",
  source: {
    hidden: optional(
      Type.Array(size("Units."), {
        minItems: 1,
        maxItems: 8,
        default: [...defaults.hidden],
        description: "Hidden widths of the MLP that computes an item's weight.",
      }),
    ),
    activation: optional(
      Type.Enum([...activations], {
        default: defaults.activation,
        description: "Activation of its hidden layers.",
      }),
    ),
  },
  compiled: {
    hidden: Type.Array(count(4096), { minItems: 1, maxItems: 8 }),
    activation: Type.Enum([...activations]),
  },
  defaults,
  build(layers, name, items, { hidden, activation }) {
    const { graph } = layers;
    const [, most, dim] = items.vectors.shape as ["B", number, number];
    const [first, ...others] = hidden;
    const start = graph[activation](firstLayer(layers, name, items, first));
    const mlp = others.reduce(
      (h, width, i) => graph[activation](layers.linear(h, `${name}.${i + 1}`, width)),
      graph.reshape(start, [timesRows(most), first]),
    );
    const score = graph.reshape(layers.linear(mlp, `${name}.score`, 1), ["B", 1, most]);
    const weights = graph.mul(graph.add(score, graph.constant([1], [1])), items.mask);
    return graph.reshape(graph.matmul(weights, items.vectors), ["B", dim]);
  },
});

/**
 * [v, q, v − q, v · q] · w + b for every item, [B, most, width]. Computed by parts, without concatenating the four: v
 * (w_v + w_d) + q (w_q − w_d) + (v · q) w_p. The first part is computed once for rows that have the same items.
 */
function firstLayer(layers: Layers, name: string, { vectors, distinct, query }: Items, width: number): Tensor {
  const { graph } = layers;
  const [rows, most, dim] = distinct.shape as ["B" | 1, number, number];
  const w = (part: string) => layers.weight(`${name}.0.${part}.w`, [dim, width], 4 * dim);
  const [item, target, difference, product] = ["item", "query", "difference", "product"].map(w);
  const bias = layers.weight(`${name}.0.b`, [width], 4 * dim);
  const flat = (x: Tensor) => graph.reshape(x, [x.shape[0] === "B" ? timesRows(most) : most, dim]);
  const alone = graph.gemm(flat(distinct), graph.add(item, difference));
  const crossed = graph.gemm(flat(graph.mul(vectors, graph.reshape(query, ["B", 1, dim]))), product);
  const asked = graph.gemm(query, graph.sub(target, difference), { bias });
  return graph.add(
    graph.add(graph.reshape(crossed, ["B", most, width]), graph.reshape(alone, [rows, most, width])),
    graph.reshape(asked, ["B", 1, width]),
  );
}
