import { deserialize, serialize } from "node:v8";
import { Batch, type BatchLayout } from "../../core/batch.js";
import { packArrays, unpackArrays } from "../../core/packed-arrays.js";
import { type Contribution, contributionPart, unpackContribution } from "../../model/contribution.js";
import type { KnownSchemas } from "../../schema-registry/topic-schemas.js";
import type { TopicPosition } from "../ordering/merge.js";
import type { RejectedRow } from "../rejects/rejects.js";
import type { LaneEvents } from "./lane-reader.js";

/** Maximum bytes of a record, which is one message. */
export const MOST_RECORD = 64 << 20;
/** Bytes of rejected messages at which a round is closed: they are part of its record. */
export const MOST_REJECTED = 8 << 20;

/** A lane's message for a round: its contribution, and what metrics need of its events. */
export interface LaneRecord {
  readonly round: number;
  readonly lane: number;
  /** Number of the process that sent it; absent in records of older versions. */
  readonly by?: number | undefined;
  /**
   * Digest of the weights that the contribution was computed with: 16 hex digits; empty if there is only one process.
   */
  readonly digest: string;
  readonly position: TopicPosition;
  readonly ended: boolean;
  readonly rejects: readonly RejectedRow[];
  /** Schemas that its events name for the first time, as far as the process that read them knows. */
  readonly schemas: KnownSchemas;
  /** Number of messages without a value. */
  readonly tombstones: number;
  /** With owners: the name of the message sent to each shard before this record (`Push.name`), by shard number. */
  readonly pushes?: Readonly<Record<number, string>> | undefined;
  readonly contribution: Contribution;
  /** `labels`, `weights`, `oracle`: f32[rows]; `times`: f64[rows]; `ids`: u64[rows]; `distinct`: as in `Taken`. */
  readonly labels: Float32Array;
  readonly weights: Float32Array;
  readonly oracle: Float32Array;
  readonly times: Float64Array;
  readonly ids: BigUint64Array;
  readonly distinct: Uint32Array;
}

type Head = Pick<
  LaneRecord,
  "round" | "lane" | "by" | "digest" | "position" | "ended" | "schemas" | "tombstones" | "pushes"
>;

/** Combines a lane's events and their contribution in a record. */
export function recordOf(
  place: Pick<LaneRecord, "round" | "lane" | "by" | "digest">,
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
  const { round, lane, by, digest, position, ended, schemas, tombstones, pushes } = record;
  const { labels, weights, oracle, times, ids, distinct } = record;
  const head: Head = { round, lane, by, digest, position, ended, schemas, tombstones, ...(pushes && { pushes }) };
  const contribution = contributionPart(record.contribution);
  const rejects = serialize(record.rejects);
  return packArrays(head, [contribution, labels, weights, oracle, times, ids, distinct, rejects]);
}

/**
 * @param views as for `unpackArrays`
 * @throws Error if bytes are missing or malformed
 */
export function unpackRecord(bytes: Uint8Array, views = false): LaneRecord {
  const { head, arrays } = unpackArrays(bytes, views);
  const [contribution, labels, weights, oracle, times, ids, distinct, rejects] = arrays;
  return {
    ...(head as Head),
    // Its arrays are views of what it is given, and are kept longer than the record.
    rejects: deserialize((rejects as Uint8Array).slice()) as RejectedRow[],
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
 * The round's events as one batch with all that metrics need; contributions replace its keys and numbers.
 * @param buffer of `layout.bytes`; its regions of keys and numbers are left unchanged
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
