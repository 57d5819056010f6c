import type { Graph, Tensor } from "../graph/graph.js";
import type { Layers } from "../graph/layers.js";
import type { GraphInputs, PooledInput, TowerInputs } from "./inputs.js";
import { poolingOf } from "./poolings/index.js";

/** A tower's inputs, with every pooled bag reduced to one vector in place of its items. */
export function poolBags(layers: Layers, inputs: GraphInputs): TowerInputs {
  const { shape } = inputs;
  const tables = inputs.tables.map((_, t) => withPooled(layers, inputs, t));
  const shapes = shape.tables.map(({ name, dim }, t) => ({ name, dim, cells: (tables[t].shape[1] as number) / dim }));
  return { ...inputs, tables, shape: { ...shape, tables: shapes } };
}

function withPooled(layers: Layers, inputs: GraphInputs, t: number): Tensor {
  const { graph } = layers;
  const { cells } = inputs.shape.tables[t];
  const parts: Tensor[] = [];
  let done = 0;
  for (const pooled of inputs.pooled) {
    const { table, first, most } = pooled.bag.items;
    if (table !== t) continue;
    if (first > done) parts.push(vectors(graph, inputs, t, done, first));
    parts.push(pool(layers, inputs, pooled));
    done = first + most;
  }
  if (done < cells) parts.push(vectors(graph, inputs, t, done, cells));
  return graph.concat(parts);
}

function pool(layers: Layers, inputs: GraphInputs, { bag, length, shared }: PooledInput): Tensor {
  const { graph } = layers;
  const { over, query, items, pooling } = bag;
  const { table, first, most } = items;
  const { dim } = inputs.shape.tables[table];
  const x = graph.reshape(vectors(graph, inputs, table, first, first + most), ["B", most, dim]);
  return poolingOf(pooling.kind).build(
    layers,
    `${pooling.kind}.${over}`,
    {
      vectors: x,
      distinct: shared ? graph.reshape(shared, [1, most, dim]) : x,
      mask: graph.reshape(isItem(graph, length, most), ["B", 1, most]),
      query: vectors(graph, inputs, query.table, query.first, query.first + 1),
    },
    pooling,
  );
}

/** A row's vectors [from, to) of a table, [B, (to - from) · dim]. */
function vectors(graph: Graph, inputs: GraphInputs, table: number, from: number, to: number): Tensor {
  const { dim, cells } = inputs.shape.tables[table];
  const x = inputs.tables[table];
  return from === 0 && to === cells ? x : graph.slice(x, from * dim, to * dim);
}

/** [B, most]: 1 before a length, 0 from there on. */
function isItem(graph: Graph, length: Tensor, most: number): Tensor {
  const one = graph.constant([1], [1]);
  const place = graph.constant(
    [1, most],
    Array.from({ length: most }, (_, i) => i),
  );
  const left = graph.relu(graph.sub(length, place));
  return graph.sub(one, graph.relu(graph.sub(one, left)));
}
