import { floatsOf, halvesOf, roundToBf16, type Sums } from "../core/bf16.js";
import { type Packable, type Part, packedPart, unpackArrays, written } from "../core/packed-arrays.js";
import type { TableContribution } from "../tables/contribution.js";

/** What one lane's events contribute to a round: copies that can cross threads and processes. */
export interface Contribution {
  /** Number of its events, scored before anything of the round was learned. */
  readonly rows: number;
  /** Of these, those that are included in the gradients; 0 if these were not finite, or nothing was to be learned. */
  readonly learned: number;
  /** Events that change nothing because their gradient was not finite. */
  readonly skipped: number;
  /** f32[rows], as `Learned.logits`. */
  readonly logits: Float32Array;
  /** Sums over its events: of weights, of weight times label. */
  readonly weight: number;
  readonly positive: number;
  /** Whether gradients are bf16 numbers, which are sent in two bytes each; absent if they are not. */
  readonly bf16?: true;
  /** For every table that learns; empty if nothing is learned. */
  readonly tables: readonly TableContribution[];
  /** Sums of the dense weights' gradients, concatenated. */
  readonly dense: Sums;
  /** The sum of dX's squares over the tables that learn. */
  readonly squares: number;
  /** f32[rows × numbers] if there are statistics to update, else empty. */
  readonly numbers: Float32Array;
  /** f64[rows] if the stream's clock needs them, else empty. */
  readonly times: Float64Array;
}

type Head = Pick<Contribution, "rows" | "learned" | "skipped" | "weight" | "positive" | "squares" | "bf16"> & {
  /** For every table: rows its network ran for (null: it has none), and whether its running statistics follow. */
  readonly decoders: readonly (readonly [rows: number, statistics: boolean] | null)[];
  /** For every table: keys that were sent to the owners of its shards. Absent if there are none. */
  readonly sent?: readonly number[];
};

export const packContribution = (contribution: Contribution): Uint8Array => written(contributionPart(contribution));

/** As `packContribution`, for bytes that are part of others. */
export function contributionPart(contribution: Contribution): Part {
  const { rows, learned, skipped, weight, positive, squares, tables } = contribution;
  const decoders = tables.map(({ decoder }) => decoder && ([decoder.rows, decoder.statistics !== null] as const));
  const { logits, dense, numbers, times, bf16 } = contribution;
  const sums = bf16 ? halvesOf : floatsOf;
  const arrays: (Packable | Part)[] = [logits, sums(dense), numbers, times];
  for (const { keys, gradients, decoder } of tables)
    arrays.push(
      keys,
      sums(gradients),
      ...(decoder ? [sums(decoder.weights), ...(decoder.statistics ? [decoder.statistics] : [])] : []),
    );
  const sent = tables.map(({ sent = 0 }) => sent);
  const others = { ...(bf16 && { bf16 }), ...(sent.some((keys) => keys > 0) && { sent }) };
  return packedPart({ rows, learned, skipped, weight, positive, squares, decoders, ...others }, arrays);
}

/** Rounds all sums of gradients in place, so that the local fold uses the same values as those who receive them. */
export function roundGradients({ tables, dense }: Pick<Contribution, "tables" | "dense">): void {
  roundToBf16(dense);
  for (const { gradients, decoder, shards = [] } of tables) {
    roundToBf16(gradients);
    for (const shard of shards) roundToBf16(shard.gradients);
    if (decoder) roundToBf16(decoder.weights);
  }
}

/**
 * @param views as for `unpackArrays`
 * @throws RangeError, SyntaxError if bytes are missing or malformed
 */
export function unpackContribution(bytes: Uint8Array, views = false): Contribution {
  const { head, arrays } = unpackArrays(bytes, views);
  const { decoders, sent, ...sums } = head as Head;
  const floats = () => arrays.shift() as Float32Array;
  const gradientSums = () => arrays.shift() as Sums;
  const logits = floats();
  const dense = gradientSums();
  const numbers = floats();
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
