import { Rng } from "../../src/core/rng.js";
import { type Graph, sizeOf, withRows } from "../../src/graph/graph.js";
import type { TensorView } from "../../src/runtimes/runtime.js";
import type { CompiledTower } from "../../src/spec/compiled.js";
import type { Parameter, PooledBag, TowerShape } from "../../src/towers/tower.js";

const base = {
  residual: [12, 5],
  hidden: [9, 6],
  bottom: [7],
  cross_layers: 2,
  rank: 0,
  optimizer: { kind: "sgd", learning_rate: 0.1 },
  runtime: "onnxruntime",
} as const;

/** Every tower, in each of its forms. */
export const towers = {
  deep_crossing: { ...base, kind: "deep_crossing" },
  wide_deep: { ...base, kind: "wide_deep" },
  deepfm: { ...base, kind: "deepfm" },
  deep_ffm: { kind: "deep_ffm", hidden: base.hidden, optimizer: base.optimizer, runtime: base.runtime },
  "dcn_v2, full rank": { ...base, kind: "dcn_v2" },
  "dcn_v2, low rank, no MLP": { ...base, kind: "dcn_v2", rank: 3, hidden: [] },
  dlrm: { ...base, kind: "dlrm" },
} as const satisfies Readonly<Record<string, CompiledTower>>;

function attentionOver(over: string, items: PooledBag["items"], query: PooledBag["query"]): PooledBag {
  return { over, items, query, pooling: { kind: "attention", over, query: "id", hidden: [6, 3], activation: "relu" } };
}

/** Everything at once, odd widths; embeddings only. Every vector has a part for each other field. */
export const shapes: Readonly<Record<string, TowerShape>> = {
  "all inputs": {
    tables: [
      { name: "ids", cells: 3, dim: 6 },
      { name: "tags", cells: 1, dim: 6 },
    ],
    numbers: 3,
    vectors: 4,
    wide: 7,
  },
  "pooled bags": {
    tables: [
      { name: "ids", cells: 2 + 3, dim: 5 },
      { name: "tags", cells: 1 + 4 + 1, dim: 5 },
    ],
    numbers: 3,
    vectors: 0,
    wide: 0,
    pooled: [
      attentionOver("seen", { table: 0, first: 2, most: 3 }, { table: 0, first: 1 }),
      attentionOver("tags", { table: 1, first: 1, most: 4 }, { table: 0, first: 0 }),
    ],
  },
  "embeddings only": { tables: [{ name: "ids", cells: 3, dim: 8 }], numbers: 0, vectors: 0, wide: 0 },
};

/** About as many fields as a typical display ads log. */
export const manyFields: TowerShape = {
  tables: [{ name: "ids", cells: 17, dim: 16 }],
  numbers: 13,
  vectors: 0,
  wide: 27,
};

/** Every tower with every shape, for `it.each`: [title, tower, shape]. */
export const combinations: [string, CompiledTower, TowerShape][] = Object.entries(towers).flatMap(([name, tower]) =>
  Object.entries(shapes).map(([inputs, shape]): [string, CompiledTower, TowerShape] => [
    `${name}, ${inputs}`,
    tower,
    shape,
  ]),
);

/** A tower with other widths, of those that it has. */
export function resized<T extends CompiledTower>(tower: T, widths: Readonly<Record<string, readonly number[]>>): T {
  return { ...tower, ...Object.fromEntries(Object.entries(widths).filter(([knob]) => knob in tower)) };
}

/** Random inputs (labels 0 or 1, weights in 0.5..1.5, lengths 0 to 3) and the initial parameters, biases made non-zero. */
export function randomFeeds(
  graph: Graph,
  parameters: readonly Parameter[],
  rows: number,
  seed = 1,
): Record<string, TensorView> {
  const rng = new Rng(seed);
  const draw: Record<string, () => number> = { labels: () => rng.below(2), weights: () => 0.5 + rng.uniform() };
  const centered = () => 2 * rng.uniform() - 1;
  const feeds: Record<string, TensorView> = {};
  for (const { name, shape } of graph.inputs) {
    const fill = name.startsWith("length_") ? () => rng.below(4) : (draw[name] ?? centered);
    const data = Float32Array.from({ length: sizeOf(shape, rows) }, fill);
    feeds[name] = { data, shape: withRows(shape, rows) };
  }
  for (const { name, shape, initial } of parameters) {
    feeds[name] = { data: shape.length === 1 ? initial.map(() => centered() / 10) : initial.slice(), shape };
  }
  return feeds;
}

/** Room for every output of a graph. */
export function emptyFetches(graph: Graph, rows: number): Record<string, TensorView> {
  return Object.fromEntries(
    [...graph.outputs].map(([name, { shape }]) => [
      name,
      { data: new Float32Array(sizeOf(shape, rows)), shape: withRows(shape, rows) },
    ]),
  );
}
