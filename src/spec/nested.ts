import type { Problems } from "../schema/problems.js";
import { Type } from "../schema/typebox.js";
import { suggestedTower, type TowerKind, towerOf } from "../towers/index.js";
import type { CompiledTable } from "./compiled.js";

/** `nested` in a spec: true, or the prefixes. */
export const nested = (of = "") =>
  Type.Union(
    [
      Type.Boolean(),
      Type.Array(Type.Integer({ minimum: 1, maximum: 4096, description: "Number of components." }), { minItems: 1 }),
    ],
    {
      description: `${of}nested (Matryoshka) vectors: lengths of the prefixes that are trained to work without the rest of the vector. true: 1, 2, 4, … and dim. Default false.`,
    },
  );

/** The written form. */
type NestedSource = boolean | readonly number[] | undefined;

/** A table's prefixes; nothing if it is not nested, so that older specs keep their hash. */
export function compileNested(
  spec: { readonly train?: { readonly nested?: NestedSource } },
  table: { readonly nested?: NestedSource },
  { path, kind, dim }: { readonly path: string; readonly kind: TowerKind; readonly dim: number },
  problems: Problems,
): Pick<CompiledTable, "nested"> {
  const own = table.nested !== undefined;
  const given = own ? table.nested : spec.train?.nested;
  if (given === undefined || given === false) return {};
  const at = own ? `${path}.nested` : "train.nested";
  const why = refusal(kind);
  if (why) problems.add(at, why.message, why.hint);
  const prefixes = given === true ? powersBelow(dim) : given;
  if (own && prefixes.some((prefix) => prefix > dim))
    problems.add(at, `prefix ${Math.max(...prefixes)} exceeds the table's dim, ${dim}`, "use prefixes below dim");
  const below = [...new Set(prefixes)].filter((prefix) => prefix < dim).sort((a, b) => a - b);
  return below.length > 0 ? { nested: [...below, dim] } : {};
}

/** Why a kind of tower cannot have nested vectors; undefined if it can. */
function refusal(kind: TowerKind): { readonly message: string; readonly hint: string } | undefined {
  const { learns, table } = towerOf(kind);
  if (table?.only?.dim === 1)
    return { message: `${kind} has one weight per key, so there is no vector to nest`, hint: "remove it" };
  if (table?.dim)
    return {
      message: `${kind} has one vector per other field in a row, which cannot be cut to a prefix`,
      hint: "remove it, or use another tower",
    };
  if (learns === "events")
    return {
      message: `${kind} learns event by event, without nested vectors`,
      hint: `remove it, or use a tower such as ${suggestedTower}`,
    };
  return undefined;
}

/** 1, 2, 4, … below `dim`. */
function powersBelow(dim: number): number[] {
  const powers: number[] = [];
  for (let power = 1; power < dim; power *= 2) powers.push(power);
  return powers;
}

/** An inconsistency in a compiled table, if there is one. */
export function nestedDisagreement({ nested, cells, dim, padded_dim = dim }: CompiledTable): string | undefined {
  if (nested && (nested.at(-1) !== dim || nested.some((prefix, i) => i > 0 && prefix <= nested[i - 1])))
    return "has nested prefixes that do not ascend to its dim";
  if (padded_dim < dim || (nested && padded_dim > dim)) return "has vectors that are no longer than its rows";
  return cells.some(({ prefix = padded_dim }) => prefix > dim) ? "has a prefix longer than its rows" : undefined;
}
