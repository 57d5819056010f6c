import { Batch, type BatchLayout } from "../../core/batch.js";
import type { StreamPosition } from "../job.js";
import type { DecodedBatch } from "../stream.js";

/** How far impressions were read again. Plain JSON. */
export interface TailState {
  /** Impressions read. */
  readonly rows: number;
  /** The position after them. */
  readonly position: StreamPosition;
}

/** Rows of a piece that is read again, except for the last one. */
export const pieceRows = ({ capacity }: Pick<BatchLayout, "capacity">): number => Math.max(1, capacity >> 1);

/** The batches of impressions from a position on. */
export type OpenImpressions = (start: StreamPosition) => AsyncIterable<DecodedBatch>;

/** Reads impressions again when they reach an age, one piece at a time. */
export class Tail {
  /** The age of impressions that this reader handles, in ms. */
  readonly age: number;
  /** The previous age: clicks up to it were handled by the reader before. */
  readonly from: number;
  private readonly layout: BatchLayout;
  private readonly batches: AsyncIterator<DecodedBatch>;
  private at: TailState;
  private next: { readonly batch: Batch; readonly position: StreamPosition } | null = null;
  private ended = false;

  /** @param ages the previous age, and this one */
  constructor([from, age]: readonly [number, number], layout: BatchLayout, open: OpenImpressions, state: TailState) {
    this.from = from;
    this.age = age;
    this.layout = layout;
    this.at = state;
    this.batches = open(state.position)[Symbol.asyncIterator]();
  }

  get state(): TailState {
    return this.at;
  }

  /** The next piece; null: there are no more impressions. */
  async peek(): Promise<Batch | null> {
    while (this.next === null && !this.ended) {
      const { value, done } = await this.batches.next();
      if (done) this.ended = true;
      else this.take(value);
    }
    return this.next?.batch ?? null;
  }

  /** Moves past the piece. */
  pass(): void {
    const { batch, position } = this.next!;
    this.at = { rows: this.at.rows + batch.rows, position };
    this.next = null;
  }

  /** Ends the reading, wherever it is. */
  async close(): Promise<void> {
    await this.batches.return?.();
  }

  private take({ rows, buffer, position }: DecodedBatch): void {
    if (rows > 0) this.next = { batch: new Batch(this.layout, rows, buffer), position };
    // Only rejected rows.
    else this.at = { ...this.at, position };
  }
}
