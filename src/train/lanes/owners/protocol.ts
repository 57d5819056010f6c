import type { FileEntry } from "../../../checkpoints/manifest.js";
import { packArrays, unpackArrays } from "../../../core/packed-arrays.js";
import type { CompiledSpec } from "../../../spec/compiled.js";
import { specHash } from "../../../spec/hash.js";
import type { ShardKeys, TableSizes } from "../../../tables/shard-share.js";

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

/** A lane asks for vectors of a table's keys. */
export interface RowsAsked extends Asked {
  readonly table: string;
  readonly keys: readonly ShardKeys[];
}

/** The writer of a run's directory asks for the shards' files of a checkpoint. */
export interface SaveAsked extends Asked {
  /** Of the run's directory: where they are to be written. */
  readonly directory: string;
}

export function packRows({ keys, ...head }: RowsAsked): Uint8Array {
  return packArrays(
    { ...head, shards: keys.map(({ shard }) => shard) },
    keys.map((part) => part.keys),
  );
}

/** @throws Error where bytes are missing or others */
export function unpackRows(bytes: Uint8Array): RowsAsked {
  const { head, arrays } = unpackArrays(bytes);
  const { shards, ...asked } = head as Omit<RowsAsked, "keys"> & { readonly shards: readonly number[] };
  return { ...asked, keys: shards.map((shard, i) => ({ shard, keys: arrays[i] as BigUint64Array })) };
}

export const packVectors = (sizes: TableSizes, vectors: readonly Float32Array[]): Uint8Array =>
  packArrays(sizes, vectors);

/** @throws Error where bytes are missing or others */
export function unpackVectors(bytes: Uint8Array): { sizes: TableSizes; vectors: readonly Float32Array[] } {
  const { head, arrays } = unpackArrays(bytes);
  return { sizes: head as TableSizes, vectors: arrays as Float32Array[] };
}
