import { type BlockSize, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import { type CellList, FACTOR, TOTALS } from "./score-cells.js";

/** Older checkpoints counted logits from -16 to 16 in equal bins: f64[8] totals, then negatives and positives per bin. */
const RANGE = 16;

interface Counted {
  readonly totals: Float64Array<ArrayBuffer>;
  readonly list: CellList;
}

/** The state in that format. A bin's examples are placed at its middle. */
export interface Histograms {
  readonly rows: number;
  readonly segmentRows: number;
  /** f64[10] per finished window. */
  readonly windows: Float64Array<ArrayBuffer>;
  readonly all: Counted;
  readonly window: Counted;
  /** The last one is open. */
  readonly segments: readonly Counted[];
}

/**
 * Reads the state from blocks named `prefix`/…; undefined if they have another format.
 * @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong size
 */
export function histograms(prefix: string, blocks: SavedBlocks): Histograms | undefined {
  if (!blocks.has(`${prefix}/accumulators`)) return undefined;
  const floats = (name: string, size: BlockSize) => savedNumbers(blocks, `${prefix}/${name}`, size);
  const [rows, segmentRows] = floats("position", { bytes: 16 });
  const used = Math.floor(rows / segmentRows) + 1;
  const [open, window, all] = split(floats("accumulators", { each: 24 }), 3);
  const segments = split(floats("segments", { each: 8 * used }), used);
  for (const sum of [window, all, segments[used - 1]]) addHistogram(sum, open);
  const windows = floats("windows", { each: 80 });
  return { rows, segmentRows, windows, all: counted(all), window: counted(window), segments: segments.map(counted) };
}

/** A segment has fewer bins than the histogram it is added to. */
function addHistogram(into: Float64Array, from: Float64Array): void {
  const fold = (from.length - TOTALS) / (into.length - TOTALS);
  for (let i = 0; i < TOTALS; i++) into[i] += from[i];
  for (let i = TOTALS; i < from.length; i++) {
    const bin = Math.floor((i - TOTALS) / 2 / fold);
    into[TOTALS + bin * 2 + (i % 2)] += from[i];
  }
}

function counted(histogram: Float64Array): Counted {
  const bins = (histogram.length - TOTALS) / 2;
  const cells: number[] = [];
  for (let bin = 0; bin < bins; bin++) {
    const [negatives, positives] = histogram.subarray(TOTALS + bin * 2, TOTALS + bin * 2 + 2);
    if (negatives + positives > 0) cells.push(cellOf(((bin + 0.5) / bins) * 2 * RANGE - RANGE), negatives, positives);
  }
  const totals = Float64Array.from(histogram.subarray(0, TOTALS));
  totals[FACTOR] = 1;
  return { totals, list: Float64Array.from(cells) };
}

/** The id of the cell that holds exactly one number. */
function cellOf(score: number): number {
  const bits = new Uint32Array(Float32Array.of(score).buffer)[0];
  const place = bits >>> 31 ? ~bits >>> 0 : (bits | 0x80000000) >>> 0;
  return place * 64 + 32;
}

/** Splits into copies of equal length. */
export function split(floats: Float64Array, parts: number): Float64Array<ArrayBuffer>[] {
  const each = floats.length / parts;
  return Array.from({ length: parts }, (_, i) => new Float64Array(floats.subarray(i * each, (i + 1) * each)));
}
