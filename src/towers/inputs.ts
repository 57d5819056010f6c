import { HashbrookError } from "../core/errors.js";
import type { Graph, Tensor, TensorOf } from "../graph/graph.js";
import type { CompiledPooling } from "./poolings/index.js";

/** A bag that is pooled in the graph: where its items' vectors are in its table, and the vector of its query. */
export interface PooledBag {
  readonly over: string;
  readonly items: { readonly table: number; readonly first: number; readonly most: number };
  readonly query: { readonly table: number; readonly first: number };
  readonly pooling: CompiledPooling;
}

/** The inputs of a tower: widths of each part. A part of width 0 does not exist. */
export interface TowerShape {
  /** Tables of role embedding: `x_<name>` is [B, cells × dim], cells side by side; a pooled bag has a cell per item. */
  readonly tables: readonly { readonly name: string; readonly cells: number; readonly dim: number }[];
  /** Columns of `numbers`. */
  readonly numbers: number;
  /** Columns of `vectors`: all vector fields side by side. */
  readonly vectors: number;
  /** Cells of the wide table, 0 without one. */
  readonly wide: number;
  /** Bags that are pooled in the graph, in the order of their cells. Absent: none. */
  readonly pooled?: readonly PooledBag[];
}

/** A pooled bag's inputs. */
export interface PooledInput {
  readonly bag: PooledBag;
  /** `length_<bag>`, [B, 1]: how many items a row has. */
  readonly length: TensorOf<"input">;
  /** `items_<bag>`, [1, most × dim]: the items' vectors, where all rows have the same. */
  readonly shared?: TensorOf<"input">;
}

/** The inputs of a graph. */
export interface GraphInputs extends TowerInputs {
  readonly tables: readonly TensorOf<"input">[];
  readonly pooled: readonly PooledInput[];
}

/** The inputs a tower is built on. */
export interface TowerInputs {
  readonly shape: TowerShape;
  readonly tables: readonly Tensor[];
  readonly numbers: TensorOf<"input"> | undefined;
  readonly vectors: TensorOf<"input"> | undefined;
  readonly wide: TensorOf<"input"> | undefined;
}

/**
 * Adds the inputs of `shape` to a graph: `x_<table>`, `numbers`, `vectors`, `wide`, `length_<bag>`.
 * @param shared true for rows that have the same items in every pooled bag: these are additionally given once, as
 *   `items_<bag>`
 */
export function graphInputs(graph: Graph, shape: TowerShape, shared = false): GraphInputs {
  const optional = (name: string, width: number) => (width > 0 ? graph.input(name, ["B", width]) : undefined);
  return {
    shape,
    tables: shape.tables.map(({ name, cells, dim }) => graph.input(`x_${name}`, ["B", cells * dim])),
    numbers: optional("numbers", shape.numbers),
    vectors: optional("vectors", shape.vectors),
    wide: optional("wide", shape.wide),
    pooled: (shape.pooled ?? []).map((bag) => pooledInput(graph, shape, bag, shared)),
  };
}

function pooledInput(graph: Graph, { tables }: TowerShape, bag: PooledBag, shared: boolean): PooledInput {
  const length = graph.input(`length_${bag.over}`, ["B", 1]);
  if (!shared) return { bag, length };
  const { table, most } = bag.items;
  return { bag, length, shared: graph.input(`items_${bag.over}`, [1, most * tables[table].dim]) };
}

/** The dense inputs: numbers, then vectors. */
export function denseInputs({ numbers, vectors }: TowerInputs): Tensor[] {
  return [numbers, vectors].filter((tensor) => tensor !== undefined);
}

/** Everything but `wide`, concatenated: embeddings in table order, numbers, vectors. [B, width] */
export function stack(graph: Graph, inputs: TowerInputs): Tensor {
  const parts = [...inputs.tables, ...denseInputs(inputs)];
  if (parts.length === 0) {
    throw new HashbrookError("spec_invalid", "fields: the tower has no input", {
      hint: "give it at least one field with an embedding table, or a numeric or vector field",
    });
  }
  return graph.concat(parts);
}

/**
 * The sum of every row, [B, width] → [B, 1]. Computed as a product with ones, because onnxruntime's reductions round
 * depending on a row's position in memory, and a row's logit must not depend on its batch.
 */
export function rowSum(graph: Graph, x: Tensor): Tensor {
  const width = x.shape[1] as number;
  return graph.gemm(x, graph.constant([width, 1], new Array<number>(width).fill(1)));
}

/**
 * All embeddings, concatenated, for towers that compare fields: x is [B, cells · dim].
 * @throws HashbrookError spec_invalid when there is none, or their dims differ
 */
export function fieldVectors(
  graph: Graph,
  inputs: TowerInputs,
  tower: string,
): { x: Tensor; cells: number; dim: number } {
  const { tables } = inputs.shape;
  if (tables.length === 0) {
    throw new HashbrookError("spec_invalid", `tower.${tower}: requires an embedding table`, {
      hint: "give at least one field a table",
    });
  }
  const [{ name, dim }] = tables;
  const other = tables.find((table) => table.dim !== dim);
  if (other) {
    throw new HashbrookError(
      "spec_invalid",
      `tables.${other.name}.dim: ${other.dim}, but ${tower} compares all fields and table ${name} has dim ${dim}`,
      { hint: "give every table the same dim" },
    );
  }
  return { x: graph.concat(inputs.tables), cells: tables.reduce((sum, table) => sum + table.cells, 0), dim };
}
