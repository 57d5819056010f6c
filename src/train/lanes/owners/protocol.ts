import type { FileEntry } from "../../../checkpoints/manifest.js";
import { packArrays, unpackArrays } from "../../../core/packed-arrays.js";
import type { CompiledSpec } from "../../../spec/compiled.js";
import { specHash } from "../../../spec/hash.js";
import type { RemoteKeys, TableSizes } from "../../../tables/shard-share.js";

/** Bytes of a request, at most. */
export const MOST_REQUEST = 256 << 20;

/** Bytes that are sent before the other side has acknowledged any. */
export const WINDOW = 16 << 20;

/** Where an owner answers: keys' vectors, and shards for a checkpoint. */
export const PATHS = { rows: "/rows", save: "/save" } as const;

/** What an owner answers with, by HTTP's own numbers. */
export const STATUS = {
  ok: 200,
  /** It cannot be answered, however often it is asked. */
  bad: 400,
  /** The round is over: its weights are gone. */
  over: 409,
  /** This is no owner of that run. */
  others: 421,
  ending: 503,
} as const;

/** By which a request is known to be for an owner of this run. */
export const runOf = (spec: CompiledSpec, roundsTopic: string): string => `${specHash(spec)} ${roundsTopic}`;

/** What every request says. */
export interface Asked {
  readonly run: string;
  /** Of the weights that are asked for. */
  readonly round: number;
}

/** What an owner has written for a checkpoint. */
export interface SavedShards {
  /** As a manifest names them. */
  readonly files: readonly FileEntry[];
  /** Of every table that is split: its shards held there. */
  readonly sizes: Readonly<Record<string, TableSizes>>;
}

/** A lane asks for vectors of keys. */
export interface RowsAsked extends Asked {
  readonly keys: RemoteKeys;
}

/** Of one table: its sizes, and f32[keys × dim] for each of its shards that were asked for. */
export interface TableRows {
  readonly sizes: TableSizes;
  readonly vectors: readonly Float32Array[];
}

/** The writer of a run's directory asks for the shards' files of a checkpoint. */
export interface SaveAsked extends Asked {
  /** Of the run's directory: where they are to be written. */
  readonly directory: string;
}

export function packRows({ keys, ...asked }: RowsAsked): Uint8Array {
  const tables = [...keys].map(([table, parts]) => [table, parts.map(({ shard }) => shard)] as const);
  return packArrays(
    { ...asked, tables },
    [...keys.values()].flatMap((parts) => parts.map(({ keys }) => keys)),
  );
}

/** @throws Error where bytes are missing or others */
export function unpackRows(bytes: Uint8Array): RowsAsked {
  const { head, arrays } = unpackArrays(bytes);
  const { tables, ...asked } = head as Asked & { readonly tables: readonly (readonly [string, readonly number[]])[] };
  const rest = arrays as BigUint64Array[];
  const partsOf = (shards: readonly number[]) => shards.map((shard) => ({ shard, keys: rest.shift()! }));
  return { ...asked, keys: new Map(tables.map(([table, shards]) => [table, partsOf(shards)])) };
}

export function packVectors(tables: ReadonlyMap<string, TableRows>): Uint8Array {
  const head = [...tables].map(([table, { sizes, vectors }]) => [table, sizes, vectors.length]);
  return packArrays(
    head,
    [...tables.values()].flatMap(({ vectors }) => vectors),
  );
}

/** @throws Error where bytes are missing or others */
export function unpackVectors(bytes: Uint8Array): ReadonlyMap<string, TableRows> {
  const { head, arrays } = unpackArrays(bytes);
  const tables = head as readonly (readonly [string, TableSizes, number])[];
  const rest = arrays as Float32Array[];
  return new Map(tables.map(([table, sizes, count]) => [table, { sizes, vectors: rest.splice(0, count) }]));
}
