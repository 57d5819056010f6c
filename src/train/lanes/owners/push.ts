import { floatsOf, halvesOf, type Sums } from "../../../core/bf16.js";
import { hex64 } from "../../../core/hash.js";
import { joined } from "../../../core/joined.js";
import { type Packable, type Part, packedPart, unpackArrays } from "../../../core/packed-arrays.js";
import { xxh64 } from "../../../kernels/hash.js";
import type { Contribution } from "../../../model/contribution.js";
import type { ShardContribution, TableContribution } from "../../../tables/contribution.js";

/** A lane's contribution to the shards of one number, of all tables: a message to their owner. */
export interface Push {
  readonly shard: number;
  /** Its name in the lane's record: a hash of its bytes, 16 hex digits. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Round and lane of a push. */
export interface PushPlace {
  readonly round: number;
  readonly lane: number;
}

const PLACE_BYTES = 8;

/**
 * Separates the parts for owners of shards from a contribution.
 * @returns the rest of it, and a push for every shard number with gradients
 */
export function partsOf(contribution: Contribution, place: PushPlace): { rest: Contribution; pushes: readonly Push[] } {
  const { tables, bf16 } = contribution;
  const count = tables.reduce((most, { shards = [] }) => Math.max(most, shards.length), 0);
  const pushes = Array.from({ length: count }, (_, shard) => pushOf(tables, shard, place, bf16 ?? false));
  return { rest: { ...contribution, tables: tables.map(withoutShards) }, pushes: pushes.flatMap((push) => push ?? []) };
}

function withoutShards({ shards, ...rest }: TableContribution): TableContribution {
  return shards ? { ...rest, sent: shards.reduce((sum, { keys }) => sum + keys.length, 0) } : rest;
}

function pushOf(tables: readonly TableContribution[], shard: number, place: PushPlace, bf16: boolean): Push | null {
  const brought = tables.flatMap(({ shards }, table) => {
    const part = shards?.[shard];
    return part && part.keys.length > 0 ? [{ table, ...part }] : [];
  });
  if (brought.length === 0) return null;
  const sums = bf16 ? halvesOf : floatsOf;
  const arrays = brought.flatMap(({ keys, gradients }): (Packable | Part)[] => [keys, sums(gradients)]);
  const packed = packedPart({ tables: brought.map(({ table }) => table) }, arrays);
  const bytes = new Uint8Array(PLACE_BYTES + packed.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, place.round, true);
  view.setUint32(4, place.lane, true);
  packed.write(bytes.subarray(PLACE_BYTES));
  return { shard, name: nameOf(bytes), bytes };
}

/** A push's name: the xxh64 of its bytes, 16 hex digits. */
export const nameOf = (bytes: Uint8Array): string => hex64(xxh64(bytes));

export function placeOf(bytes: Uint8Array): PushPlace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, PLACE_BYTES);
  return { round: view.getUint32(0, true), lane: view.getUint32(4, true) };
}

/** A push's contents, by index of the table. @throws Error if bytes are missing or malformed */
export function unpackPush(bytes: Uint8Array): Map<number, ShardContribution> {
  const { head, arrays } = unpackArrays(bytes.subarray(PLACE_BYTES));
  const { tables } = head as { readonly tables: readonly number[] };
  return new Map(
    tables.map((table, i) => [table, { keys: arrays[2 * i] as BigUint64Array, gradients: arrays[2 * i + 1] as Sums }]),
  );
}

/** A lane's contribution including its pushes to the shards held here. @throws as `unpackPush` */
export function withPushes(rest: Contribution, pushes: readonly Uint8Array[]): Contribution {
  const unpacked = pushes.map(unpackPush);
  const tables = rest.tables.map((table, t) => {
    const parts = unpacked.flatMap((push) => push.get(t) ?? []);
    if (parts.length === 0) return table;
    const keys = parts.map((part) => part.keys);
    const gradients = parts.map((part) => part.gradients);
    return { ...table, keys: joined(BigUint64Array, keys), gradients: joinedSums(gradients) };
  });
  return { ...rest, tables };
}

const joinedSums = (parts: readonly Sums[]): Sums =>
  parts[0] instanceof Uint16Array ? joined(Uint16Array, parts) : joined(Float32Array, parts);
