import type { BatchLayout } from "../core/batch.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { paddedRows } from "../tables/batch-path.js";
import { EncodedTable } from "../tables/encoded-table.js";
import type { Encoding, EncodingOptions } from "../tables/encoding.js";
import { PaddedTable } from "../tables/padded-table.js";
import type { StoreOptions } from "../tables/row-store.js";
import type { EncodingBase } from "../tables/spec.js";
import { StoreTable } from "../tables/store-table.js";
import type { Table } from "../tables/table.js";
import { kindOf, ownOptions } from "./index.js";

/**
 * Creates an untrained encoding.
 * @throws HashbrookError table_full when its first rows do not fit
 */
export function createEncoding(spec: EncodingBase, options: EncodingOptions): Promise<Encoding> {
  return kindOf(spec.encoding).create(spec, ownOptions(spec), options, createEncoding);
}

/**
 * Creates table `tableIndex` of a model, untrained, for batches laid out by `layout`.
 * @throws HashbrookError table_full when its first rows do not fit
 */
export async function createTable(
  model: CompiledSpec,
  tableIndex: number,
  layout: BatchLayout,
  options: StoreOptions & { readonly learns?: boolean } = {},
): Promise<Table> {
  const table = await createRows(model, tableIndex, layout, options);
  const { dim, padded_dim = dim } = table.spec;
  return padded_dim > dim ? new PaddedTable(table, paddedRows(layout.capacity)) : table;
}

/** Its unpadded rows. */
async function createRows(
  model: CompiledSpec,
  tableIndex: number,
  layout: BatchLayout,
  options: StoreOptions & { readonly learns?: boolean },
): Promise<Table> {
  const spec = model.tables[tableIndex];
  if (kindOf(spec.encoding).store && (spec.shards ?? 1) === 1)
    return new StoreTable(model, tableIndex, layout, options);
  const { learns = true, serving = false, servingPrecision, memoryLimit, sharing, share, keeper } = options;
  return EncodedTable.create(model, tableIndex, layout, (capacity) =>
    createEncoding(spec, {
      capacity,
      learns,
      serving,
      runtime: model.tower.runtime,
      servingPrecision,
      sharing,
      share,
      keeper,
      ...(memoryLimit && { memoryLimit }),
    }),
  );
}
