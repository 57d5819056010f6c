import type { Batch } from "../core/batch.js";
import type { CompiledSpec, EncodingSpec } from "../spec/compiled.js";
import { type Clock, NO_CLOCK } from "../tables/encoding.js";
import type { StateBlock } from "./model.js";

const BLOCK = "model/clock";

/**
 * Where the stream is that a model learns: the newest event's time, and the examples so far. It is part of the model's state where
 * ids come and go by it.
 */
export class StreamClock {
  /** Whether any table goes by the clock. */
  private readonly saved: boolean;
  private time = 0;
  private examples = 0;

  constructor(spec: CompiledSpec) {
    this.saved = spec.tables.some(goesByClock);
  }

  /** The clock for a batch about to be learned: its own events' times included. It stands still where nothing goes by it. */
  before(batch: Batch): Clock {
    if (!this.saved) return NO_CLOCK;
    return { time: newest(batch, this.time), examples: this.examples };
  }

  /** Counts a batch that was learned. */
  count(batch: Batch): void {
    if (!this.saved) return;
    this.time = newest(batch, this.time);
    this.examples += batch.rows;
  }

  blocks(): StateBlock[] {
    if (!this.saved) return [];
    const data = new Uint8Array(Float64Array.of(this.time, this.examples).buffer);
    return [{ name: BLOCK, dtype: "F64", shape: [2], data }];
  }

  restore(blocks: ReadonlyMap<string, StateBlock>): void {
    const data = this.saved ? blocks.get(BLOCK)?.data : undefined;
    if (data) [this.time, this.examples] = new Float64Array(data.slice().buffer);
  }
}

function newest(batch: Batch, time: number): number {
  return batch.times.reduce((latest, t) => (t > latest ? t : latest), time);
}

function goesByClock({ admission, eviction, hot_cold }: EncodingSpec): boolean {
  return admission !== undefined || eviction !== undefined || hot_cold !== undefined;
}
