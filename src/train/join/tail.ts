import { Batch, type BatchLayout } from "../../core/batch.js";
import type { StreamPosition } from "../job.js";
import type { DecodedBatch } from "../stream.js";

/** How far impressions were read again. Plain JSON. */
export interface TailState {
  /** Impressions. */
  readonly rows: number;
  /** Right behind them. */
  readonly position: StreamPosition;
}

/** Rows of a piece that is read again, unless it is the last one. */
export const pieceRows = ({ capacity }: Pick<BatchLayout, "capacity">): number => Math.max(1, capacity >> 1);

/** The batches of impressions from a place on. */
export type OpenImpressions = (start: StreamPosition) => AsyncIterable<DecodedBatch>;

/** Impressions that are read again when they are of an age, a piece after the other. */
export class Tail {
  /** Of the impressions at which this looks, in ms. */
  readonly age: number;
  /** Those of the age before have been told of: clicks up to it. */
  readonly from: number;
  private readonly layout: BatchLayout;
  private readonly batches: AsyncIterator<DecodedBatch>;
  private at: TailState;
  private next: { readonly batch: Batch; readonly position: StreamPosition } | null = null;
  private ended = false;

  /** @param ages the age before, and this one */
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

  /** The piece that comes next; null: there are no more impressions. */
  async peek(): Promise<Batch | null> {
    while (this.next === null && !this.ended) {
      const { value, done } = await this.batches.next();
      if (done) this.ended = true;
      else this.take(value);
    }
    return this.next?.batch ?? null;
  }

  /** Goes on behind the piece. */
  pass(): void {
    const { batch, position } = this.next!;
    this.at = { rows: this.at.rows + batch.rows, position };
    this.next = null;
  }

  private take({ rows, buffer, position }: DecodedBatch): void {
    if (rows > 0) this.next = { batch: new Batch(this.layout, rows, buffer), position };
    // Nothing but rejected rows.
    else this.at = { ...this.at, position };
  }
}
