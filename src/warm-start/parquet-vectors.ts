import { HashbrookError } from "../core/errors.js";
import { joined } from "../core/joined.js";
import { LargeSet } from "../core/large-map.js";
import { parquetObjects } from "../sources/files/parquet.js";
import type { IdVectors } from "./id-vectors.js";

const HINT = "expected a column of ids (strings or integers) and a column of lists of floats, all of the same length";

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads a Parquet file of vectors by id: the ids are the column `id`, or the only column of text or integers; the vectors are
 * the only column of lists.
 * @throws HashbrookError source_missing; source_unreadable if an id or vector is missing, repeated, of another length, or not
 * finite
 */
export async function readParquetVectors(path: string): Promise<IdVectors> {
  const ids = new LargeSet<string>();
  const groups: Float32Array[] = [];
  let columns: Columns | undefined;
  let dim = 0;
  for await (const rows of parquetObjects(path, path)) {
    columns ??= columnsOf(path, rows);
    dim ||= (rows[0][columns.vector] as ArrayLike<unknown> | null)?.length ?? 0;
    groups.push(vectorsOf(path, rows, columns, ids, dim));
  }
  if (ids.size === 0) throw wrong(path, "has no rows");
  return { ids: [...ids], dim, vectors: joined(Float32Array, groups) };
}

interface Columns {
  readonly id: string;
  readonly vector: string;
}

/** Determined from the first rows. */
function columnsOf(path: string, rows: readonly Row[]): Columns {
  const names = Object.keys(rows[0]);
  const has = `has the columns ${names.join(", ")}`;
  const lists = names.filter((name) => rows.some((row) => isList(row[name])));
  if (lists.length !== 1)
    throw wrong(path, `${has}: ${lists.length === 0 ? "none has" : `${lists.join(" and ")} have`} lists of floats`);
  const ids = names.filter((name) => rows.some((row) => isId(row[name])));
  const id = ids.includes("id") ? "id" : ids.length === 1 ? ids[0] : undefined;
  if (id === undefined) throw wrong(path, `${has}: none is named id`, "name the column of ids `id`");
  return { id, vector: lists[0] };
}

const isList = (value: unknown): boolean => Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
const isId = (value: unknown): value is string | number | bigint =>
  typeof value === "string" || typeof value === "bigint" || Number.isSafeInteger(value);

/** A row group's vectors; its ids are added to the earlier ones. */
function vectorsOf(
  path: string,
  rows: readonly Row[],
  columns: Columns,
  ids: LargeSet<string>,
  dim: number,
): Float32Array {
  const vectors = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    const place = `row ${ids.size + 1}`;
    const id = row[columns.id];
    if (!isId(id)) throw wrong(path, `${place}: ${columns.id} has no id`, "give every row an id, or remove the row");
    if (ids.has(String(id))) throw wrong(path, `${place}: duplicate id ${id}`, "keep one vector per id");
    vectors.set(
      vectorOf(row[columns.vector], dim, (message, hint) => wrong(path, `${place}, id ${id}: ${message}`, hint)),
      i * dim,
    );
    ids.add(String(id));
  });
  return vectors;
}

type Wrong = (message: string, hint?: string) => HashbrookError;

function vectorOf(list: unknown, dim: number, wrong: Wrong): Float32Array {
  if (!isList(list) || dim === 0) throw wrong("has no vector", "remove ids without a vector");
  const values = list as ArrayLike<unknown>;
  if (values.length !== dim) throw wrong(`its vector has ${values.length} floats, but the first vector has ${dim}`);
  const vector = Float32Array.from(values, (value) => (typeof value === "number" ? value : Number.NaN));
  if (!vector.every(Number.isFinite))
    throw wrong("its vector has a value that is not a finite number", "remove such ids");
  return vector;
}

const wrong = (path: string, message: string, hint = HINT): HashbrookError =>
  new HashbrookError("source_unreadable", `${path}: ${message}`, { hint });
