import type { DecodedBatch } from "../stream.js";

/** What the consumer receives: a batch to learn, a batch to score only, or the end of such a pass. */
export type Piece =
  | { readonly kind: "learn" | "validate"; readonly decoded: DecodedBatch }
  /** All validation events have been delivered. */
  | { readonly kind: "validated"; readonly epoch: number | null };

export interface ValidatedOptions {
  /** Passes over the data that end before the first batch. */
  readonly epochs: number;
  /** Passes that an earlier run has validated. */
  readonly done: number;
  /** Events still to be read; Infinity = all. */
  readonly limit: number;
  /** All validation events; null: there are none. */
  readonly validation: (() => AsyncIterable<DecodedBatch>) | null;
}

/**
 * Batches to learn and, after the batch in which a pass over the data ends, all validation events. If several passes
 * end in one batch they are validated once. Validation changes no batch that is learned. A run that ends at its limit
 * is validated at that point (`epoch` null).
 */
export async function* validated(
  batches: AsyncIterable<DecodedBatch>,
  { epochs, done, limit, validation }: ValidatedOptions,
): AsyncGenerator<Piece> {
  let validatedEpochs = done;
  let left = limit;
  async function* validate(epoch: number | null): AsyncGenerator<Piece> {
    for await (const decoded of validation!()) yield { kind: "validate", decoded };
    validatedEpochs = epoch ?? validatedEpochs;
    yield { kind: "validated", epoch };
  }
  if (validation && epochs > validatedEpochs) yield* validate(epochs);
  for await (const decoded of batches) {
    left -= decoded.rows;
    yield { kind: "learn", decoded };
    if (validation && decoded.epochs > validatedEpochs) yield* validate(decoded.epochs);
  }
  if (validation && left === 0 && Number.isFinite(limit)) yield* validate(null);
}
