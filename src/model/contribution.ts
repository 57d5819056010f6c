import { floatsOf, halvesOf, roundToBf16, type Sums } from "../core/bf16.js";
import { type Packable, packArrays, unpackArrays } from "../core/packed-arrays.js";
import type { TableContribution } from "../tables/contribution.js";

/** What one lane's events bring to a round: copies, which cross threads and processes. */
export interface Contribution {
  /** Its events, scored before anything of the round was learned. */
  readonly rows: number;
  /** Of these, those whose gradients it has; 0 where they were not finite, or none was to be learned. */
  readonly learned: number;
  /** Events that change nothing because their gradient was not finite. */
  readonly skipped: number;
  /** f32[rows], as `Learned.logits`. */
  readonly logits: Float32Array;
  /** Sums over its events: of weights, of weight times label. */
  readonly weight: number;
  readonly positive: number;
  /** Whether gradients are bf16 numbers, which travel in two bytes each: absent where they are not. */
  readonly bf16?: true;
  /** Of every table that learns; none where nothing is learned. */
  readonly tables: readonly TableContribution[];
  /** Sums of the dense weights' gradients, one weight behind the other. */
  readonly dense: Sums;
  /** The sum of dX's squares, over the tables that learn. */
  readonly squares: number;
  /** f32[rows × numbers] where statistics follow them, else none. */
  readonly numbers: Float32Array;
  /** f64[rows] where the stream's clock goes by them, else none. */
  readonly times: Float64Array;
}

type Head = Pick<Contribution, "rows" | "learned" | "skipped" | "weight" | "positive" | "squares" | "bf16"> & {
  /** Of every table: rows its network ran for (null: it has none), and whether its running statistics follow. */
  readonly decoders: readonly (readonly [rows: number, statistics: boolean] | null)[];
  /** Of every table: keys that were sent to owners of its shards. Absent where none is. */
  readonly sent?: readonly number[];
};

export function packContribution(contribution: Contribution): Uint8Array {
  const { rows, learned, skipped, weight, positive, squares, tables } = contribution;
  const decoders = tables.map(({ decoder }) => decoder && ([decoder.rows, decoder.statistics !== null] as const));
  const { logits, dense, numbers, times, bf16 } = contribution;
  const sums = bf16 ? halvesOf : floatsOf;
  const arrays: Packable[] = [logits, sums(dense), numbers, times];
  for (const { keys, gradients, decoder } of tables)
    arrays.push(
      keys,
      sums(gradients),
      ...(decoder ? [sums(decoder.weights), ...(decoder.statistics ? [decoder.statistics] : [])] : []),
    );
  const sent = tables.map(({ sent = 0 }) => sent);
  const others = { ...(bf16 && { bf16 }), ...(sent.some((keys) => keys > 0) && { sent }) };
  return packArrays({ rows, learned, skipped, weight, positive, squares, decoders, ...others }, arrays);
}

/** Rounds all sums of gradients, in place, so that whoever folds them has what travels. */
export function roundGradients({ tables, dense }: Pick<Contribution, "tables" | "dense">): void {
  roundToBf16(dense);
  for (const { gradients, decoder, shards = [] } of tables) {
    roundToBf16(gradients);
    for (const shard of shards) roundToBf16(shard.gradients);
    if (decoder) roundToBf16(decoder.weights);
  }
}

/** @param views as for `unpackArrays` @throws RangeError, SyntaxError where bytes are missing or others */
export function unpackContribution(bytes: Uint8Array, views = false): Contribution {
  const { head, arrays } = unpackArrays(bytes, views);
  const { decoders, sent, ...sums } = head as Head;
  const floats = () => arrays.shift() as Float32Array;
  const gradientSums = () => arrays.shift() as Sums;
  const [logits, dense, numbers] = [floats(), gradientSums(), floats()];
  const times = arrays.shift() as Float64Array;
  const tables = decoders.map((ran, t) => {
    const keys = arrays.shift() as BigUint64Array;
    const gradients = gradientSums();
    if (!ran) return { keys, gradients, ...(sent?.[t] && { sent: sent[t] }) };
    const [rows, follows] = ran;
    return {
      keys,
      gradients,
      decoder: { rows, weights: floatsOf(gradientSums()), statistics: follows ? floats() : null },
    };
  });
  return { ...sums, logits, dense, numbers, times, tables };
}
