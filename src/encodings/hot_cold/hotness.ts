import { type Block, type SavedBlocks, savedBytes } from "../../core/blocks.js";
import { HashbrookError } from "../../core/errors.js";
import { type HotnessKernel, hotnessKernel } from "../../kernels/hotness.js";
import { constantOf, structOf, structsIn } from "../../kernels/layouts.js";
import type { HotnessCounters } from "../../tables/encoding.js";
import type { EncodingBase } from "../../tables/spec.js";
import type { HotColdOptions } from "./spec.js";

/**
 * Most ids that are promoted after one batch, which bounds the time it takes. The saved state has room for this many.
 */
const PROMOTIONS = 1024;

/** Ids that will get a row before the next batch, in the order in which they became hot. */
export interface Pending {
  readonly keys: BigUint64Array;
  readonly scores: Float32Array;
  /** The hot row that each takes over; 0xffffffff: a free one. */
  readonly victims: Uint32Array;
}

/**
 * How hot the ids of a table are: HotSketch (Zhang et al. 2024) for ids without a row, and one score per row for those
 * with one. An id with more than a share gamma of all scores stays in a sketch of w buckets, wherever it is placed,
 * with a probability over 1 - (1 - gamma) / (3 gamma w). Its size is fixed: 16 bytes per id the sketch can hold and 4
 * per row.
 */
export class Hotness {
  /**
   * u64[capacity], u32[capacity] (0xffffffff: no row) and f32[capacity]: keys, rows and gains of the batch to observe.
   */
  readonly keys: BigUint64Array;
  readonly rows: Uint32Array;
  readonly gains: Float32Array;
  readonly bytes: number;
  readonly kernel: HotnessKernel;
  private readonly name: string;
  private readonly bucketBytes: number;
  private readonly control: Uint8Array;
  private readonly scores: Uint8Array;
  private readonly sketch: Uint8Array;

  /**
   * @param capacity largest number of distinct keys in a batch
   * @throws HashbrookError table_full if it does not fit in 4 GiB
   */
  constructor(spec: EncodingBase, own: HotColdOptions, capacity: number) {
    const { threshold, decay, decay_steps, sketch_rows } = own;
    const { kernel, memory } = hotnessKernel();
    const buckets = Math.ceil(sketch_rows / constantOf("hotness", "CELLS"));
    const counterBytes = structOf("hotness", "Counters").size;
    this.bucketBytes = constantOf("hotness", "BUCKET_BYTES");
    this.name = spec.name;
    this.kernel = kernel;
    if (!kernel.open(capacity, buckets, spec.rows, PROMOTIONS, BigInt(`0x${spec.seed}`))) {
      throw new HashbrookError(
        "table_full",
        `table ${spec.name}: a sketch of ${sketch_rows} ids does not fit in 4 GiB`,
        {
          hint: "set a smaller sketch_rows",
        },
      );
    }
    kernel.configure(threshold, decay, decay_steps);
    const bytes = (at: { readonly value: number }, length: number): Uint8Array =>
      new Uint8Array(memory.buffer, at.value >>> 0, length);
    this.keys = new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, capacity);
    this.rows = new Uint32Array(memory.buffer, kernel.rowsAt.value >>> 0, capacity);
    this.gains = new Float32Array(memory.buffer, kernel.gainsAt.value >>> 0, capacity);
    this.control = bytes(kernel.controlAt, counterBytes + PROMOTIONS * structOf("hotness", "Entry").size);
    this.scores = bytes(kernel.scoresAt, spec.rows * 4);
    this.sketch = bytes(kernel.bucketsAt, buckets * this.bucketBytes);
    this.bytes = counterBytes + this.scores.length + this.sketch.length;
  }

  get counters(): HotnessCounters {
    const [{ promoted, demoted, keys, hotKeys }] = structsIn("hotness", "Counters", this.control, 1);
    return {
      promoted: Number(promoted),
      demoted: Number(demoted),
      keys: Number(keys),
      hot_keys: Number(hotKeys),
    };
  }

  /** The ids that became hot, removed from the sketch: give each a row. */
  takePending(): Pending {
    const count = this.kernel.takePending();
    const from = new Uint8Array(this.control.buffer, this.kernel.pendingAt() >>> 0);
    const entries = structsIn("hotness", "Entry", from, count);
    return {
      keys: BigUint64Array.from(entries, ({ key }) => BigInt(key)),
      scores: Float32Array.from(entries, ({ score }) => Number(score)),
      victims: Uint32Array.from(entries, ({ victim }) => Number(victim)),
    };
  }

  blocks(): Block[] {
    const { name, control, scores, sketch, bucketBytes } = this;
    return [
      { name: `table/${name}/hotness`, dtype: "U8", shape: [control.length], data: control },
      { name: `table/${name}/scores`, dtype: "F32", shape: [scores.length / 4], data: scores },
      { name: `table/${name}/sketch`, dtype: "U8", shape: [sketch.length / bucketBytes, bucketBytes], data: sketch },
    ];
  }

  /** @throws HashbrookError checkpoint_damaged if a block is missing or does not fit; nothing has changed then */
  restore(saved: SavedBlocks): void {
    const blocks = this.blocks().map(({ name, data }) => {
      return { data, from: savedBytes(saved, name, { bytes: data.byteLength }) };
    });
    for (const { data, from } of blocks) data.set(from);
  }
}
