import type { BatchLayout } from "../core/batch.js";
import { type CompiledSpec, vectorCount, vectorDim } from "../spec/compiled.js";
import type { TowerShape } from "../towers/tower.js";
import { pooledBags } from "./pooled-bags.js";

/** The widths of what feeds the tower. */
export function towerShape(spec: CompiledSpec, layout: BatchLayout): TowerShape {
  const embeddings = spec.tables.filter((table) => table.role === "embedding");
  const wide = spec.tables.find((table) => table.role === "wide");
  return {
    tables: embeddings.map((table) => ({ name: table.name, cells: vectorCount(table.cells), dim: vectorDim(table) })),
    numbers: layout.numberCount,
    vectors: layout.vectorWidth,
    wide: wide?.cells.length ?? 0,
    ...(spec.poolings && { pooled: pooledBags(spec) }),
  };
}
