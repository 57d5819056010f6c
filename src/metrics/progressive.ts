import { ensureBytes } from "../kernels/wasm.js";
import { blockData, bytesOf, type MetricBlock } from "./block.js";
import { type MetricKernel, metricKernel } from "./kernel.js";

/** Metrics of a run of examples, weighted by importance; null where undefined (no examples, one class only). */
export interface Metrics {
  /** The run is rows [from, to) of the stream, counted from 0. */
  readonly from: number;
  readonly to: number;
  /** Rows counted: all but those whose score, label or weight was not finite. */
  readonly examples: number;
  readonly skipped: number;
  /** Mean logarithmic loss. */
  readonly logloss: number | null;
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /** logloss / entropy of the run's own click rate: below 1 is better than always predicting that rate (He et al. 2014). */
  readonly normalized_entropy: number | null;
  /** Predicted ÷ actual clicks: above 1 is over-prediction. */
  readonly calibration: number | null;
}

export interface ProgressiveOptions {
  /** Rows per tumbling window. */
  readonly window: number;
  /** What `add` gets: the model's logits (default), or true probabilities (the oracle of simulated data). */
  readonly scores?: "logits" | "probabilities";
}

/** Bins of the AUC histograms over logits -16..16: slices of 1/512. */
const BINS = 1 << 14;
/** Segments keep 2^2 times fewer bins: slices of 1/128. */
const FOLD = 2;
/** Between half of this and this many segments cover the stream. */
const SEGMENTS = 64;
const FIRST_SEGMENT_ROWS = 1024;
/** Finished windows remembered. */
const HISTORY = 1000;
/** Rows handed to the kernel at a time. */
const CHUNK_ROWS = 4096;

type Result = readonly number[];

/**
 * Test-then-train metrics of a stream, in bounded memory: give it every example's score from before the example was learned.
 * It knows the lifetime, tumbling windows of exactly `window` rows, and, through 32 to 64 equal segments whose width doubles
 * as the stream grows, any trailing share of the stream.
 *
 * AUC comes from a histogram of the logit; pairs inside a bin count 1/2. Its error is below 1e-4 from 5,000 rows on when the
 * logits' standard deviation is at least 0.3. The state is the same bytes for the same rows, however
 * they were cut into calls of `add`.
 */
export class ProgressiveMetrics {
  private readonly window: number;
  private readonly probabilities: number;
  private readonly kernel: MetricKernel;
  private readonly memory: WebAssembly.Memory;
  /** Addresses: input rows, results, and accumulators. `chunk` holds the rows since the last end of a window or segment. */
  private readonly at: { input: number; result: number; chunk: number; window: number; lifetime: number; sum: number };
  private readonly segmentsAt: number;
  private readonly bytes: { fine: number; coarse: number };
  private rows = 0;
  private segmentRows = FIRST_SEGMENT_ROWS;
  private finished: Result[] = [];

  constructor(options: ProgressiveOptions) {
    const { memory, kernel, base } = metricKernel();
    this.window = options.window;
    this.probabilities = options.scores === "probabilities" ? 1 : 0;
    this.kernel = kernel;
    this.memory = memory;
    const fine = kernel.accumulatorBytes(BINS);
    const coarse = kernel.accumulatorBytes(BINS >> FOLD);
    const result = base + CHUNK_ROWS * 12;
    const chunk = result + 64;
    this.bytes = { fine, coarse };
    this.at = { input: base, result, chunk, window: chunk + fine, lifetime: chunk + 2 * fine, sum: chunk + 3 * fine };
    this.segmentsAt = chunk + 4 * fine;
    ensureBytes(memory, this.segmentsAt + SEGMENTS * coarse);
  }

  /**
   * Counts examples in stream order.
   * @param scores f32[n] logits (or probabilities, see the options)
   * @param labels f32[n], 0 or 1; a soft label y counts as a positive of weight y and a negative of weight 1 - y
   * @param weights f32[n] importance
   */
  add(scores: Float32Array, labels: Float32Array, weights: Float32Array): void {
    for (let from = 0; from < scores.length; ) {
      const to = Math.min(scores.length, from + CHUNK_ROWS, from + this.rowsToBoundary());
      this.accumulate(scores.subarray(from, to), labels.subarray(from, to), weights.subarray(from, to));
      this.rows += to - from;
      from = to;
      if (this.rows % this.window === 0 || this.rows % this.segmentRows === 0) this.closeChunk();
    }
  }

  /** Metrics of the whole stream so far. */
  lifetime(): Metrics {
    return this.fineSum(this.at.lifetime, 0);
  }

  /** Metrics of the window that is still open. */
  current(): Metrics {
    return this.fineSum(this.at.window, this.rows - (this.rows % this.window));
  }

  /** The finished windows, oldest first; the newest 1000 are kept. */
  get windows(): Metrics[] {
    return this.finished.map(([from, to, ...values]) => metrics(from, to, values));
  }

  /** Metrics of about the last `share` (0..1) of the stream: it starts at the nearest end of a segment, and says where. */
  last(share: number): Metrics {
    const open = Math.floor(this.rows / this.segmentRows);
    const nearest = Math.round((this.rows * (1 - share)) / this.segmentRows);
    const newest = this.rows % this.segmentRows === 0 ? open - 1 : open;
    const first = Math.max(0, Math.min(nearest, newest));
    this.clear(this.at.sum, this.bytes.coarse);
    for (let s = first; s <= open; s++) this.kernel.merge(this.segment(s), this.at.sum, BINS >> FOLD, 0);
    this.kernel.merge(this.at.chunk, this.at.sum, BINS, FOLD);
    return metrics(first * this.segmentRows, this.rows, this.evaluate(this.at.sum, BINS >> FOLD));
  }

  /** The state, as blocks named `prefix`/…; views, valid until the next call of `add`. */
  blocks(prefix: string): MetricBlock[] {
    const block = (name: string, shape: number[], data: Uint8Array): MetricBlock => {
      return { name: `${prefix}/${name}`, dtype: "F64", shape, data };
    };
    const fine = this.bytes.fine / 8;
    const used = this.usedSegments();
    return [
      block("position", [2], bytesOf(Float64Array.of(this.rows, this.segmentRows))),
      block("windows", [this.finished.length, 10], bytesOf(Float64Array.from(this.finished.flat()))),
      block("accumulators", [3, fine], this.view(this.at.chunk, 3 * this.bytes.fine)),
      block("segments", [used, this.bytes.coarse / 8], this.view(this.segmentsAt, used * this.bytes.coarse)),
    ];
  }

  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong size */
  restore(prefix: string, blocks: ReadonlyMap<string, MetricBlock>): void {
    const floats = (name: string, size: { bytes: number } | { each: number }) =>
      new Float64Array(blockData(blocks, `${prefix}/${name}`, size).slice().buffer);
    const [rows, segmentRows] = floats("position", { bytes: 16 });
    const windows = floats("windows", { each: 80 });
    const accumulators = blockData(blocks, `${prefix}/accumulators`, { bytes: 3 * this.bytes.fine });
    const used = Math.floor(rows / segmentRows) + 1;
    const segments = blockData(blocks, `${prefix}/segments`, { bytes: used * this.bytes.coarse });
    this.rows = rows;
    this.segmentRows = segmentRows;
    this.finished = Array.from({ length: windows.length / 10 }, (_, i) => [...windows.subarray(i * 10, i * 10 + 10)]);
    this.view(this.at.chunk, accumulators.length).set(accumulators);
    this.clear(this.segmentsAt, SEGMENTS * this.bytes.coarse);
    this.view(this.segmentsAt, segments.length).set(segments);
  }

  private rowsToBoundary(): number {
    return Math.min(this.window - (this.rows % this.window), this.segmentRows - (this.rows % this.segmentRows));
  }

  private accumulate(scores: Float32Array, labels: Float32Array, weights: Float32Array): void {
    const rows = scores.length;
    const input = new Float32Array(this.memory.buffer, this.at.input, CHUNK_ROWS * 3);
    input.set(scores, 0);
    input.set(labels, CHUNK_ROWS);
    input.set(weights, CHUNK_ROWS * 2);
    const address = (column: number) => this.at.input + column * CHUNK_ROWS * 4;
    this.kernel.accumulate(this.at.chunk, BINS, address(0), this.probabilities, address(1), address(2), rows);
  }

  /** Hands the chunk on to the lifetime, its window and its segment. */
  private closeChunk(): void {
    const { chunk, window, lifetime } = this.at;
    this.kernel.merge(chunk, lifetime, BINS, 0);
    this.kernel.merge(chunk, window, BINS, 0);
    this.kernel.merge(chunk, this.segment(Math.ceil(this.rows / this.segmentRows) - 1), BINS, FOLD);
    this.clear(chunk, this.bytes.fine);
    if (this.rows % this.window === 0) this.closeWindow();
    if (this.rows === SEGMENTS * this.segmentRows) this.widenSegments();
  }

  private closeWindow(): void {
    this.finished.push([this.rows - this.window, this.rows, ...this.evaluate(this.at.window, BINS)]);
    if (this.finished.length > HISTORY) this.finished.shift();
    this.clear(this.at.window, this.bytes.fine);
  }

  /** Merges neighbours, so that half as many segments of twice the width cover the same rows. */
  private widenSegments(): void {
    for (let s = 0; s < SEGMENTS; s++) {
      if (s > 0 && s % 2 === 0) this.clear(this.segment(s >> 1), this.bytes.coarse);
      if (s > 0) this.kernel.merge(this.segment(s), this.segment(s >> 1), BINS >> FOLD, 0);
    }
    this.clear(this.segment(SEGMENTS / 2), (SEGMENTS / 2) * this.bytes.coarse);
    this.segmentRows *= 2;
  }

  private usedSegments(): number {
    return Math.floor(this.rows / this.segmentRows) + 1;
  }

  private segment(index: number): number {
    return this.segmentsAt + index * this.bytes.coarse;
  }

  private fineSum(accumulator: number, from: number): Metrics {
    this.clear(this.at.sum, this.bytes.fine);
    this.kernel.merge(accumulator, this.at.sum, BINS, 0);
    this.kernel.merge(this.at.chunk, this.at.sum, BINS, 0);
    return metrics(from, this.rows, this.evaluate(this.at.sum, BINS));
  }

  private evaluate(accumulator: number, bins: number): Result {
    this.kernel.evaluate(accumulator, bins, this.at.result);
    return [...new Float64Array(this.memory.buffer, this.at.result, 8)];
  }

  private view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, bytes);
  }

  private clear(at: number, bytes: number): void {
    this.view(at, bytes).fill(0);
  }
}

function metrics(from: number, to: number, values: Result): Metrics {
  const [rows, skipped, , , logloss, auc, normalizedEntropy, calibration] = values;
  return {
    from,
    to,
    examples: rows - skipped,
    skipped,
    logloss: known(logloss),
    auc: known(auc),
    normalized_entropy: known(normalizedEntropy),
    calibration: known(calibration),
  };
}

function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
