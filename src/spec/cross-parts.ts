import { hex64 } from "../core/hash.js";
import { partsOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec, CompiledTable } from "./compiled.js";

/** How the keys of a cross follow from those of its parts. */
export interface CrossCell {
  /** Positions in the table of parts, see `withParts`. */
  readonly parts: readonly number[];
  /** The key is the XXH64 of the parts' keys, side by side, with this seed. */
  readonly seed: bigint;
}

/**
 * The spec to decode with: the same, with an additional table, the last one, that belongs to no model and holds the keys of the
 * crosses' parts. So crosses can be computed from them.
 */
export function withParts(spec: CompiledSpec): CompiledSpec {
  const parts = crossParts(spec);
  const seed = (field: string) => hex64(xxh64(field, BigInt(spec.seed)));
  const cells = parts.map((field) => ({ field, seed: seed(field), kind: "single" as const }));
  const table = { ...spec.tables[0], name: "", cells } as unknown as CompiledTable;
  return parts.length > 0 ? { ...spec, tables: [...spec.tables, table] } : spec;
}

/** The fields that crosses combine, each once, in the order of the cells of the table of parts. */
export const crossParts = ({ fields }: CompiledSpec): readonly string[] => [...new Set(fields.flatMap(partsOf))];

/** For each single-valued cell of each table: how its keys follow from those of parts; null: it is not a cross's. */
export function crossCells(spec: CompiledSpec): readonly (readonly (CrossCell | null)[])[] {
  const order = crossParts(spec);
  return spec.tables.map(({ cells }) =>
    cells
      .filter(({ kind }) => kind === "single")
      .map(({ field, seed }) => {
        const of = partsOf(spec.fields.find(({ name }) => name === field)!);
        return of.length > 0 ? { parts: of.map((name) => order.indexOf(name)), seed: BigInt(`0x${seed}`) } : null;
      }),
  );
}
