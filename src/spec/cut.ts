import { HashbrookError } from "../core/errors.js";
import { kindOf } from "../encodings/index.js";
import { suggestion } from "../schema/problems.js";
import type { CompiledSpec, CompiledTable } from "./compiled.js";

/** Components of vectors to use, by field or table; `all` is every nested table. */
export type Dims = Readonly<Record<string, number>>;

/**
 * The spec of a model with nested vectors, cut to prefixes. A field's entry takes precedence over its table's, and both
 * over `all`, which cuts every table to its longest prefix of at most that many components.
 * @throws HashbrookError usage for an unknown name, or a prefix that was not learned
 */
export function cutSpec(spec: CompiledSpec, dims: Dims): CompiledSpec {
  const tables = spec.tables.filter(({ nested }) => nested !== undefined);
  if (tables.length === 0)
    throw new HashbrookError("usage", `--dims: ${spec.name} has no nested vectors`, {
      hint: "train it with `train: { nested: true }`, or with a smaller dim",
    });
  checkNames(spec, tables, dims);
  return { ...spec, tables: spec.tables.map((table) => cutTable(table, dims)) };
}

/**
 * The same, with rows shortened to the longest prefix that their fields need; vectors are no longer nested.
 * @throws HashbrookError usage also if a table's rows are not its vectors
 */
export function shortenSpec(spec: CompiledSpec, dims: Dims): CompiledSpec {
  const { tables } = cutSpec(spec, dims);
  return { ...spec, tables: tables.map(shortenTable) };
}

function shortenTable(table: CompiledTable): CompiledTable {
  const { nested: _, ...rest } = table;
  const { dim, cells, encoding, name } = table;
  const longest = Math.max(...cells.map(({ prefix = dim }) => prefix));
  if (longest === dim) return rest;
  if (kindOf(encoding).store) return { ...rest, dim: longest, padded_dim: dim };
  throw new HashbrookError(
    "usage",
    `--dims: table ${name} (encoding ${encoding}) composes its vectors from rows, which cannot be cut`,
    {
      hint: "do not cut this table here; eval, predict and serve cut its vectors with --dims while scoring",
    },
  );
}

function cutTable(table: CompiledTable, dims: Dims): CompiledTable {
  const { nested, name, dim } = table;
  if (nested === undefined) return table;
  const most = given(dims, "all");
  const all = most === undefined ? dim : upTo(table, nested, most);
  const asked = given(dims, name);
  const whole = asked === undefined ? all : learned(name, nested, asked);
  const cells = table.cells.map((cell) => {
    const { prefix: _, ...rest } = cell;
    const own = given(dims, cell.field);
    const prefix = own === undefined ? whole : learned(cell.field, nested, own);
    return prefix < dim ? { ...rest, prefix } : rest;
  });
  return { ...table, cells };
}

/** What was asked for a name; fields may have any, such as `constructor`. */
const given = (dims: Dims, name: string): number | undefined => (Object.hasOwn(dims, name) ? dims[name] : undefined);

function learned(name: string, nested: readonly number[], prefix: number): number {
  if (nested.includes(prefix)) return prefix;
  throw new HashbrookError(
    "usage",
    `--dims ${name}=${prefix}: ${name} was trained with the prefixes ${nested.join(", ")}`,
    {
      hint: "give one of them",
    },
  );
}

function upTo({ name }: CompiledTable, nested: readonly number[], most: number): number {
  const found = nested.findLast((prefix) => prefix <= most);
  if (found !== undefined) return found;
  throw new HashbrookError("usage", `--dims all=${most}: the shortest prefix of table ${name} is ${nested[0]}`, {
    hint: `give at least all=${nested[0]}`,
  });
}

function checkNames({ tables: every }: CompiledSpec, tables: readonly CompiledTable[], dims: Dims): void {
  const namesOf = (some: readonly CompiledTable[]) =>
    some.flatMap(({ name, cells }) => [name, ...cells.map(({ field }) => field)]);
  const known = new Set(["all", ...namesOf(tables)]);
  const unknown = Object.keys(dims).find((name) => !known.has(name));
  if (unknown === undefined) return;
  const exists = namesOf(every).includes(unknown);
  const what = exists ? "has no nested vectors" : "is neither a field nor a table of this model";
  const hint = exists
    ? `these have nested vectors: ${[...known].slice(1).join(", ")}`
    : suggestion(unknown, [...known]);
  throw new HashbrookError("usage", `--dims ${unknown}=${dims[unknown]}: ${unknown} ${what}`, { hint });
}
