import type { FileEntry } from "../../../checkpoints/manifest.js";
import { packArrays, unpackArrays } from "../../../core/packed-arrays.js";
import type { CompiledSpec } from "../../../spec/compiled.js";
import { specHash } from "../../../spec/hash.js";
import type { RemoteKeys, TableSizes } from "../../../tables/shard-share.js";

/** Maximum size of a request's body, in bytes. */
export const MOST_REQUEST = 256 << 20;

/** HTTP/2 flow-control window of sessions and streams, in bytes. */
export const WINDOW = 16 << 20;

/** Paths of an owner's endpoints: vectors of keys, and files of shards for a checkpoint. */
export const PATHS = { rows: "/rows", save: "/save" } as const;

/** HTTP status codes of an owner's responses. */
export const STATUS = {
  ok: 200,
  /** The request failed, and would fail again. */
  bad: 400,
  /** The round is over: its weights no longer exist. */
  over: 409,
  /** The process is an owner of another run. */
  others: 421,
  ending: 503,
} as const;

/** Identity of a run, by which an owner recognises its requests: the hash of the spec, and the rounds topic. */
export const runOf = (spec: CompiledSpec, roundsTopic: string): string => `${specHash(spec)} ${roundsTopic}`;

/** Members of every request. */
export interface Asked {
  readonly run: string;
  /** The round whose weights are requested. */
  readonly round: number;
}

/** An owner's response after writing its files of a checkpoint. */
export interface SavedShards {
  /** The files' entries for the manifest. */
  readonly files: readonly FileEntry[];
  /** Sizes of the owner's shards, by table; split tables only. */
  readonly sizes: Readonly<Record<string, TableSizes>>;
}

/** A lane's request for vectors of keys. */
export interface RowsAsked extends Asked {
  readonly keys: RemoteKeys;
}

/** Response for one table: sizes of the owner's shards, and f32[keys × dim] for each requested shard. */
export interface TableRows {
  readonly sizes: TableSizes;
  readonly vectors: readonly Float32Array[];
}

/** A request for the files of a checkpoint, from the process that writes the run's directory. */
export interface SaveAsked extends Asked {
  /** Name of the directory for the files, within the run's directory. */
  readonly directory: string;
}

export function packRows({ keys, ...asked }: RowsAsked): Uint8Array {
  const tables = [...keys].map(([table, parts]) => [table, parts.map(({ shard }) => shard)] as const);
  return packArrays(
    { ...asked, tables },
    [...keys.values()].flatMap((parts) => parts.map(({ keys }) => keys)),
  );
}

/** @throws Error if bytes are missing or malformed */
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

/** @throws Error if bytes are missing or malformed */
export function unpackVectors(bytes: Uint8Array): ReadonlyMap<string, TableRows> {
  const { head, arrays } = unpackArrays(bytes);
  const tables = head as readonly (readonly [string, TableSizes, number])[];
  const rest = arrays as Float32Array[];
  return new Map(tables.map(([table, sizes, count]) => [table, { sizes, vectors: rest.splice(0, count) }]));
}
