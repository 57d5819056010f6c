import { deserialize, serialize } from "node:v8";
import { Batch, type BatchLayout } from "../../core/batch.js";
import { packArrays, unpackArrays } from "../../core/packed-arrays.js";
import { type Contribution, packContribution, unpackContribution } from "../../model/contribution.js";
import type { KnownSchemas } from "../../schema-registry/topic-schemas.js";
import type { TopicPosition } from "../ordering/merge.js";
import type { RejectedRow } from "../rejects/rejects.js";
import type { LaneEvents } from "./lane-reader.js";

/** Bytes of a record, at most: it is one message. */
export const MOST_RECORD = 64 << 20;
/** Rejected messages travel with a round: it is closed where they have so many bytes. */
export const MOST_REJECTED = 8 << 20;

/** What a lane tells of a round: what it brings to the weights, and what is counted of its events. */
export interface LaneRecord {
  readonly round: number;
  readonly lane: number;
  /** Of the weights it was made by: 16 hex digits. */
  readonly digest: string;
  readonly position: TopicPosition;
  readonly ended: boolean;
  readonly rejects: readonly RejectedRow[];
  /** Schemas that its events are the first ones to name, as far as whoever read them knows. */
  readonly schemas: KnownSchemas;
  /** Messages without a value. */
  readonly tombstones: number;
  /** Where owners hold shards: names of what was sent to them before, by shard. */
  readonly pushes?: Readonly<Record<number, string>> | undefined;
  readonly contribution: Contribution;
  /** f32[rows] each. */
  readonly labels: Float32Array;
  readonly weights: Float32Array;
  readonly oracle: Float32Array;
  readonly times: Float64Array;
  readonly ids: BigUint64Array;
  readonly distinct: Uint32Array;
}

type Head = Pick<LaneRecord, "round" | "lane" | "digest" | "position" | "ended" | "schemas" | "tombstones" | "pushes">;

/** A lane's record of its events. */
export function recordOf(
  place: Pick<LaneRecord, "round" | "lane" | "digest">,
  { batch, distinct, rejects, schemas = {}, tombstones = 0, position, ended }: LaneEvents,
  brought: Pick<LaneRecord, "contribution" | "pushes">,
): LaneRecord {
  const { labels, weights, oracle, times, ids } = batch;
  return {
    ...place,
    position,
    ended,
    rejects,
    schemas,
    tombstones,
    ...brought,
    labels,
    weights,
    oracle,
    times,
    ids,
    distinct,
  };
}

export function packRecord(record: LaneRecord): Uint8Array {
  const { round, lane, digest, position, ended, schemas, tombstones, pushes } = record;
  const { labels, weights, oracle, times, ids, distinct } = record;
  const head: Head = { round, lane, digest, position, ended, schemas, tombstones, ...(pushes && { pushes }) };
  const [contribution, rejects] = [packContribution(record.contribution), serialize(record.rejects)];
  return packArrays(head, [contribution, labels, weights, oracle, times, ids, distinct, rejects]);
}

/** @throws Error where bytes are missing or others */
export function unpackRecord(bytes: Uint8Array): LaneRecord {
  const { head, arrays } = unpackArrays(bytes);
  const [contribution, labels, weights, oracle, times, ids, distinct, rejects] = arrays;
  return {
    ...(head as Head),
    rejects: deserialize(rejects as Uint8Array) as RejectedRow[],
    contribution: unpackContribution(contribution as Uint8Array, true),
    labels: labels as Float32Array,
    weights: weights as Float32Array,
    oracle: oracle as Float32Array,
    times: times as Float64Array,
    ids: ids as BigUint64Array,
    distinct: distinct as Uint32Array,
  };
}

/**
 * The round's events as one batch: all that is counted of them, without keys and numbers, which contributions stand for.
 * @param buffer of the layout's size, whose keys and numbers are left as they are
 */
export function batchOf(layout: BatchLayout, records: readonly LaneRecord[], buffer: ArrayBuffer): Batch {
  const rows = records.reduce((sum, { labels }) => sum + labels.length, 0);
  const batch = new Batch(layout, rows, buffer);
  let at = 0;
  for (const { labels, weights, oracle, times, ids } of records) {
    batch.labels.set(labels, at);
    batch.weights.set(weights, at);
    batch.oracle.set(oracle, at);
    batch.times.set(times, at);
    batch.ids.set(ids, at);
    at += labels.length;
  }
  return batch;
}
