import { isBag } from "../fields/index.js";
import { closed } from "../schema/basics.js";
import { text } from "../schema/compiled.js";
import { listed, type Problems, suggestion } from "../schema/problems.js";
import { Type } from "../schema/typebox.js";
import { learnsByEvent, suggestedTower } from "../towers/index.js";
import { type CompiledPooling, poolingKinds, poolingOf } from "../towers/poolings/index.js";
import type { CompiledCell, CompiledSpec, CompiledTable, TowerKind } from "./compiled.js";
import { vectorCount } from "./compiled.js";
import type { ExpandedField } from "./fields.js";
import type { ModelSpec } from "./schema.js";

/** Poolings in a compiled spec. */
export const Poolings = Type.Array(
  Type.Unsafe<CompiledPooling>(
    Type.Union(
      poolingKinds.map((kind) =>
        Type.Object({ kind: Type.Literal(kind), over: text, query: text, ...poolingOf(kind).compiled }, closed),
      ),
    ),
  ),
  { minItems: 1 },
);

interface Source {
  readonly query: string;
  readonly over: string;
}

/** Maximum size of the vectors of a batch, which are in one memory. */
const VECTOR_BYTES = 2 ** 30;

/** Resolves the poolings of a spec. In the returned tables, the items of pooled bags are laid side by side. */
export function compilePoolings(
  spec: ModelSpec,
  kind: TowerKind,
  fields: readonly ExpandedField[],
  tables: readonly CompiledTable[],
  problems: Problems,
): { readonly tables: readonly CompiledTable[]; readonly poolings?: readonly CompiledPooling[] } {
  const given = poolingKinds.flatMap((word) => sourcesOf(spec, word));
  if (given.length === 0) return { tables };
  if (learnsByEvent(kind))
    problems.add(
      given[0].path,
      `${kind} learns event by event, without a graph that could pool`,
      `use a tower such as ${suggestedTower}, or remove it`,
    );
  given.forEach(({ source, path }, i) => {
    checkBag(source, path, fields, problems);
    checkQuery(source, path, fields, tables, problems);
    if (given.findIndex((other) => other.source.over === source.over) !== i)
      problems.add(`${path}.over`, `"${source.over}" is pooled twice`, "pool it once");
  });
  const laid = tables.map((table) => ({ ...table, cells: table.cells.map((cell) => laidOut(cell, given, fields)) }));
  const order = laid.flatMap(({ cells }) => cells.map(({ field }) => field));
  const poolings = given
    .map(({ pooling }) => pooling)
    .toSorted((a, b) => order.indexOf(a.over) - order.indexOf(b.over));
  return { tables: laid, poolings };
}

function sourcesOf(spec: ModelSpec, kind: (typeof poolingKinds)[number]) {
  const written = (spec as { readonly [word: string]: unknown })[kind] as Source | readonly Source[] | undefined;
  const list =
    written === undefined ? [] : Array.isArray(written) ? (written as readonly Source[]) : [written as Source];
  return list.map((source, i) => ({
    source,
    path: Array.isArray(written) ? `${kind}[${i}]` : kind,
    pooling: { kind, ...poolingOf(kind).defaults, ...source } as CompiledPooling,
  }));
}

function laidOut(
  cell: CompiledCell,
  given: readonly { source: Source }[],
  fields: readonly ExpandedField[],
): CompiledCell {
  const field = fields.find((known) => known.field.name === cell.field)?.field;
  if (!field || !isBag(field) || !given.some(({ source }) => source.over === cell.field)) return cell;
  return { ...cell, items: field.max_length };
}

function checkBag({ over }: Source, path: string, fields: readonly ExpandedField[], problems: Problems): void {
  const bags = fields.filter(({ field }) => isBag(field)).map(({ field }) => field.name);
  const found = fields.find(({ field }) => field.name === over);
  if (!found) problems.add(`${path}.over`, `"${over}" is not a field`, suggestion(over, bags));
  else if (!isBag(found.field))
    problems.add(
      `${path}.over`,
      `"${over}" is not a bag but a ${found.field.type} field`,
      `use one of ${listed(bags)}`,
    );
  else if (found.table === undefined)
    problems.add(`${path}.over`, `the bag "${over}" has no table`, "give it the table of the query");
}

function checkQuery(
  { query, over }: Source,
  path: string,
  fields: readonly ExpandedField[],
  tables: readonly CompiledTable[],
  problems: Problems,
): void {
  const names = fields.map(({ field }) => field.name);
  const place = cellOf(tables, query);
  const bag = cellOf(tables, over);
  if (!names.includes(query)) problems.add(`${path}.query`, `"${query}" is not a field`, suggestion(query, names));
  else if (place?.cell.kind !== "single")
    problems.add(
      `${path}.query`,
      `"${query}" has no single vector`,
      "use a categorical, bucketed or cross field that has a table",
    );
  else if (bag && bag.table.dim !== place.table.dim)
    problems.add(
      `${path}.query`,
      `"${query}" has dim ${place.table.dim}, the items of "${over}" have ${bag.table.dim}`,
      "give both the same table, or tables of the same dim",
    );
}

function cellOf(tables: readonly CompiledTable[], field: string) {
  for (const table of tables) {
    const cell = table.cells.find((one) => one.field === field);
    if (cell && table.role === "embedding") return { table, cell };
  }
  return undefined;
}

/** Reports vectors that would not fit in a batch, if a bag's items are laid side by side. */
export function checkVectors({ batch, tables }: CompiledSpec, problems: Problems): void {
  for (const { name, dim, cells } of tables) {
    const bytes = 4 * batch * dim * vectorCount(cells);
    if (bytes <= VECTOR_BYTES || !cells.some(({ items }) => items)) continue;
    problems.add(
      "train.batch",
      `the vectors of ${batch} rows of table ${name} take ${(bytes / 2 ** 30).toFixed(1)} GiB, the limit is 1`,
      "lower batch, the pooled bag's max_length, or dim",
    );
  }
}

/** A contradiction between a compiled spec's poolings and its tables, if there is one. */
export function poolingDisagreement({ poolings = [], tables, tower }: CompiledSpec): string | undefined {
  if (poolings.length > 0 && learnsByEvent(tower.kind)) return `${tower.kind} has a pooling`;
  for (const { over, query } of poolings) {
    const bag = cellOf(tables, over);
    const asked = cellOf(tables, query);
    if (bag?.cell.items === undefined) return `the pooled bag ${over} has no item vectors`;
    if (asked?.cell.kind !== "single" || asked.table.dim !== bag.table.dim)
      return `${query} cannot be the query of ${over}`;
  }
  const laid = tables.flatMap(({ cells }) =>
    cells.filter(({ items }) => items !== undefined).map(({ field }) => field),
  );
  return laid.join() === poolings.map(({ over }) => over).join()
    ? undefined
    : "/poolings do not match the bags with item vectors";
}
