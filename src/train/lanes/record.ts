import { Batch, type BatchLayout } from "../../core/batch.js";
import { packArrays, unpackArrays } from "../../core/packed-arrays.js";
import { type Contribution, packContribution, unpackContribution } from "../../model/contribution.js";
import type { TopicPosition } from "../ordering/merge.js";
import type { RejectedRow } from "../rejects.js";
import type { LaneEvents } from "./lane-reader.js";

/** What a lane tells of a round: what it brings to the weights, and what is counted of its events. */
export interface LaneRecord {
  readonly round: number;
  readonly lane: number;
  /** Of the weights it was made by: 16 hex digits. */
  readonly digest: string;
  readonly position: TopicPosition;
  readonly ended: boolean;
  readonly rejects: readonly RejectedRow[];
  readonly contribution: Contribution;
  /** f32[rows] each. */
  readonly labels: Float32Array;
  readonly weights: Float32Array;
  readonly oracle: Float32Array;
  readonly times: Float64Array;
  readonly ids: BigUint64Array;
  readonly distinct: Uint32Array;
}

type Head = Pick<LaneRecord, "round" | "lane" | "digest" | "position" | "ended"> & {
  readonly rejects: readonly (Omit<RejectedRow, "bytes"> & { readonly raw: string })[];
};

/** A lane's record of its events. */
export function recordOf(
  place: Pick<LaneRecord, "round" | "lane" | "digest">,
  { batch, distinct, rejects, position, ended }: LaneEvents,
  contribution: Contribution,
): LaneRecord {
  const { labels, weights, oracle, times, ids } = batch;
  return { ...place, position, ended, rejects, contribution, labels, weights, oracle, times, ids, distinct };
}

export function packRecord(record: LaneRecord): Uint8Array {
  const { round, lane, digest, position, ended, labels, weights, oracle, times, ids, distinct } = record;
  const rejects = record.rejects.map(({ bytes, ...rest }) => ({ ...rest, raw: Buffer.from(bytes).toString("base64") }));
  const head: Head = { round, lane, digest, position, ended, rejects };
  return packArrays(head, [packContribution(record.contribution), labels, weights, oracle, times, ids, distinct]);
}

/** @throws RangeError, SyntaxError where bytes are missing or others */
export function unpackRecord(bytes: Uint8Array): LaneRecord {
  const { head, arrays } = unpackArrays(bytes);
  const { rejects, ...place } = head as Head;
  const [contribution, labels, weights, oracle, times, ids, distinct] = arrays;
  return {
    ...place,
    rejects: rejects.map(({ raw, ...rest }) => ({ ...rest, bytes: new Uint8Array(Buffer.from(raw, "base64")) })),
    contribution: unpackContribution(contribution as Uint8Array),
    labels: labels as Float32Array,
    weights: weights as Float32Array,
    oracle: oracle as Float32Array,
    times: times as Float64Array,
    ids: ids as BigUint64Array,
    distinct: distinct as Uint32Array,
  };
}

/** The round's events as one batch: all that is counted of them, without keys and numbers, which contributions stand for. */
export function batchOf(layout: BatchLayout, records: readonly LaneRecord[]): Batch {
  const rows = records.reduce((sum, { labels }) => sum + labels.length, 0);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
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
