import type { Checkpoint, CheckpointContent } from "../checkpoints/checkpoint.js";
import { HashbrookError } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { afterUnpublished } from "../delta-log/publisher.js";
import { kindOf } from "../encodings/index.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import type { TrainMeta } from "../train/resume.js";

/** Relative error from which a table counts as much changed: the error is half the size of the old vectors. */
const MUCH = 0.5;

/** What was lost, and what to do. */
export interface MigrationWarning {
  /** The table concerned. */
  readonly table: string;
  /** What was lost, with figures. */
  readonly message: string;
  /** What might lose less. */
  readonly hint: string;
}

/** Warnings about tables whose new encoding does not reproduce the old vectors. */
export function lossWarnings(tables: readonly { name: string; to: string; error: number }[]): MigrationWarning[] {
  return tables
    .filter(({ error }) => error > MUCH)
    .map(({ name, to, error }) => ({
      table: name,
      message: `table ${name}: quality may drop: the ${to} vectors differ from the old ones by ${(error * 100).toFixed(0)} % of their norm`,
      hint: "compare both models with hashbrook eval on events of a later day; use more rows or --passes to reduce the difference",
    }));
}

/**
 * The meta of the first checkpoint of a new run. What the old run set aside stays in the old run's directory; its log's
 * followers have rows that the new run does not have.
 */
export function metaOf({ meta }: Checkpoint, to: CompiledSpec): CheckpointContent["meta"] {
  const { late_bytes, publisher } = meta as Partial<Pick<TrainMeta, "late_bytes" | "publisher">>;
  const late = late_bytes === undefined ? {} : { late_bytes: 0 };
  const published = publisher && { publisher: afterUnpublished(publisher) };
  const changed = { spec: to, spec_hash: specHash(to), rejected_bytes: 0, ...late, ...published };
  return JSON.parse(JSON.stringify({ ...meta, ...changed }));
}

/**
 * Everything but how tables are stored and learn must be the same: the events, the keys of values, the tower and its inputs.
 * @param path the checkpoint's, for the message
 * @throws checkpoint_mismatch that names the first difference and the fix
 */
export function checkSame(from: CompiledSpec, to: CompiledSpec, path: string): void {
  const parts = (spec: CompiledSpec) => ({ ...spec, name: "", tables: [] });
  const a = parts(from);
  const b = parts(to);
  const key = (Object.keys({ ...a, ...b }) as (keyof CompiledSpec)[]).find(
    (key) => canonicalJson(a[key] ?? null) !== canonicalJson(b[key] ?? null),
  );
  const found = key ? { what: `${key} has changed`, hint: `restore the old ${key}` } : tableDifference(from, to);
  if (!found) return;
  throw new HashbrookError("checkpoint_mismatch", `${path}: the spec differs in more than encodings: ${found.what}`, {
    hint: `${found.hint}; or train a new model`,
  });
}

interface Difference {
  readonly what: string;
  readonly hint: string;
}

function tableDifference(from: CompiledSpec, to: CompiledSpec): Difference | undefined {
  const names = ({ tables }: CompiledSpec) => tables.map(({ name }) => name).join(", ");
  if (names(from) !== names(to))
    return { what: `tables are ${names(to)}, were ${names(from)}`, hint: "restore the old tables and their names" };
  for (const [t, table] of to.tables.entries()) {
    const found = identityDifference(from.tables[t], table);
    if (found) return found;
  }
  return undefined;
}

function identityDifference(old: CompiledTable, table: CompiledTable): Difference | undefined {
  const place = `tables.${table.name}`;
  if (old.dim !== table.dim)
    return { what: `${place}.dim is ${table.dim}, was ${old.dim}`, hint: `write \`dim: ${old.dim}\` in ${place}` };
  const fields = ({ cells }: CompiledTable) => cells.map(({ field, kind }) => `${field} (${kind})`).join(", ");
  if (fields(old) !== fields(table))
    return {
      what: `${place} has the fields ${fields(table)}, had ${fields(old)}`,
      hint: "restore the old fields",
    };
  if (canonicalJson(old.cells) === canonicalJson(table.cells) && old.seed === table.seed) return undefined;
  const was = saltOf(old);
  const is = saltOf(table);
  if (was === is) return { what: `${place}: its seed has changed`, hint: "restore the old train.seed" };
  const { encoding } = table;
  const why = kindOf(encoding).salt === "field" ? ` (the default of encoding ${encoding})` : "";
  return { what: `${place}.salt is ${is}, was ${was}${why}`, hint: `write \`salt: ${was}\` in ${place}` };
}

const saltOf = ({ cells, seed }: CompiledTable): "table" | "field" =>
  cells.every((cell) => cell.seed === seed) ? "table" : "field";
