import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { fromHex64, hex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledField, CompiledSpec } from "./compiled.js";

/** The key of a value in one of the tables that look it up. */
export interface ValueKey {
  /** As the spec names it. */
  readonly table: string;
  /** 16 hex digits. */
  readonly key: string;
}

/**
 * The keys of a field's value, in every table that looks the field up.
 * @param values the value's text; for a cross one text per component; for buckets the bucket's index
 * @throws HashbrookError usage if there is no such field, no table looks it up, or the number of values is wrong
 */
export function keysOf(spec: CompiledSpec, name: string, values: readonly string[]): ValueKey[] {
  checkArguments("keysOf", { spec, name, values }, { spec: "compiled", name: "text", values: "list" });
  const field = spec.fields.find((candidate) => candidate.name === name);
  if (!field) {
    const names = spec.fields.map((candidate) => candidate.name).join(", ");
    throw new HashbrookError("usage", `--field ${name}: the spec has no such field`, { hint: `fields: ${names}` });
  }
  const wanted = "of" in field ? field.of.length : 1;
  if (values.length !== wanted) {
    throw new HashbrookError(
      "usage",
      `${name} takes ${wanted} value${wanted > 1 ? `s (${"of" in field ? field.of.join(", ") : ""})` : ""}, not ${values.length}`,
    );
  }
  const keys = "of" in field ? crossKeys(spec, name, values) : valueKeys(spec, name, values[0]);
  if (keys.length === 0) throw new HashbrookError("usage", `--field ${name}: no table embeds this field`);
  return keys;
}

/**
 * The keys of one value of a field, in every table that looks the field up: XXH64 of its UTF-8 text with the cell's
 * seed.
 * @param text the value's text; for a buckets field the bucket's index; "" = missing. A number field's key is that of
 * its name.
 */
export function valueKeys(spec: CompiledSpec, field: string, text: string): ValueKey[] {
  return keysInTables(spec, field, (seed, kind) => xxh64(kind === "number" ? field : text, seed));
}

/** The keys of a cross of the given component texts (in `of` order), in every table that looks the cross up. */
export function crossKeys(spec: CompiledSpec, cross: string, texts: readonly string[]): ValueKey[] {
  const field = spec.fields.find((candidate) => candidate.name === cross);
  if (!field || !("of" in field)) throw new RangeError(`"${cross}" is not a cross`);
  const components = componentBytes(spec, field, texts);
  return keysInTables(spec, cross, (seed) => xxh64(components, seed));
}

/**
 * Component keys as 8-byte little-endian numbers; a component's seed is XXH64(its name, `train.seed`), whatever the
 * table.
 */
function componentBytes(
  spec: CompiledSpec,
  cross: Extract<CompiledField, { of: readonly string[] }>,
  texts: readonly string[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer(cross.of.length * 8));
  for (const [i, name] of cross.of.entries())
    view.setBigUint64(i * 8, xxh64(texts[i], xxh64(name, BigInt(spec.seed))), true);
  return new Uint8Array(view.buffer);
}

/** The index of the bucket that `x` falls in: how many boundaries are <= x. */
export const bucketOf = (x: number, boundaries: readonly number[]): number =>
  boundaries.filter((boundary) => boundary <= x).length;

function keysInTables(spec: CompiledSpec, name: string, keyOf: (seed: bigint, kind: string) => bigint): ValueKey[] {
  return spec.tables.flatMap((table) =>
    table.cells
      .filter(({ field }) => field === name)
      .map(({ seed, kind }) => ({ table: table.name, key: hex64(keyOf(fromHex64(seed), kind)) })),
  );
}
